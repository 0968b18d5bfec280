/** Evicted sites, and the way back of one, as an operator reads them. */
import { formatCount, formatTime } from './format';
import { type JsonObject, numberAt, objectAt, objectsAt, textAt } from './json';

/** "2, 3": sites that something waits for; '' if nothing does. */
export function waitingText(object: JsonObject): string {
  const sites = object['waiting_for'];
  return Array.isArray(sites) ? sites.join(', ') : '';
}

/** What is going on on the way back of a site. */
export function stepText(rejoin: JsonObject): string {
  const failure = textAt(rejoin, 'last_failure');
  const waiting = waitingText(rejoin);
  const recorded = formatCount(numberAt(rejoin, 'recorded'));
  if (failure !== '') return `trying again: ${failure}`;
  switch (textAt(rejoin, 'phase')) {
    case 'done':
      return `done, ${recorded} changes had not been sent`;
    case 'unsent':
      return `recording what was not sent: ${recorded} so far`;
    case 'snapshot':
      return waiting === '' ? 'taking a checkpoint over' : `waiting for site ${waiting}`;
    default:
      return 'setting the old journal aside';
  }
}

function evictionText(eviction: JsonObject): string {
  const by = `by site ${textAt(eviction, 'by_site')} at ${formatTime(numberAt(eviction, 'unix_ms'))}`;
  const waiting = waitingText(eviction);
  if (eviction['gone'] !== true) return `${by}, and is back`;
  return waiting === '' ? by : `${by}; site ${waiting} is not known to have heard of it`;
}

/** Lines of the status; none where no site was evicted. */
export function evictionPairs(status: JsonObject, detailed: boolean): [string, string][] {
  const evictions = objectsAt(status, 'evictions')
    .filter((eviction) => detailed || eviction['gone'] === true)
    .map((eviction): [string, string] => [
      'evicted',
      `site ${textAt(eviction, 'site')}, ${evictionText(eviction)}`,
    ]);
  const rejoin = objectAt(status, 'rejoin');
  if (textAt(rejoin, 'phase') === '') return evictions;
  const primary = textAt(rejoin, 'primary');
  return [...evictions, ['way back', `from what site ${primary} has: ${stepText(rejoin)}`]];
}
