/**
 * One operation's record in a slab: the layout of native/core/engine/op_batch.h. Records are multiples
 * of 8 bytes and aligned, so their fields are written through typed arrays, every one of them, since a
 * slab has been used before.
 */
import type { Integer } from './arguments';
import { I64_MAX, I64_MIN, U16_MAX, U64_MAX } from './arguments';
import {
  FIELD_ATIME,
  FIELD_FLAGS,
  FIELD_MODE,
  FIELD_MTIME,
  FIELD_OWNER,
  FIELD_SIZE,
} from './attribute-fields';
import { invalidArgument } from './errors';
import type { OperationAttributes } from './operation';
import type { Slab } from './slab';

export const RECORD_BYTES = 120;

// OpFlag
const HAS_SEQ = 1;
const HAS_SHARD = 2;
export const NAME_IS_PATH = 4;
export const DESTINATION_IS_PATH = 8;
const HAS_KIND_BITS = 16;

// Offsets in 32-bit words.
const RECORD_LENGTH = 0;
const OP_FLAGS_SHARD = 1;
const SEQ = 2;
const INODE = 4;
const PARENT = 6;
const NEW_PARENT = 8;
const NAME_BYTES = 10;
const NEW_NAME_BYTES = 11;
const VALUE_BYTES = 12;
const RESERVED = 13;
const MASK = 14;
const MODE = 15;
const UID = 16;
const GID = 17;
const SIZE = 18;
const EXTENT_REF = 20;
const ATIME = 22;
const MTIME = 24;
const RDEV = 26;
const FILE_FLAGS = 27;
const PROJECT = 28;
const ATTRIBUTES_RESERVED = 29;

// "Keep what the inode has", for one of two values that share a register.
const KEEP_32 = 0xffff_ffff;
const KEEPABLE_64_MAX = U64_MAX - 1n;

const TYPE_BITS = 0o170000;
const MODE_MAX = 0o177777;
const TWO_TO_32 = 4294967296;

/** Lengths of the strings after a record. */
export interface StringLengths {
  readonly name: number;
  readonly newName: number;
  readonly value: number;
}

/**
 * The parts that every record has. Shard, seq and flags of the source are set here; `flags` are those
 * that say how the name and destination are given.
 */
export function writeHead(
  slab: Slab,
  at: number,
  op: number,
  flags: number,
  recordBytes: number,
  shard: number | undefined,
  seq: Integer | undefined,
): void {
  const { words } = slab;
  let sourceFlags = flags;
  let sourceShard = 0;
  if (shard !== undefined) {
    if (!(shard >>> 0 === shard && shard <= U16_MAX)) {
      throw invalidArgument('shard', shard, `an integer from 0 to ${U16_MAX}`);
    }
    sourceFlags |= HAS_SHARD;
    sourceShard = shard;
  }
  if (seq === undefined) {
    clear64(words, at + SEQ);
  } else {
    sourceFlags |= HAS_SEQ;
    writeUnsigned(slab, at + SEQ, seq, 'seq');
  }
  words[at + RECORD_LENGTH] = recordBytes;
  words[at + OP_FLAGS_SHARD] = op | (sourceFlags << 8) | (sourceShard << 16);
}

/** The inode, for a record with neither names nor values. */
export function writeInodeOnly(slab: Slab, at: number, inode: Integer): void {
  const { words } = slab;
  writeUnsigned(slab, at + INODE, inode, 'inode');
  for (let word = at + PARENT; word <= at + RESERVED; word++) words[word] = 0;
}

export function writePlaces(
  slab: Slab,
  at: number,
  inode: Integer | undefined,
  parent: Integer | undefined,
  newParent: Integer | undefined,
  lengths: StringLengths,
): void {
  const { words } = slab;
  writeUnsigned(slab, at + INODE, inode ?? 0, 'inode');
  writeUnsigned(slab, at + PARENT, parent ?? 0, 'parent');
  writeUnsigned(slab, at + NEW_PARENT, newParent ?? 0, 'newParent');
  words[at + NAME_BYTES] = lengths.name;
  words[at + NEW_NAME_BYTES] = lengths.newName;
  words[at + VALUE_BYTES] = lengths.value;
  words[at + RESERVED] = 0;
}

export function writeNoAttributes(slab: Slab, at: number): void {
  const { words } = slab;
  for (let word = at + MASK; word <= at + ATTRIBUTES_RESERVED; word++) words[word] = 0;
}

