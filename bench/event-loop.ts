/** How late timers fire on both sides while entries are replicated as fast as can be. */
import { type Bench, rounded } from './support/measurement';
import { replicateOnce } from './support/two-sites';

const ENTRIES = 3_000_000;
const INODES = 100_000;

export const eventLoop: Bench = async function* (context) {
  const { entries = ENTRIES, inodes = INODES, codec = 'auto' } = context.options;
  const { source, sink } = await replicateOnce(context, { entries, inodes, codec });
  const params = { quantile: 'p99', entries, inodes, seconds: rounded(source.seconds) };
  for (const [side, { eventLoopDelayMs }] of Object.entries({ source, sink })) {
    yield {
      bench: 'event-loop',
      value: rounded(eventLoopDelayMs),
      unit: 'ms',
      params: { side, ...params },
    };
  }
};
