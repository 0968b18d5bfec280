/**
 * One operation as a JSON object (a line of `cfs journal append`) and as the `Operation` that the
 * engine takes.
 *
 * | op                              | object or name                     | more                                     |
 * | ------------------------------- | ---------------------------------- | ---------------------------------------- |
 * | create mkdir                    | path, or parent + name             | inode, attributes                        |
 * | symlink                         | path, or parent + name             | target, inode, attributes                |
 * | link                            | path, or parent + name: new name   | the file: target_path or inode           |
 * | unlink rmdir                    | path, or parent + name             |                                          |
 * | rename                          | path, or parent + name             | new_path, or new_parent + new_name       |
 * | write truncate                  | path, or inode, or parent + name   | size (required), attributes              |
 * | setattr                         | path, or inode, or parent + name   | at least one attribute                   |
 * | setxattr                        | path, or inode, or parent + name   | key, value_base64                        |
 * | removexattr                     | path, or inode, or parent + name   | key                                      |
 *
 * Attributes: mode, uid, gid, size, extent_ref, atime_ns, mtime_ns, file_flags, project, and rdev for
 * create. Every op may have shard and seq, the source's own number. Path, name, new_path, new_name,
 * target, target_path and key may come as `<field>_base64` when they are not UTF-8. 64-bit numbers may
 * be strings of digits, and must be beyond 2^53. A field that the op does not take is refused.
 */
import { OP_NAMES, type OpName, type Operation } from '../../bindings';
import {
  I64_MAX,
  I64_MIN,
  type JsonObject,
  OperationJsonError,
  SYMLINK_TARGET_BYTES_MAX,
  U16_MAX,
  U32_MAX,
  U64_MAX,
  XATTR_KEY_BYTES_MAX,
  XATTR_VALUE_BYTES_MAX,
  readBase64,
  readBounded,
  readInteger,
  readName,
  readPath,
  suggest,
} from './operation-fields';

export { OperationJsonError } from './operation-fields';

/** Every attribute: its JSON name, its name in `Operation`, its range, and whether it stays a bigint. */
const ATTRIBUTES = [
  ['mode', 'mode', 0n, 0o177777n, false],
  ['uid', 'uid', 0n, U32_MAX, false],
  ['gid', 'gid', 0n, U32_MAX, false],
  ['size', 'size', 0n, U64_MAX - 1n, true],
  ['extent_ref', 'extentRef', 0n, U64_MAX - 1n, true],
  ['atime_ns', 'atimeNs', I64_MIN, I64_MAX, true],
  ['mtime_ns', 'mtimeNs', I64_MIN, I64_MAX, true],
  ['rdev', 'rdev', 0n, U32_MAX, false],
  ['file_flags', 'fileFlags', 0n, U32_MAX, false],
  ['project', 'project', 0n, U32_MAX, false],
] as const;

const bytesField = (field: string): string[] => [field, `${field}_base64`];
const NAMED = [...bytesField('path'), 'parent', ...bytesField('name')];
const SOURCE = ['op', 'shard', 'seq'];
const SETTABLE = ATTRIBUTES.map(([field]) => field).filter((field) => field !== 'rdev');

/** What each operation takes. */
const FIELDS: Readonly<Record<OpName, ReadonlySet<string>>> = {
  create: new Set([...SOURCE, ...NAMED, 'inode', ...SETTABLE, 'rdev']),
  mkdir: new Set([...SOURCE, ...NAMED, 'inode', ...SETTABLE]),
  symlink: new Set([...SOURCE, ...NAMED, 'inode', ...SETTABLE, ...bytesField('target')]),
  link: new Set([...SOURCE, ...NAMED, 'inode', ...bytesField('target_path')]),
  unlink: new Set([...SOURCE, ...NAMED]),
  rmdir: new Set([...SOURCE, ...NAMED]),
  rename: new Set([
    ...SOURCE,
    ...NAMED,
    ...bytesField('new_path'),
    'new_parent',
    ...bytesField('new_name'),
  ]),
  write: new Set([...SOURCE, ...NAMED, 'inode', ...SETTABLE]),
  truncate: new Set([...SOURCE, ...NAMED, 'inode', ...SETTABLE]),
  setattr: new Set([...SOURCE, ...NAMED, 'inode', ...SETTABLE]),
  setxattr: new Set([...SOURCE, ...NAMED, 'inode', ...bytesField('key'), 'value_base64']),
  removexattr: new Set([...SOURCE, ...NAMED, 'inode', ...bytesField('key')]),
};

const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFLNK = 0o120000;
/** The kinds that `create` makes: regular file, fifo, socket, character and block device. */
const CREATED_TYPES = new Set([0o100000, 0o010000, 0o140000, 0o020000, 0o060000]);
const DEVICE_TYPES = new Set([0o020000, 0o060000]);

