/** What an op carries, as members of a JSON object; entry-json.ts says in which form. */
import type { LinkIdentity, OpParts } from '../../bindings';
import { base64, putBytes } from './bytes-json';

type JsonObject = Record<string, unknown>;

const NUMBERS = [
  ['mode', 'mode'],
  ['uid', 'uid'],
  ['gid', 'gid'],
  ['size', 'size'],
  ['extentRef', 'extent_ref'],
  ['atimeNs', 'atime_ns'],
  ['mtimeNs', 'mtime_ns'],
  ['rdev', 'rdev'],
  ['fileFlags', 'file_flags'],
  ['project', 'project'],
] as const;

/** A name that appeared: the op that made it. */
export function linkObject({ site, incarnation, lsn }: LinkIdentity): JsonObject {
  return { site, incarnation: String(incarnation), lsn: String(lsn) };
}

/** What an op carries. */
export function putParts(object: JsonObject, entry: OpParts): void {
  if (entry.parent !== undefined) object['parent'] = String(entry.parent);
  if (entry.name !== undefined) putBytes(object, 'name', entry.name);
  if (entry.newParent !== undefined) object['new_parent'] = String(entry.newParent);
  if (entry.newName !== undefined) putBytes(object, 'new_name', entry.newName);
  if (entry.target !== undefined) putBytes(object, 'target', entry.target);
  if (entry.key !== undefined) putBytes(object, 'key', entry.key);
  if (entry.value !== undefined) object['value_base64'] = base64(entry.value);
  if (entry.link !== undefined) object['link'] = linkObject(entry.link);
  if (entry.replacedInode !== undefined) object['replaced_inode'] = String(entry.replacedInode);
  if (entry.replacedLink !== undefined) object['replaced_link'] = linkObject(entry.replacedLink);
  for (const [key, field] of NUMBERS) {
    const value = entry[key];
    if (value !== undefined) object[field] = typeof value === 'bigint' ? String(value) : value;
  }
}
