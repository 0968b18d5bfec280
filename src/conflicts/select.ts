/** Which conflicts are asked for. Pure. */
import type { RecordedConflict } from '../../bindings';
import { type QueryValue, parseTerms } from '../config/query';

export type ConflictFilter = (conflict: RecordedConflict) => boolean;

const utf8 = new TextDecoder();

/**
 * Terms as config/query.ts reads them. Keys are `path` (which a bare pattern is of), `lost`, `state`
 * (open, acknowledged, restored), `inode`, `op`, `loser_site` and `winner_site`.
 */
export function parseConflictFilter(text: string): ConflictFilter {
  return parseTerms(text, 'path', valueAt);
}

function valueAt(conflict: RecordedConflict, key: string): QueryValue {
  const { loser, winner, settled } = conflict;
  switch (key) {
    case 'path':
      return utf8.decode(conflict.path);
    case 'lost':
      return conflict.lost;
    case 'state':
      return settled?.how ?? 'open';
    case 'inode':
      return String(loser.inode);
    case 'op':
      return loser.op;
    case 'loser_site':
      return loser.site;
    case 'winner_site':
      return winner.site;
    default:
      return undefined;
  }
}