/** The attributes that are given, and the mask of which. */
export function writeAttributes(slab: Slab, at: number, attributes: OperationAttributes): void {
  const { words } = slab;
  const { mode, atimeNs, mtimeNs } = attributes;
  let mask = 0;
  if (mode === undefined) {
    words[at + MODE] = 0;
  } else {
    if (!(mode >>> 0 === mode && mode <= MODE_MAX)) {
      throw invalidArgument('mode', mode, 'an integer from 0 to 0o177777');
    }
    mask |= FIELD_MODE;
    words[at + MODE] = mode;
    if ((mode & TYPE_BITS) !== 0) {
      words[at + OP_FLAGS_SHARD] = (words[at + OP_FLAGS_SHARD] ?? 0) | (HAS_KIND_BITS << 8);
    }
  }
  const { uid, gid } = attributes;
  if (writePair(words, at + UID, at + GID, uid, gid, 'uid', 'gid')) mask |= FIELD_OWNER;
  if (writeSize(slab, at, attributes.size, attributes.extentRef)) mask |= FIELD_SIZE;
  if (atimeNs === undefined) {
    clear64(words, at + ATIME);
  } else {
    mask |= FIELD_ATIME;
    writeSigned(slab, at + ATIME, atimeNs, 'atimeNs');
  }
  if (mtimeNs === undefined) {
    clear64(words, at + MTIME);
  } else {
    mask |= FIELD_MTIME;
    writeSigned(slab, at + MTIME, mtimeNs, 'mtimeNs');
  }
  const { fileFlags, project } = attributes;
  const flagsAt = at + FILE_FLAGS;
  if (writePair(words, flagsAt, at + PROJECT, fileFlags, project, 'fileFlags', 'project')) {
    mask |= FIELD_FLAGS;
  }
  words[at + RDEV] = 0;
  words[at + ATTRIBUTES_RESERVED] = 0;
  words[at + MASK] = mask;
}

export function writeRdev(slab: Slab, at: number, rdev: number): void {
  write32(slab.words, at + RDEV, rdev, 'rdev');
}

/** Two 32-bit attributes of one register; true if either was given. */
function writePair(
  words: Uint32Array,
  firstWord: number,
  secondWord: number,
  first: number | undefined,
  second: number | undefined,
  firstName: string,
  secondName: string,
): boolean {
  if (first === undefined && second === undefined) {
    words[firstWord] = 0;
    words[secondWord] = 0;
    return false;
  }
  if (first === undefined) words[firstWord] = KEEP_32;
  else write32(words, firstWord, first, firstName);
  if (second === undefined) words[secondWord] = KEEP_32;
  else write32(words, secondWord, second, secondName);
  return true;
}

/** The same of size and extentRef, 64 bits each. */
function writeSize(
  slab: Slab,
  at: number,
  size: Integer | undefined,
  extentRef: Integer | undefined,
): boolean {
  if (size === undefined && extentRef === undefined) {
    clear64(slab.words, at + SIZE);
    clear64(slab.words, at + EXTENT_REF);
    return false;
  }
  if (size === undefined) keep64(slab.words, at + SIZE);
  else writeUnsigned(slab, at + SIZE, size, 'size', KEEPABLE_64_MAX);
  if (extentRef === undefined) keep64(slab.words, at + EXTENT_REF);
  else writeUnsigned(slab, at + EXTENT_REF, extentRef, 'extentRef', KEEPABLE_64_MAX);
  return true;
}

function clear64(words: Uint32Array, word: number): void {
  words[word] = 0;
  words[word + 1] = 0;
}

function keep64(words: Uint32Array, word: number): void {
  words[word] = KEEP_32;
  words[word + 1] = KEEP_32;
}

function write32(words: Uint32Array, word: number, value: number, argument: string): void {
  if (!(value >>> 0 === value && value < KEEP_32)) {
    throw invalidArgument(argument, value, 'an integer from 0 to 2^32-2');
  }
  words[word] = value;
}

function writeUnsigned(
  slab: Slab,
  word: number,
  value: Integer,
  argument: string,
  max: bigint = U64_MAX,
): void {
  if (typeof value === 'number') {
    if (value >= 0 && Number.isSafeInteger(value)) {
      slab.words[word] = value; // a store keeps the low 32 bits
      slab.words[word + 1] = value / TWO_TO_32;
      return;
    }
  } else if (typeof value === 'bigint' && value >= 0n && value <= max) {
    slab.unsigned[word >>> 1] = value;
    return;
  }
  throw invalidArgument(argument, value, `an integer from 0 to ${max}, a bigint beyond 2^53`);
}

function writeSigned(slab: Slab, word: number, value: Integer, argument: string): void {
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) {
      slab.words[word] = value;
      slab.words[word + 1] = Math.floor(value / TWO_TO_32);
      return;
    }
  } else if (typeof value === 'bigint' && value >= I64_MIN && value <= I64_MAX) {
    slab.signed[word >>> 1] = value;
    return;
  }
  throw invalidArgument(argument, value, 'nanoseconds from -2^63 to 2^63-1, a bigint beyond 2^53');
}
