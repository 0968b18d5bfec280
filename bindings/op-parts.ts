/** What an op carries, laid out as native/schema/FORMAT.md, "Entries", says. */
import type { OpName } from './operation';
import type { PayloadReader } from './payload-reader';
import type { Origin } from './types';

/** The op that made a name: the name's identity for ever. */
export interface LinkIdentity extends Origin {
  lsn: bigint;
}

/** What an op carries: names, targets, keys and values are bytes. */
export interface OpParts {
  /** The name made or removed, or the old name of a rename, and the directory it is in. */
  parent?: bigint;
  name?: Uint8Array;
  /** Which name goes or moves. */
  link?: LinkIdentity;
  newParent?: bigint;
  newName?: Uint8Array;
  /** What a rename put out of its place. */
  replacedInode?: bigint;
  replacedLink?: LinkIdentity;
  target?: Uint8Array;
  key?: Uint8Array;
  value?: Uint8Array;
  /** Of create, mkdir and symlink with type bits; else permission bits. */
  mode?: number;
  uid?: number;
  gid?: number;
  size?: bigint;
  extentRef?: bigint;
  atimeNs?: bigint;
  mtimeNs?: bigint;
  rdev?: number;
  fileFlags?: number;
  project?: number;
}

/** @internal For an entry, and for what an op of a conflict did. */
export function decodePayload(entry: OpParts, op: OpName, reader: PayloadReader): void {
  switch (op) {
    case 'create':
    case 'mkdir':
    case 'symlink': {
      decodeBirth(entry, op, reader);
      return;
    }
    case 'link':
      entry.parent = reader.unsigned();
      entry.name = reader.bytes(reader.u16());
      return;
    case 'unlink':
    case 'rmdir':
      entry.parent = reader.unsigned();
      entry.link = reader.linkIdentity();
      entry.name = reader.bytes(reader.u16());
      return;
    case 'rename': {
      decodeRename(entry, reader);
      return;
    }
    case 'write':
    case 'truncate':
    case 'setattr': {
      reader.attributes(entry);
      return;
    }
    case 'setxattr': {
      const keyBytes = reader.u16();
      const valueBytes = reader.u32();
      entry.key = reader.bytes(keyBytes);
      entry.value = reader.bytes(valueBytes);
      return;
    }
    case 'removexattr':
      entry.key = reader.bytes(reader.u16());
      return;
  }
}

function decodeBirth(entry: OpParts, op: OpName, reader: PayloadReader): void {
  reader.birthAttributes(entry);
  entry.parent = reader.unsigned();
  const nameBytes = reader.u16();
  const targetBytes = op === 'symlink' ? reader.u16() : 0;
  entry.name = reader.bytes(nameBytes);
  if (op === 'symlink') entry.target = reader.bytes(targetBytes);
}

function decodeRename(entry: OpParts, reader: PayloadReader): void {
  entry.parent = reader.unsigned();
  entry.newParent = reader.unsigned();
  entry.link = reader.linkIdentity();
  const replacedInode = reader.unsigned();
  const replacedLink = reader.linkIdentity();
  if (replacedInode !== 0n) {
    entry.replacedInode = replacedInode;
    entry.replacedLink = replacedLink;
  }
  const nameBytes = reader.u16();
  const newNameBytes = reader.u16();
  entry.name = reader.bytes(nameBytes);
  entry.newName = reader.bytes(newNameBytes);
}
