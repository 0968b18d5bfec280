/** Questions as operators write them: since when, and which. Pure. */
import { parseDurationMs } from './values';

/** What a term is compared with; undefined when there is none. */
export type QueryValue = string | number | boolean | null | undefined;

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
 * Terms with spaces between, all of which must hold: `KEY=PATTERN`, `KEY!=PATTERN`, or a pattern of
 * `bareKey` alone. `*` in a pattern stands for anything; `"..."` holds spaces. A key without a value
 * matches nothing; one that is not among `keys`, if they are given, is an error.
 */
export function parseTerms<T>(
  text: string,
  bareKey: string,
  valueAt: (item: T, key: string) => QueryValue,
  keys?: readonly string[],
): (item: T) => boolean {
  const filters: ((item: T) => boolean)[] = [];
  TERM.lastIndex = 0;
  while (TERM.lastIndex < text.trimEnd().length) {
    const at = TERM.lastIndex;
    const match = TERM.exec(text);
    if (match === null || filters.length === TERMS_MAX) throw badTerm(text.slice(at).trim());
    const [, key = bareKey, operator = '=', pattern = '', bare = pattern] = match;
    if (keys !== undefined && !keys.includes(key)) {
      throw new QueryError(`filter: "${key}": expected one of the keys ${keys.join(', ')}`);
    }
    const [matches, wanted] = [globMatcher(unquoted(bare)), operator === '='];
    filters.push((item) => {
      const value = valueAt(item, key);
      return (value !== undefined && matches(String(value))) === wanted;
    });
  }
  return (item) => filters.every((filter) => filter(item));
}

function badTerm(rest: string): QueryError {
  return new QueryError(
    `filter: "${rest}": expected at most ${TERMS_MAX} terms such as kind=peer.*, outcome!=ok, site=2 ` +
      'or message="no route*"',
  );
}

function unquoted(pattern: string): string {
  return pattern.startsWith('"') ? pattern.slice(1, -1).replace(/\\(.)/g, '$1') : pattern;
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
