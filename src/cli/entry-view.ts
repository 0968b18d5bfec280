/** A journal entry as a line of text: LSN, time, op, inode, and what the op says. */
import { hlcToUnixMs } from '../../bindings/hlc';
import { formatName, formatTime } from './format';
import { bytesAt, type JsonObject, textAt } from './json';

const SHOWN = [
  ['mode', 'mode'],
  ['uid', 'uid'],
  ['gid', 'gid'],
  ['size', 'size'],
  ['mtime_ns', 'mtime'],
  ['evicted_site', 'site'],
  ['evicted_incarnation', 'incarnation'],
] as const;

function timeOf(entry: JsonObject): string {
  return formatTime(hlcToUnixMs(BigInt(textAt(entry, 'hlc') || '0')));
}

function nameIn(entry: JsonObject, parent: string, name: string): string | undefined {
  const bytes = bytesAt(entry, name);
  return bytes === undefined ? undefined : `${textAt(entry, parent)}/${formatName(bytes)}`;
}

/** What its op carries. */
export function entryDetails(entry: JsonObject): string[] {
  const parts: string[] = [];
  const name = nameIn(entry, 'parent', 'name');
  if (name !== undefined) parts.push(name);
  const newName = nameIn(entry, 'new_parent', 'new_name');
  if (newName !== undefined) parts.push(`=> ${newName}`);
  const target = bytesAt(entry, 'target');
  if (target !== undefined) parts.push(`-> ${formatName(target)}`);
  const key = bytesAt(entry, 'key');
  if (key !== undefined) parts.push(`key=${formatName(key)}`);
  const value = bytesAt(entry, 'value');
  if (value !== undefined) parts.push(`value=${formatName(value)}`);
  for (const [member, title] of SHOWN) {
    const text = textAt(entry, member);
    if (text === '') continue;
    parts.push(`${title}=${member === 'mode' ? `0${Number(text).toString(8)}` : text}`);
  }
  return parts;
}

export function renderEntryLine(entry: JsonObject): string {
  const head = [
    textAt(entry, 'lsn').padStart(10),
    timeOf(entry),
    textAt(entry, 'op').padEnd(11),
    textAt(entry, 'inode').padStart(20),
  ];
  return `${[...head, ...entryDetails(entry)].join(' ')}\n`;
}
