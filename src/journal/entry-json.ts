/**
 * A journal entry as a line of JSON: what `cfs journal tail` prints. Names are those of operations
 * (operation-json.ts); 64-bit numbers are strings of digits; bytes that are not UTF-8 come as
 * `<field>_base64`, xattr values always as `value_base64`.
 */
import type { DecodedEntry } from '../../bindings';
import { base64 } from './bytes-json';
import { conflictId, putConflict, putEvicted } from './conflict-json';
import { putParts } from './parts-json';

type JsonObject = Record<string, unknown>;

export function entryToJson(entry: DecodedEntry): JsonObject {
  const object: JsonObject = {
    lsn: String(entry.lsn),
    op: entry.op,
    inode: String(entry.inode),
  };
  putParts(object, entry);
  if (entry.conflict !== undefined) putConflict(object, entry.conflict);
  if (entry.settles !== undefined) {
    object['conflict'] = conflictId(entry.settles);
    object['how'] = entry.how;
  }
  putEvicted(object, entry.evicts);
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
