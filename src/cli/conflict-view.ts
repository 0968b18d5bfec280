/** Conflicts as an operator reads them. */
import { entryDetails } from './entry-view';
import { formatName, formatTime } from './format';
import { type JsonObject, bytesAt, objectAt, objectsAt, textAt } from './json';
import type { Style } from './style';
import { renderPairs } from './table';

const ID_COLUMNS = 28;
const TIME_COLUMNS = 20;
const LOST_COLUMNS = 6;
const STATE_COLUMNS = 12;
const SITES_COLUMNS = 11;

const DECIDED: Readonly<Record<string, string>> = {
  later: 'the later change wins',
  cycle: 'the renames together made a cycle, which is cut at the latest',
  in_use: 'a directory that is needed stays',
  evicted: 'its journal was closed before anybody else had it',
};

/** Rows come one by one, so the columns have their widths from the start. */
function row(id: string, time: string, lost: string, state: string, sites: string, path: string) {
  const cells = [id.padEnd(ID_COLUMNS), time.padEnd(TIME_COLUMNS), lost.padEnd(LOST_COLUMNS)];
  return `${[...cells, state, sites.padEnd(SITES_COLUMNS), path].join('  ').trimEnd()}\n`;
}

export function renderConflictTitle(style: Style): string {
  const state = 'STATE'.padEnd(STATE_COLUMNS);
  return style.faint(row('ID', 'TIME', 'LOST', state, 'LOST BY', 'PATH').trimEnd()) + '\n';
}

function pathText(conflict: JsonObject): string {
  const path = bytesAt(conflict, 'path');
  if (path !== undefined && path.length > 0) return formatName(path);
  return `inode ${textAt(objectAt(conflict, 'loser'), 'inode')}`;
}

export function renderConflictLine(conflict: JsonObject, style: Style): string {
  const state = textAt(conflict, 'state');
  const padded = state.padEnd(STATE_COLUMNS);
  const [loser, winner] = [objectAt(conflict, 'loser'), objectAt(conflict, 'winner')];
  return row(
    textAt(conflict, 'id'),
    formatTime(Date.parse(textAt(conflict, 'time'))),
    textAt(conflict, 'lost'),
    state === 'open' ? style.warning(padded) : padded,
    `${textAt(loser, 'site')} to ${textAt(winner, 'site')}`,
    pathText(conflict),
  );
}

function sidePairs(title: string, side: JsonObject): [string, string][] {
  const details = entryDetails(side).join(' ');
  const time = formatTime(Date.parse(textAt(side, 'time')));
  const seen = objectsAt(side, 'seen')
    .map((origin) => `site ${textAt(origin, 'site')} to ${textAt(origin, 'lsn')}`)
    .join(', ');
  return [
    [title, `${textAt(side, 'op')} of inode ${textAt(side, 'inode')} ${details}`.trimEnd()],
    ['', `site ${textAt(side, 'site')}, LSN ${textAt(side, 'lsn')}, ${time}`],
    ['', `having seen ${seen === '' ? 'nothing of other sites, or it is not known' : seen}`],
  ];
}

function winnerPairs(winner: JsonObject): [string, string][] {
  if (textAt(winner, 'op') !== 'evict') return sidePairs('winner', winner);
  const [site, incarnation] = [
    textAt(winner, 'evicted_site'),
    textAt(winner, 'evicted_incarnation'),
  ];
  const time = formatTime(Date.parse(textAt(winner, 'time')));
  return [
    ['against', `eviction of site ${site} up to incarnation ${incarnation}`],
    ['', `by site ${textAt(winner, 'site')}, LSN ${textAt(winner, 'lsn')}, ${time}`],
  ];
}

export function renderConflict(conflict: JsonObject, style: Style): string {
  const state = textAt(conflict, 'state');
  const by = textAt(conflict, 'settled_by_site');
  const at = formatTime(Date.parse(textAt(conflict, 'settled_time')));
  const decided = textAt(conflict, 'decided');
  return renderPairs(
    [
      ['conflict', textAt(conflict, 'id')],
      ['recorded', formatTime(Date.parse(textAt(conflict, 'time')))],
      ['state', by === '' ? style.warning(state) : `${state} at site ${by}, ${at}`],
      ['where', pathText(conflict)],
      ['lost', textAt(conflict, 'lost')],
      ['because', DECIDED[decided] ?? decided],
      ...sidePairs('loser', objectAt(conflict, 'loser')),
      ...winnerPairs(objectAt(conflict, 'winner')),
    ],
    style,
  );
}
