/** Which conflicts are asked for. Pure. */
import type { RecordedConflict } from '../../bindings';
import { type QueryValue, parseTerms } from '../config/query';

export type ConflictFilter = (conflict: RecordedConflict) => boolean;

const utf8 = new TextDecoder();

/**
 * Terms as config/query.ts reads them. Keys are `path` (which a bare pattern is of), `lost` (such as
 * unsent), `state` (open, acknowledged, restored), `inode`, `op`, `loser_site` and `winner_site`.
 */
export function parseConflictFilter(text: string): ConflictFilter {
  return parseTerms(text, 'path', (conflict, key) => VALUES.get(key)?.(conflict), [
    ...VALUES.keys(),
  ]);
}

type ValueOf = (conflict: RecordedConflict) => QueryValue;
const VALUES: ReadonlyMap<string, ValueOf> = new Map<string, ValueOf>([
  ['path', ({ path }) => utf8.decode(path)],
  ['lost', ({ lost }) => lost],
  ['state', ({ settled }) => settled?.how ?? 'open'],
  ['inode', ({ loser }) => String(loser.inode)],
  ['op', ({ loser }) => loser.op],
  ['loser_site', ({ loser }) => loser.site],
  ['winner_site', ({ winner }) => winner.site],
]);
