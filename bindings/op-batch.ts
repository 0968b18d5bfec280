/**
 * A batch of operations in the form the engine reads, built without an object an operation: for those
 * who append millions a second. Operations take effect in order; a batch is a sequence, not a
 * transaction.
 *
 * `Engine.append` takes what is in a batch and leaves it empty, ready for the next operations: nothing
 * that is done to it afterwards reaches an append under way. If the append is refused at once
 * (CFS_QUEUE_FULL, CFS_CLOSED) the batch keeps its operations.
 *
 * A method that throws adds nothing.
 */
import { type Integer, type Text, checkInteger, checkObject, checkText } from './arguments';
import { CfsError, InvalidArgumentError, describe, invalidArgument, makeError } from './errors';
import {
  DESTINATION_IS_PATH,
  NAME_IS_PATH,
  RECORD_BYTES,
  type StringLengths,
  writeAttributes,
  writeHead,
  writeInodeOnly,
  writeNoAttributes,
  writePlaces,
  writeRdev,
} from './op-record';
import {
  type LinkOperation,
  type NamePlace,
  OP_NAMES,
  type ObjectPlace,
  type Operation,
  type OperationAttributes,
} from './operation';
import { type Slab, takeSlab } from './slab';

const CAPACITY_BYTES_DEFAULT = 64 * 1024;
/** What the engine's queue holds (kAppendQueueBytesMax). */
export const BATCH_BYTES_MAX = 64 * 1024 * 1024;

const OP_NUMBERS: ReadonlyMap<string, number> = new Map(
  OP_NAMES.map((name, index) => [name, index + 1]),
);
const OP_WRITE = 8;
const OP_SETATTR = 10;

/** What of an operation goes where in its record. */
interface Parts {
  inode: Integer | undefined;
  parent: Integer | undefined;
  newParent: Integer | undefined;
  name: Text;
  newName: Text;
  value: Text;
  flags: number;
}

/** Engine's way into a batch. */
export let batchSlab: (batch: OpBatch) => Slab | undefined;
export let handOver: (batch: OpBatch) => void;

export class OpBatch {
  static {
    batchSlab = (batch) => batch.#slab;
    handOver = (batch) => {
      batch.#slab = undefined;
      batch.#room = 0;
      batch.reset();
    };
  }

  #slab: Slab | undefined;
  /** Bytes of #slab. */
  #room = 0;
  #capacityBytes: number;
  #byteLength = 0;
  #count = 0;

  /** @param capacityBytes room to begin with; a batch grows as needed, to 64 MiB. */
  constructor(capacityBytes: number = CAPACITY_BYTES_DEFAULT) {
    this.#capacityBytes = checkInteger('capacityBytes', capacityBytes, 1, BATCH_BYTES_MAX);
  }

