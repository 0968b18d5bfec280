/** Inodes and names as JSON. `dumpLine` is a promise: two sites' dumps compare byte by byte. */
import type { InodeInfo, NamedInode } from '../../bindings';
import { base64, type JsonObject, type MutableJsonObject, putBytes } from './json-form';

function putInode(object: MutableJsonObject, info: InodeInfo): void {
  object['kind'] = info.kind;
  object['inode'] = info.inode.toString();
  object['mode'] = info.mode;
  object['uid'] = info.uid;
  object['gid'] = info.gid;
  object['size'] = info.size.toString();
  object['mtime_ns'] = info.mtimeNs.toString();
  object['nlink'] = info.nlink;
  if (info.target === undefined) object['target'] = null;
  else putBytes(object, 'target', info.target);
  object['xattrs'] = info.xattrs.map(({ key, value }) => {
    const xattr: MutableJsonObject = {};
    putBytes(xattr, 'key', key);
    xattr['value_base64'] = base64(value);
    return xattr;
  });
}

/**
 * One visible name. Members in this order: path (or path_base64), kind, inode, mode, uid, gid, size,
 * mtime_ns, nlink, target (or target_base64; null unless a symlink), xattrs (sorted by key).
 */
export function namedInodeForm(named: NamedInode, member: 'path' | 'name'): JsonObject {
  const object: MutableJsonObject = {};
  putBytes(object, member, named.path);
  putInode(object, named.info);
  return object;
}

/** One line of `meta dump` or `meta ls`, with its newline. */
export function namedInodeLine(named: NamedInode, member: 'path' | 'name'): string {
  return `${JSON.stringify(namedInodeForm(named, member))}\n`;
}

/** Everything about an inode, with all its paths. */
export function inodeForm(info: InodeInfo): JsonObject {
  const object: MutableJsonObject = {};
  object['paths'] = (info.paths ?? []).map((path) => {
    const item: MutableJsonObject = {};
    putBytes(item, 'path', path);
    return item;
  });
  putInode(object, info);
  object['atime_ns'] = info.atimeNs.toString();
  object['ctime_ns'] = info.ctimeNs.toString();
  object['extent_ref'] = info.extentRef.toString();
  object['rdev'] = info.rdev;
  object['file_flags'] = info.fileFlags;
  object['project'] = info.project;
  return object;
}
