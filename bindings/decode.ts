/**
 * Frames as tail shows them. Native code verifies and decompresses; only what it has verified is read
 * here, with the accessors that flatc makes from native/schema/frame.fbs. The payload of each op is laid
 * out as native/schema/FORMAT.md, "Entries", says.
 */
import { ByteBuffer } from 'flatbuffers';
import { checkBytes } from './arguments';
import { EntryHeader } from './generated/cfsrepl/schema/entry-header';
import { FrameBody } from './generated/cfsrepl/schema/frame-body';
import { native } from './native';
import { OP_NAMES, type OpName } from './operation';
import { PayloadReader } from './payload-reader';
import type { FrameSummary, Origin } from './types';

/** The op that made a name: the name's identity for ever. */
export interface LinkIdentity extends Origin {
  lsn: bigint;
}

/**
 * One entry. What its op carries is there, the rest is not; names, targets, keys and values are bytes.
 * An op or schema that this build does not know is `unknown` and has its `payload` instead.
 */
export interface DecodedEntry extends Origin {
  lsn: bigint;
  hlc: bigint;
  shard: number;
  seq: bigint;
  inode: bigint;
  op: OpName | 'unknown';
  opNumber: number;
  schema: number;
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
  payload?: Uint8Array;
}

/** What the origin had seen of others when it wrote `fromLsn` and what follows, up to the next section. */
export interface SeenSection {
  fromLsn: bigint;
  seen: LinkIdentity[];
}

export interface ShardRange {
  shard: number;
  firstSeq: bigint;
  lastSeq: bigint;
}

const ENTRY_SCHEMA = 1;

/** A verified frame. Entries are decoded when asked for; their bytes are views of the frame's body. */
export class DecodedFrame implements Iterable<DecodedEntry> {
  readonly summary: FrameSummary;
  readonly entryCount: number;
  readonly #body: FrameBody;
  readonly #payload: Uint8Array;

  /** @internal `body` has been verified. */
  constructor(body: Uint8Array, summary: FrameSummary) {
    this.summary = summary;
    this.#body = FrameBody.getRootAsFrameBody(new ByteBuffer(body));
    this.#payload = this.#body.payloadArray() ?? new Uint8Array(0);
    this.entryCount = this.#body.entriesLength();
  }

  /** Entries are in LSN order; compaction leaves gaps. Throws RangeError past the last. */
  entry(index: number): DecodedEntry {
    if (!Number.isInteger(index) || index < 0 || index >= this.entryCount) {
      throw new RangeError(`entry ${index} of a frame that has ${this.entryCount}`);
    }
    const header = this.#body.entries(index, new EntryHeader());
    if (header === null) throw new RangeError(`entry ${index} of a frame that has none`);
    return decodeEntry(header, this.#payload, this.summary.incarnation);
  }

  *[Symbol.iterator](): Iterator<DecodedEntry> {
    for (let index = 0; index < this.entryCount; index++) yield this.entry(index);
  }

  get seen(): SeenSection[] {
    return indexed(this.#body.seenLength(), (index) => this.#body.seen(index)).map((section) => ({
      fromLsn: section.fromLsn(),
      seen: indexed(section.seenLength(), (index) => section.seen(index)).map((held) => ({
        site: held.site(),
        incarnation: held.incarnation(),
        lsn: held.lsn(),
      })),
    }));
  }

  /** The sources' numbers that the frame covers. */
  get shards(): ShardRange[] {
    return indexed(this.#body.shardsLength(), (index) => this.#body.shards(index)).map((range) => ({
      shard: range.shard(),
      firstSeq: range.firstSeq(),
      lastSeq: range.lastSeq(),
    }));
  }
}

/**
 * Verifies a whole frame on a worker thread. `frame` must not change until the promise settles.
 * Rejects with DataError (CFS_MALFORMED, CFS_CHECKSUM, CFS_UNSUPPORTED) or CFS_TOO_LARGE.
 */
export async function decodeFrame(frame: Uint8Array): Promise<DecodedFrame> {
  const { body, summary } = await native.openFrame(checkBytes('frame', frame));
  return new DecodedFrame(body, summary);
}

/** What a frame's first 128 bytes say, once checked; so `totalBytes` tells how many to wait for. */
export function peekFrame(prefix: Uint8Array): FrameSummary {
  return native.peekFrame(checkBytes('prefix', prefix));
}

/** Throws DataError unless `message` is a whole control message whose every offset lies inside it. */
export function verifyControl(message: Uint8Array): void {
  native.verifyControl(checkBytes('message', message));
}

function indexed<T>(length: number, at: (index: number) => T | null): T[] {
  const items: T[] = [];
  for (let index = 0; index < length; index++) {
    const item = at(index);
    if (item !== null) items.push(item);
  }
  return items;
}

function decodeEntry(
  header: EntryHeader,
  payloadArea: Uint8Array,
  incarnation: bigint,
): DecodedEntry {
  const opNumber = header.op();
  const schema = header.schema();
  const op = schema === ENTRY_SCHEMA ? OP_NAMES[opNumber - 1] : undefined;
  const start = header.payloadOffset();
  const payload = payloadArea.subarray(start, start + header.payloadBytes());
  const entry: DecodedEntry = {
    lsn: header.lsn(),
    hlc: header.hlc(),
    site: header.site(),
    incarnation,
    shard: header.shard(),
    seq: header.seq(),
    inode: header.inode(),
    op: op ?? 'unknown',
    opNumber,
    schema,
  };
  if (op === undefined) entry.payload = payload;
  else decodePayload(entry, op, new PayloadReader(payload));
  return entry;
}

function decodePayload(entry: DecodedEntry, op: OpName, reader: PayloadReader): void {
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

function decodeBirth(entry: DecodedEntry, op: OpName, reader: PayloadReader): void {
  reader.birthAttributes(entry);
  entry.parent = reader.unsigned();
  const nameBytes = reader.u16();
  const targetBytes = op === 'symlink' ? reader.u16() : 0;
  entry.name = reader.bytes(nameBytes);
  if (op === 'symlink') entry.target = reader.bytes(targetBytes);
}

function decodeRename(entry: DecodedEntry, reader: PayloadReader): void {
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
