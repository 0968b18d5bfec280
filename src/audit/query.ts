/** What of the trail is asked for. Pure. */
import { parseDurationMs } from '../config/values';
import type { AuditLine, LineFields } from './line';

export type LineFilter = (line: AuditLine) => boolean;

/** What is wrong with a question, and what was expected. */
export class QueryError extends Error {
  override readonly name = 'QueryError';
}

const DATE =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

/** "90m" and "2d" count back from now; "2026-11-21" and "2026-11-21T10:11:32Z" are times, UTC if bare. */
export function parseSince(text: string, nowUnixMs: number): number {
  const ms = /[a-z]$/.test(text) ? parseDurationMs(text) : undefined;
  if (ms !== undefined) return nowUnixMs - ms;
  const [, date, time = '00:00', zone = 'Z'] = DATE.exec(text) ?? [];
  const unixMs = date === undefined ? NaN : Date.parse(`${date}T${time}${zone}`);
  if (!Number.isNaN(unixMs)) return unixMs;
  throw new QueryError(
    `since: "${text}": expected a time such as 2026-11-21T10:11:32Z, or a duration such as 90m, 2h, 7d`,
  );
}

const TERM = /\s*(?:([A-Za-z_][\w.]*)(!?=)("(?:[^"\\]|\\.)*"|[^\s"]\S*)|([^\s"=]+))(?=\s|$)/y;
const TERMS_MAX = 32;

/**
 * Terms with spaces between, all of which must hold: `KEY=PATTERN`, `KEY!=PATTERN`, or a pattern of the
 * kind. `*` in a pattern stands for anything; `"..."` holds spaces. Keys are `kind`, `outcome`, `seq`,
 * `time`, `actor.NAME`, `fields.NAME`, or a bare name of either of the last two.
 */
export function parseFilter(text: string): LineFilter {
  const filters: LineFilter[] = [];
  TERM.lastIndex = 0;
  while (TERM.lastIndex < text.trimEnd().length) {
    const at = TERM.lastIndex;
    const match = TERM.exec(text);
    if (match === null || filters.length === TERMS_MAX) throw badTerm(text.slice(at).trim());
    const [, key = 'kind', operator = '=', pattern = '', kind = pattern] = match;
    filters.push(termFilter(key, operator === '=', kind));
  }
  return (line) => filters.every((filter) => filter(line));
}

function badTerm(rest: string): QueryError {
  return new QueryError(
    `filter: "${rest}": expected at most ${TERMS_MAX} terms such as kind=peer.*, outcome!=ok, site=2 ` +
      'or message="no route*"',
  );
}

function termFilter(key: string, wanted: boolean, pattern: string): LineFilter {
  const bare = pattern.startsWith('"') ? pattern.slice(1, -1).replace(/\\(.)/g, '$1') : pattern;
  const matches = globMatcher(bare);
  return (line) => {
    const value = valueAt(line, key);
    return (value !== undefined && matches(String(value))) === wanted;
  };
}

/** Without a regular expression, whose time a hostile pattern could make long. */
function globMatcher(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (text) => text === pattern;
  return (text) => {
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
}

function valueAt(line: AuditLine, key: string): LineFields[string] | undefined {
  switch (key) {
    case 'seq':
    case 'time':
    case 'kind':
    case 'outcome':
    case 'hash':
      return line[key];
    default:
  }
  if (key.startsWith('actor.')) return own(line.actor, key.slice('actor.'.length));
  if (key.startsWith('fields.')) return own(line.fields, key.slice('fields.'.length));
  return own(line.fields, key) ?? own(line.actor, key);
}

function own(object: LineFields, name: string): LineFields[string] | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
