/**
 * A journal entry as a line of JSON: what `cfs journal tail` prints. Names are those of operations
 * (operation-json.ts); 64-bit numbers are strings of digits; bytes that are not UTF-8 come as
 * `<field>_base64`, xattr values always as `value_base64`.
 */
import type { DecodedEntry, LinkIdentity } from '../../bindings';
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
function linkObject({ site, incarnation, lsn }: LinkIdentity): JsonObject {
  return { site, incarnation: String(incarnation), lsn: String(lsn) };
}

function putNames(object: JsonObject, entry: DecodedEntry): void {
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
}

export function entryToJson(entry: DecodedEntry): JsonObject {
  const object: JsonObject = {
    lsn: String(entry.lsn),
    op: entry.op,
    inode: String(entry.inode),
  };
  putNames(object, entry);
  for (const [key, field] of NUMBERS) {
    const value = entry[key];
    if (value !== undefined) object[field] = typeof value === 'bigint' ? String(value) : value;
  }
  object['shard'] = entry.shard;
  object['seq'] = String(entry.seq);
  object['hlc'] = String(entry.hlc);
  object['site'] = entry.site;
  object['incarnation'] = String(entry.incarnation);
  if (entry.payload !== undefined) {
    object['op_number'] = entry.opNumber;
    object['schema'] = entry.schema;
    object['payload_base64'] = base64(entry.payload);
  }
  return object;
}

/** One line, with its newline. */
export function entryToLine(entry: DecodedEntry): string {
  return `${JSON.stringify(entryToJson(entry))}\n`;
}
