/** What a comparison found, as an operator reads it. */
import { hlcToUnixMs } from '../../bindings/hlc';
import { formatCount, formatName, formatNouns, formatTime } from './format';
import { type JsonObject, bytesAt, numberAt, objectAt, objectsAt, textAt } from './json';
import type { Style } from './style';

function timeOf(hlc: string): string {
  return formatTime(hlcToUnixMs(BigInt(hlc)));
}

function asOf(report: JsonObject): string {
  const cursors = objectsAt(report, 'as_of').map(
    (cursor) => `site ${textAt(cursor, 'site')} to LSN ${formatCount(textAt(cursor, 'lsn'))}`,
  );
  return cursors.length === 0 ? 'the beginning' : cursors.join(', ');
}

function exchanges(report: JsonObject): string {
  return formatNouns(numberAt(report, 'exchanges'), 'exchange');
}

function inFlight(report: JsonObject): string {
  const inodes = numberAt(report, 'inodes_in_flight');
  return inodes === 0 ? '' : `; ${formatNouns(inodes, 'inode')} with changes in flight`;
}

function registerName(register: JsonObject): string {
  const name = textAt(register, 'register');
  const key = bytesAt(register, 'key');
  if (key !== undefined) return `${name} ${formatName(key)}`;
  const link = objectAt(register, 'link');
  const lsn = textAt(link, 'lsn');
  return lsn === '' ? name : `${name} ${textAt(link, 'site')}.${lsn}`;
}

function valueText(register: JsonObject, member: 'here' | 'there'): string {
  const value = objectAt(register, member);
  const hlc = textAt(value, 'hlc');
  if (hlc === '') return 'never written';
  const stamp = `${timeOf(hlc)} by site ${textAt(value, 'site')}, LSN ${textAt(value, 'lsn')}`;
  const text = textAt(value, 'value');
  return text === '' ? stamp : `${text}  (${stamp})`;
}

function remedy(register: JsonObject, peer: string): string {
  if (register['repaired'] === true) return 'repaired: taken from there';
  return textAt(register, 'mend_at') === 'here'
    ? 'a resync here takes what is there'
    : `right here: run resync at site ${peer}`;
}

function differenceText(difference: JsonObject, peer: string, style: Style): string {
  const path = bytesAt(difference, 'path');
  const name = path === undefined ? 'without a known name' : formatName(path);
  const lines = [style.warning(`inode ${textAt(difference, 'inode')}  ${name}`)];
  if (difference['live_here'] !== true) lines.push('  shows only there');
  if (difference['live_there'] !== true) lines.push('  shows only here');
  const registers = objectsAt(difference, 'registers');
  if (difference['too_large'] === true) {
    lines.push('  not compared: it has more registers than one answer may hold');
  } else if (registers.length === 0) {
    lines.push('  shows differently, because of what another inode has');
  }
  for (const register of registers) {
    lines.push(
      `  ${registerName(register)}: ${remedy(register, peer)}`,
      `    here   ${valueText(register, 'here')}`,
      `    there  ${valueText(register, 'there')}`,
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}

function differencesText(report: JsonObject, style: Style): string {
  const peer = textAt(report, 'peer');
  const omitted = numberAt(report, 'differences_omitted');
  const more = omitted === 0 ? '' : `and ${formatNouns(omitted, 'more inode')}\n`;
  const shown = objectsAt(report, 'differences');
  return shown.map((difference) => differenceText(difference, peer, style)).join('') + more;
}

/** One line if the sites are equal, else what differs as well. */
export function renderComparison(report: JsonObject, style: Style): string {
  const peer = textAt(report, 'peer');
  const error = objectAt(report, 'error');
  if (textAt(error, 'code') !== '') {
    return style.warning(`site ${peer}: not compared: ${textAt(error, 'message')}`) + '\n';
  }
  if (report['equal'] === true) {
    const size = numberAt(report, 'inodes_here');
    const inodes = size === 0 ? '' : `${formatNouns(size, 'inode')}, `;
    return `site ${peer}: equal as of ${asOf(report)} (${inodes}${exchanges(report)}${inFlight(report)})\n`;
  }
  const inodes = numberAt(report, 'inodes_differing');
  const differ = `${formatNouns(inodes, 'inode')} ${inodes === 1 ? 'differs' : 'differ'}`;
  const registers = formatNouns(numberAt(report, 'registers_differing'), 'register');
  const title = `site ${peer}: ${differ} in ${registers} as of ${asOf(report)} (${exchanges(report)}${inFlight(report)})`;
  return `${style.warning(title)}\n${differencesText(report, style)}`;
}

/** The outcome of a resync, or of what one would do. */
export function renderResync(report: JsonObject, style: Style): string {
  if (report['equal'] === true) return renderComparison(report, style);
  const differing = numberAt(report, 'registers_differing');
  const repaired = numberAt(report, 'registers_repaired');
  const done =
    report['dry_run'] === true
      ? 'nothing was changed (--dry-run)'
      : `${formatNouns(repaired, 'register')} of ${formatCount(differing)} taken from site ${textAt(report, 'peer')}`;
  return `${renderComparison(report, style)}${done}\n`;
}