  /** Operations in the batch. */
  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#byteLength;
  }

  /** Empties the batch and keeps its memory. */
  reset(): void {
    this.#byteLength = 0;
    this.#count = 0;
  }

  /** Sets attributes of an inode. `shard` and `seq` are the source's own number, if it has them. */
  setattr(inode: Integer, attributes: OperationAttributes, shard?: number, seq?: Integer): this {
    const slab = this.#ensure(RECORD_BYTES);
    const at = this.#byteLength >>> 2;
    writeHead(slab, at, OP_SETATTR, 0, RECORD_BYTES, shard, seq);
    writeInodeOnly(slab, at, inode);
    writeAttributes(slab, at, attributes);
    return this.#commit(RECORD_BYTES);
  }

  /** States the result of a write: a file's size, mtime and extent map. */
  write(
    inode: Integer,
    size: Integer,
    mtimeNs: Integer,
    extentRef: Integer,
    shard?: number,
    seq?: Integer,
  ): this {
    const slab = this.#ensure(RECORD_BYTES);
    const at = this.#byteLength >>> 2;
    writeHead(slab, at, OP_WRITE, 0, RECORD_BYTES, shard, seq);
    writeInodeOnly(slab, at, inode);
    writeAttributes(slab, at, { size, mtimeNs, extentRef });
    return this.#commit(RECORD_BYTES);
  }

  add(operation: Operation): this {
    checkObject('operation', operation);
    const op = OP_NUMBERS.get(operation.op);
    if (op === undefined) {
      throw invalidArgument('op', operation.op, `one of ${OP_NAMES.join(', ')}`);
    }
    try {
      return this.#addChecked(op, operation);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw makeError(error.code, `${operation.op}: ${error.message}`);
    }
  }

  #addChecked(op: number, operation: Operation): this {
    const parts = partsOf(operation);
    const stringsMax = bytesMax(parts.name) + bytesMax(parts.newName) + bytesMax(parts.value);
    const slab = this.#ensure(RECORD_BYTES + stringsMax + 8);
    const start = this.#byteLength;
    const lengths = writeStrings(slab, start + RECORD_BYTES, parts);
    const end = start + RECORD_BYTES + lengths.name + lengths.newName + lengths.value;
    const paddedEnd = (end + 7) & ~7;
    for (let byte = end; byte < paddedEnd; byte++) slab.bytes[byte] = 0;

    const at = start >>> 2;
    const recordBytes = paddedEnd - start;
    writeHead(slab, at, op, parts.flags, recordBytes, operation.shard, operation.seq);
    writePlaces(slab, at, parts.inode, parts.parent, parts.newParent, lengths);
    writeAttributesOf(slab, at, operation);
    return this.#commit(recordBytes);
  }

  #commit(recordBytes: number): this {
    this.#byteLength += recordBytes;
    this.#count++;
    return this;
  }

  /** The slab, with room for `bytes` more. */
  #ensure(bytes: number): Slab {
    const needed = this.#byteLength + bytes;
    if (needed <= this.#room && this.#slab !== undefined) return this.#slab;
    return this.#grow(needed);
  }

  #grow(needed: number): Slab {
    if (needed > BATCH_BYTES_MAX) {
      throw makeError(
        'CFS_TOO_LARGE',
        `the batch would have up to ${needed} bytes, expected at most ${BATCH_BYTES_MAX}`,
      );
    }
    // A slab's capacity is a power of two, so growing doubles; the next slab starts as large.
    const slab = takeSlab(Math.max(needed, this.#capacityBytes));
    if (this.#slab !== undefined) slab.bytes.set(this.#slab.bytes.subarray(0, this.#byteLength));
    this.#slab = slab;
    this.#room = slab.capacityBytes;
    this.#capacityBytes = slab.capacityBytes;
    return slab;
  }
}

function bytesMax(text: Text): number {
  return typeof text === 'string' ? text.length * 3 : text.byteLength;
}

function writeStrings(slab: Slab, start: number, parts: Parts): StringLengths {
  const name = writeText(slab, start, parts.name);
  const newName = writeText(slab, start + name, parts.newName);
  return { name, newName, value: writeText(slab, start + name + newName, parts.value) };
}

function writeText(slab: Slab, offset: number, text: Text): number {
  if (text.length === 0) return 0;
  if (typeof text === 'string') return slab.bytes.write(text, offset, 'utf8');
  slab.bytes.set(text, offset);
  return text.byteLength;
}

function writeAttributesOf(slab: Slab, at: number, operation: Operation): void {
  switch (operation.op) {
    case 'create':
      writeAttributes(slab, at, operation);
      if (operation.rdev !== undefined) writeRdev(slab, at, operation.rdev);
      return;
    case 'mkdir':
    case 'symlink':
    case 'write':
    case 'truncate':
    case 'setattr': {
      writeAttributes(slab, at, operation);
      return;
    }
    case 'link':
    case 'unlink':
    case 'rmdir':
    case 'rename':
    case 'setxattr':
    case 'removexattr': {
      writeNoAttributes(slab, at);
      return;
    }
  }
}

function partsOf(operation: Operation): Parts {
  const parts: Parts = {
    inode: undefined,
    parent: undefined,
    newParent: undefined,
    name: '',
    newName: '',
    value: '',
    flags: 0,
  };
  switch (operation.op) {
    case 'create':
    case 'mkdir':
      takeName(parts, operation);
      parts.inode = operation.inode;
      break;
    case 'symlink':
      takeName(parts, operation);
      parts.inode = operation.inode;
      parts.value = checkText('target', operation.target);
      break;
    case 'link':
      takeLink(parts, operation);
      break;
    case 'unlink':
    case 'rmdir':
      takeName(parts, operation);
      break;
    case 'rename':
      takeName(parts, operation);
      takeDestination(parts, 'new', operation.newPath, operation.newParent, operation.newName);
      break;
    case 'write':
    case 'truncate':
      takeObject(parts, operation);
      requireGiven('size', operation.size);
      break;
    case 'setattr':
      takeObject(parts, operation);
      break;
    case 'setxattr':
      takeObject(parts, operation);
      parts.newName = checkText('key', operation.key);
      parts.value = checkText('value', operation.value);
      break;
    case 'removexattr':
      takeObject(parts, operation);
      parts.newName = checkText('key', operation.key);
      break;
  }
  return parts;
}

function requireGiven(argument: string, value: unknown): void {
  if (value === undefined) throw invalidArgument(argument, value, 'a value');
}

/** `path`, or `parent` and `name`. */
function takeName(parts: Parts, place: NamePlace): void {
  checkPlace('path', place.path, 'parent', place.parent, 'name', place.name);
  if (place.path !== undefined) {
    parts.name = checkText('path', place.path);
    parts.flags |= NAME_IS_PATH;
  } else {
    parts.parent = place.parent;
    parts.name = checkText('name', place.name);
  }
}

/** `inode`, or a name as above. */
function takeObject(parts: Parts, place: ObjectPlace): void {
  if (place.inode === undefined) {
    takeName(parts, place);
    return;
  }
  if (place.path !== undefined || place.parent !== undefined || place.name !== undefined) {
    throw new InvalidArgumentError(
      'CFS_INVALID_ARGUMENT',
      `the object is given twice, by inode ${describe(place.inode)} and by name: expected one`,
    );
  }
  parts.inode = place.inode;
}

/** The new name of a rename (`prefix` new) or of a link (no prefix). */
function takeDestination(
  parts: Parts,
  prefix: 'new' | '',
  path: Text | undefined,
  parent: Integer | undefined,
  name: Text | undefined,
): void {
  const [pathName, parentName, nameName] =
    prefix === 'new' ? ['newPath', 'newParent', 'newName'] : ['path', 'parent', 'name'];
  checkPlace(pathName, path, parentName, parent, nameName, name);
  if (path !== undefined) {
    parts.newName = checkText(pathName, path);
    parts.flags |= DESTINATION_IS_PATH;
  } else {
    parts.newParent = parent;
    parts.newName = checkText(nameName, name);
  }
}

function takeLink(parts: Parts, operation: LinkOperation): void {
  if ((operation.targetPath === undefined) === (operation.inode === undefined)) {
    throw new InvalidArgumentError(
      'CFS_INVALID_ARGUMENT',
      `targetPath is ${describe(operation.targetPath)} and inode is ${describe(operation.inode)}, ` +
        'expected one of them to say which file gets the new name',
    );
  }
  if (operation.targetPath !== undefined) {
    parts.name = checkText('targetPath', operation.targetPath);
    parts.flags |= NAME_IS_PATH;
  } else {
    parts.inode = operation.inode;
  }
  takeDestination(parts, '', operation.path, operation.parent, operation.name);
}

function checkPlace(
  pathName: string,
  path: unknown,
  parentName: string,
  parent: unknown,
  nameName: string,
  name: unknown,
): void {
  const byPath = path !== undefined && parent === undefined && name === undefined;
  const byName = path === undefined && parent !== undefined && name !== undefined;
  if (byPath || byName) return;
  const given = `${pathName} ${describe(path)}, ${parentName} ${describe(parent)}, ${nameName} ${describe(name)}`;
  throw new InvalidArgumentError(
    'CFS_INVALID_ARGUMENT',
    `got ${given}: expected ${pathName} alone, or ${parentName} with ${nameName}`,
  );
}

/** Adds every operation, or none: the error names the index of the one that is wrong. */
export function addAll(batch: OpBatch, operations: readonly Operation[]): void {
  operations.forEach((operation, index) => {
    try {
      batch.add(operation);
    } catch (error) {
      if (!(error instanceof CfsError)) throw error;
      throw makeError(error.code, `operations[${index}]: ${error.message}`);
    }
  });
}