type Draft = Record<string, unknown>;

function readOp(object: JsonObject): OpName {
  const op = object['op'];
  const known = OP_NAMES.find((name) => name === op);
  if (known === undefined) {
    throw new OperationJsonError('op', op, `expected one of ${OP_NAMES.join(', ')}`);
  }
  return known;
}

function refuseUnknownFields(op: OpName, object: JsonObject): void {
  const allowed = FIELDS[op];
  for (const field of Object.keys(object)) {
    if (allowed.has(field)) continue;
    const near = suggest(field, allowed);
    const hint = near === undefined ? '' : ` (did you mean "${near}"?)`;
    throw new OperationJsonError(field, object[field], `${op} takes no such field${hint}`);
  }
}

/** Reads `path`, or `parent` and `name`, into the draft; true if one of the two was there. */
function readPlace(
  object: JsonObject,
  draft: Draft,
  fields: { path: string; parent: string; name: string },
  keys: { path: string; parent: string; name: string },
  rootAllowed: boolean,
): boolean {
  const path = readPath(object, fields.path, rootAllowed);
  const parent = readInteger(object, fields.parent, 1n, U64_MAX);
  const name = readName(object, fields.name);
  if (path !== undefined) {
    if (parent !== undefined || name !== undefined) {
      throw new OperationJsonError(
        parent === undefined ? fields.name : fields.parent,
        object[parent === undefined ? fields.name : fields.parent],
        `expected ${fields.path}, or ${fields.parent} and ${fields.name}, not both`,
      );
    }
    draft[keys.path] = path;
    return true;
  }
  if (parent === undefined && name === undefined) return false;
  if (parent === undefined) {
    throw new OperationJsonError(
      fields.parent,
      undefined,
      `expected the inode that ${fields.name} is in`,
    );
  }
  if (name === undefined) {
    throw new OperationJsonError(fields.name, undefined, `expected a name in ${fields.parent}`);
  }
  draft[keys.parent] = parent;
  draft[keys.name] = name;
  return true;
}

const PLACE = { path: 'path', parent: 'parent', name: 'name' };
const NEW_FIELDS = { path: 'new_path', parent: 'new_parent', name: 'new_name' };
const NEW_KEYS = { path: 'newPath', parent: 'newParent', name: 'newName' };

function requireName(object: JsonObject, draft: Draft): void {
  if (!readPlace(object, draft, PLACE, PLACE, false)) {
    throw new OperationJsonError('path', undefined, 'expected path, or parent and name');
  }
}

function readInode(object: JsonObject): bigint | undefined {
  return readInteger(object, 'inode', 1n, U64_MAX);
}

/** write, truncate, setattr, setxattr, removexattr: the object by path, by inode, or by parent and name. */
function requireObject(object: JsonObject, draft: Draft): void {
  const named = readPlace(object, draft, PLACE, PLACE, true);
  const inode = readInode(object);
  if (named === (inode !== undefined)) {
    throw new OperationJsonError(
      'inode',
      object['inode'],
      'expected the object once: path, or inode, or parent and name',
    );
  }
  if (inode !== undefined) draft['inode'] = inode;
}

/** Reads the attributes that are there; answers how many. */
function readAttributes(object: JsonObject, draft: Draft): number {
  let count = 0;
  for (const [field, key, min, max, wide] of ATTRIBUTES) {
    const value = readInteger(object, field, min, max);
    if (value === undefined) continue;
    draft[key] = wide ? value : Number(value);
    count++;
  }
  return count;
}

function octal(mode: number): string {
  return `0o${mode.toString(8)}`;
}

/** Type bits in `mode` may be left out; when present they are of a kind that `op` makes. */
function checkTypeBits(op: OpName, object: JsonObject, draft: Draft): void {
  const mode = draft['mode'];
  const type = typeof mode === 'number' ? mode & S_IFMT : 0;
  const fault = (expected: string): never => {
    throw new OperationJsonError(
      'mode',
      object['mode'],
      `${expected} (type bits are ${octal(type)})`,
    );
  };
  if (op === 'create') {
    if (type !== 0 && !CREATED_TYPES.has(type)) {
      fault('expected type bits of a file, fifo, socket or device for create');
    }
    if (draft['rdev'] !== undefined && draft['rdev'] !== 0 && !DEVICE_TYPES.has(type)) {
      throw new OperationJsonError(
        'rdev',
        object['rdev'],
        'expected only with a mode whose type bits say character or block device',
      );
    }
  } else if (op === 'mkdir' && type !== 0 && type !== S_IFDIR) {
    fault(`expected type bits of a directory (${octal(S_IFDIR)}) for mkdir`);
  } else if (op === 'symlink' && type !== 0 && type !== S_IFLNK) {
    fault(`expected type bits of a symbolic link (${octal(S_IFLNK)}) for symlink`);
  }
}

