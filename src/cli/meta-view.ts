/** Inodes and names as `ls` and `stat` would show them. */
import { formatBytes, formatCount, formatMode, formatName, formatTimeNs } from './format';
import { bytesAt, type JsonObject, numberAt, objectsAt, textAt } from './json';
import type { Style } from './style';
import { renderPairs } from './table';

function nameAt(object: JsonObject, member: string): string {
  const bytes = bytesAt(object, member);
  return bytes === undefined ? '' : formatName(bytes);
}

/** A line of `ls -l`: mode, links, uid, gid, size, mtime, name, target. */
export function renderNameLine(named: JsonObject, member: 'path' | 'name'): string {
  const target = nameAt(named, 'target');
  const cells = [
    formatMode(numberAt(named, 'mode')),
    textAt(named, 'nlink').padStart(3),
    textAt(named, 'uid').padStart(5),
    textAt(named, 'gid').padStart(5),
    textAt(named, 'size').padStart(12),
    formatTimeNs(textAt(named, 'mtime_ns') || '0'),
    nameAt(named, member) + (target === '' ? '' : ` -> ${target}`),
  ];
  return `${cells.join(' ')}\n`;
}

function xattrPairs(inode: JsonObject): [string, string][] {
  return objectsAt(inode, 'xattrs').map((xattr) => {
    const value = Buffer.from(textAt(xattr, 'value_base64'), 'base64');
    return [`xattr ${nameAt(xattr, 'key')}`, formatName(value)];
  });
}

function detailPairs(inode: JsonObject): [string, string][] {
  return [
    ['accessed', formatTimeNs(textAt(inode, 'atime_ns') || '0')],
    ['changed', formatTimeNs(textAt(inode, 'ctime_ns') || '0')],
    ['extent ref', textAt(inode, 'extent_ref')],
    ['device', textAt(inode, 'rdev')],
    ['file flags', `0x${numberAt(inode, 'file_flags').toString(16)}`],
    ['project', textAt(inode, 'project')],
    ...xattrPairs(inode),
  ];
}

export function renderInode(inode: JsonObject, detailed: boolean, style: Style): string {
  const mode = numberAt(inode, 'mode');
  const target = nameAt(inode, 'target');
  const size = textAt(inode, 'size');
  const pairs: [string, string][] = [
    ['inode', textAt(inode, 'inode')],
    ['kind', textAt(inode, 'kind')],
    ['mode', `${formatMode(mode)} (0${(mode & 0o7777).toString(8)})`],
    ['owner', `uid ${textAt(inode, 'uid')}, gid ${textAt(inode, 'gid')}`],
    ['size', `${formatCount(size)} (${formatBytes(size)})`],
    ['modified', formatTimeNs(textAt(inode, 'mtime_ns') || '0')],
    ['links', textAt(inode, 'nlink')],
    ...(target === '' ? [] : [['target', target] as [string, string]]),
    ...objectsAt(inode, 'paths').map((item): [string, string] => ['path', nameAt(item, 'path')]),
    ...(detailed ? detailPairs(inode) : []),
  ];
  return renderPairs(pairs, style);
}
