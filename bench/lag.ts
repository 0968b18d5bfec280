/**
 * From the call of an append until the second site has it durable and merged, at 10,000 entries a
 * second, one append an entry. Both processes read the same monotonic clock; nothing is added on the way.
 */
import type { AppendMark } from './load/source';
import type { AppliedMark } from './load/sink';
import { type Bench, percentile, rounded } from './support/measurement';
import { TwoSites } from './support/two-sites';

const ENTRIES_PER_SECOND = 10_000;
const ENTRIES = 50_000;
const INODES = 100_000;
/** The first second is left out: code is compiled, and the codec is chosen. */
const WARM_UP_ENTRIES = 10_000;

export const lag: Bench = async function* (context) {
  const { entries = ENTRIES, inodes = INODES, codec = 'auto' } = context.options;
  const work = {
    entries: entries + WARM_UP_ENTRIES,
    inodes,
    codec,
    entriesPerSecond: ENTRIES_PER_SECOND,
  };
  const sites = await TwoSites.start(context, work);
  try {
    context.say(`appending ${ENTRIES_PER_SECOND} entries a second`);
    const { appends, applied } = await sites.pace();
    const lagsMs = lagsOf(appends, applied)
      .slice(WARM_UP_ENTRIES)
      .map((us) => us / 1000);
    for (const [quantile, fraction] of Object.entries({ p50: 0.5, p99: 0.99 })) {
      yield {
        bench: 'lag',
        value: rounded(percentile(lagsMs, fraction)),
        unit: 'ms',
        params: {
          quantile,
          entries: lagsMs.length,
          entries_per_second: ENTRIES_PER_SECOND,
          max_ms: rounded(percentile(lagsMs, 1)),
        },
      };
    }
  } finally {
    sites.destroy();
  }
};

/** Of each append in order, how long after its call the other side had it, in microseconds. */
export function lagsOf(
  appends: readonly AppendMark[],
  applied: readonly AppliedMark[],
): readonly number[] {
  let at = 0;
  return appends.map(({ lsn, atUs }) => {
    while ((applied[at]?.lsn ?? Infinity) < lsn) at++;
    const mark = applied[at];
    if (mark === undefined) throw new Error(`LSN ${lsn} was never applied`);
    return mark.atUs - atUs;
  });
}