function readNewObject(op: OpName, object: JsonObject, draft: Draft): void {
  requireName(object, draft);
  const inode = readInode(object);
  if (inode !== undefined) draft['inode'] = inode;
  readAttributes(object, draft);
  checkTypeBits(op, object, draft);
  if (op !== 'symlink') return;
  const target = readBounded(object, 'target', SYMLINK_TARGET_BYTES_MAX);
  if (target === undefined) {
    throw new OperationJsonError('target', undefined, 'expected what the symbolic link points to');
  }
  draft['target'] = target;
}

function readLink(object: JsonObject, draft: Draft): void {
  requireName(object, draft);
  const targetPath = readPath(object, 'target_path', false);
  const inode = readInode(object);
  if ((targetPath === undefined) === (inode === undefined)) {
    throw new OperationJsonError(
      'target_path',
      object['target_path'],
      'expected the file to link once: target_path or inode',
    );
  }
  if (targetPath !== undefined) draft['targetPath'] = targetPath;
  if (inode !== undefined) draft['inode'] = inode;
}

function readContent(object: JsonObject, draft: Draft): void {
  requireObject(object, draft);
  readAttributes(object, draft);
  if (draft['size'] === undefined) {
    throw new OperationJsonError('size', undefined, 'expected the resulting size in bytes');
  }
}

function readKey(object: JsonObject, draft: Draft): void {
  requireObject(object, draft);
  const key = readBounded(object, 'key', XATTR_KEY_BYTES_MAX);
  if (key === undefined) {
    throw new OperationJsonError('key', undefined, 'expected the name of the extended attribute');
  }
  draft['key'] = key;
}

function readValue(object: JsonObject, draft: Draft): void {
  if (object['value_base64'] === undefined) {
    throw new OperationJsonError('value_base64', undefined, 'expected the value as base64');
  }
  const value = readBase64('value_base64', object['value_base64']);
  if (value.length > XATTR_VALUE_BYTES_MAX) {
    throw new OperationJsonError(
      'value_base64',
      object['value_base64'],
      `expected at most ${XATTR_VALUE_BYTES_MAX} bytes (this has ${value.length})`,
    );
  }
  draft['value'] = value;
}

function readRename(object: JsonObject, draft: Draft): void {
  requireName(object, draft);
  if (readPlace(object, draft, NEW_FIELDS, NEW_KEYS, false)) return;
  throw new OperationJsonError(
    'new_path',
    undefined,
    'expected new_path, or new_parent and new_name',
  );
}

function readSetattr(object: JsonObject, draft: Draft): void {
  requireObject(object, draft);
  if (readAttributes(object, draft) > 0) return;
  const expected = `expected at least one of ${SETTABLE.join(', ')}`;
  throw new OperationJsonError('setattr', undefined, expected);
}

function readBody(op: OpName, object: JsonObject, draft: Draft): void {
  switch (op) {
    case 'create':
    case 'mkdir':
    case 'symlink':
      readNewObject(op, object, draft);
      return;
    case 'link':
      readLink(object, draft);
      return;
    case 'unlink':
    case 'rmdir':
      requireName(object, draft);
      return;
    case 'rename':
      readRename(object, draft);
      return;
    case 'write':
    case 'truncate':
      readContent(object, draft);
      return;
    case 'setattr':
      readSetattr(object, draft);
      return;
    case 'setxattr':
      readKey(object, draft);
      readValue(object, draft);
      return;
    case 'removexattr':
      readKey(object, draft);
      return;
  }
}

/**
 * Reads one parsed JSON value as an operation. The result owns its bytes.
 * Throws OperationJsonError; nothing is half read.
 */
export function operationFromJson(value: unknown): Operation {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new OperationJsonError(
      'line',
      value,
      'expected a JSON object such as {"op":"mkdir","path":"/a"}',
    );
  }
  const object = value as JsonObject;
  const op = readOp(object);
  refuseUnknownFields(op, object);
  const draft: Draft = { op };
  readBody(op, object, draft);
  const shard = readInteger(object, 'shard', 0n, U16_MAX);
  const seq = readInteger(object, 'seq', 1n, U64_MAX);
  if (shard !== undefined) draft['shard'] = Number(shard);
  if (seq !== undefined) draft['seq'] = seq;
  // Every field has been read by the rules of this op, which are those of the type.
  return draft as unknown as Operation;
}
