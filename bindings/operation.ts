/**
 * The twelve operations as JavaScript objects.
 *
 * A name is `path` (absolute), or `parent` (the directory's inode) with `name`. An object is one of
 * those or its `inode`. Names and paths are bytes; strings are written as UTF-8.
 */
import type { Integer, Text } from './arguments';

/** In the order of their numbers in native/schema/entry.fbs, from 1. */
export const OP_NAMES = [
  'create',
  'mkdir',
  'symlink',
  'link',
  'unlink',
  'rmdir',
  'rename',
  'write',
  'truncate',
  'setattr',
  'setxattr',
  'removexattr',
] as const;

export type OpName = (typeof OP_NAMES)[number];

/**
 * What an operation sets; what is left out stays as it is, and is 0 (mode: the usual one) in a new
 * object. uid and gid, size and extentRef, fileFlags and project are one register each: against another
 * site's concurrent change, both values of the later change win.
 */
export interface OperationAttributes {
  /** Permission bits; type bits may come along and must agree with the object. */
  mode?: number | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  size?: Integer | undefined;
  /** The embedder's name for the map of the file's extents. */
  extentRef?: Integer | undefined;
  atimeNs?: Integer | undefined;
  mtimeNs?: Integer | undefined;
  fileFlags?: number | undefined;
  project?: number | undefined;
}

/** A source's own numbering, such as a Raft log index: appending a number again is a no-op. */
export interface SourceNumber {
  shard?: number | undefined;
  seq?: Integer | undefined;
}

export interface NamePlace {
  path?: Text | undefined;
  parent?: Integer | undefined;
  name?: Text | undefined;
}

export interface ObjectPlace extends NamePlace {
  inode?: Integer | undefined;
}

interface NewObject extends SourceNumber, NamePlace, OperationAttributes {
  /** Left out: the engine mints one. */
  inode?: Integer | undefined;
}

/** A file, or with type bits in `mode` a fifo, socket or device. */
export interface CreateOperation extends NewObject {
  op: 'create';
  /** Of a device. */
  rdev?: number | undefined;
}
export interface MkdirOperation extends NewObject {
  op: 'mkdir';
}
export interface SymlinkOperation extends NewObject {
  op: 'symlink';
  target: Text;
}
/** A further name for a file: `targetPath` or `inode` is the file, `path` or `parent`+`name` its new name. */
export interface LinkOperation extends SourceNumber, NamePlace {
  op: 'link';
  targetPath?: Text | undefined;
  inode?: Integer | undefined;
}
export interface UnlinkOperation extends SourceNumber, NamePlace {
  op: 'unlink' | 'rmdir';
}
export interface RenameOperation extends SourceNumber, NamePlace {
  op: 'rename';
  newPath?: Text | undefined;
  newParent?: Integer | undefined;
  newName?: Text | undefined;
}
export interface ContentOperation extends SourceNumber, ObjectPlace, OperationAttributes {
  op: 'write' | 'truncate';
  /** The resulting size. */
  size: Integer;
}
export interface SetattrOperation extends SourceNumber, ObjectPlace, OperationAttributes {
  op: 'setattr';
}
export interface SetxattrOperation extends SourceNumber, ObjectPlace {
  op: 'setxattr';
  key: Text;
  value: Text;
}
export interface RemovexattrOperation extends SourceNumber, ObjectPlace {
  op: 'removexattr';
  key: Text;
}

export type Operation =
  | CreateOperation
  | MkdirOperation
  | SymlinkOperation
  | LinkOperation
  | UnlinkOperation
  | RenameOperation
  | ContentOperation
  | SetattrOperation
  | SetxattrOperation
  | RemovexattrOperation;
