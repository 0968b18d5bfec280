/**
 * The whole product: from the first append until the second site has durably applied the last, between
 * two processes with mutual TLS, journals with fsync on both sides, applied with stamps checked. Beside
 * Redis replication in the same run.
 */
import { redisRate } from './peers/redis';
import { type Bench, type Measurement, beside, rounded } from './support/measurement';
import { isInstalled } from './support/processes';
import { type ReplicateResult, type Work, replicateOnce } from './support/two-sites';

const ENTRIES = 2_000_000;
const INODES = 100_000;
const ENTRY_BYTES = 128;
const REDIS_ENTRIES = 1_000_000;

export const replicate: Bench = async function* (context) {
  const { entries = ENTRIES, inodes = INODES, codec = 'auto' } = context.options;
  const work = { entries, inodes, codec };
  const measured = replicateMeasurement(work, await replicateOnce(context, work));
  if (!isInstalled('redis-server')) {
    context.skip('redis-server is not installed: replicate has no reference');
    yield measured;
    return;
  }
  for (const appendfsync of ['always', 'everysec'] as const) {
    context.say(`Redis replication, appendfsync ${appendfsync}`);
    const value = await redisRate(context, {
      appendfsync,
      entries: Math.min(entries, REDIS_ENTRIES),
      keys: inodes,
      valueBytes: ENTRY_BYTES,
    });
    const name = `Redis replication, appendfsync ${appendfsync}`;
    yield beside(measured, { name, value: rounded(value) });
  }
};

/** What one run came to. */
export function replicateMeasurement(work: Work, { source, sink }: ReplicateResult): Measurement {
  const { entries, inodes } = work;
  return {
    bench: 'replicate',
    value: rounded(entries / source.seconds),
    unit: 'entries/s',
    params: {
      entries,
      entry_bytes: ENTRY_BYTES,
      inodes,
      codec: source.codec,
      seconds: rounded(source.seconds),
      append_seconds: rounded(source.appendSeconds),
      cpu_s_source: rounded(source.cpuSeconds),
      cpu_s_sink: rounded(sink.cpuSeconds),
      bytes_per_entry: rounded(source.bytesSent / entries),
      sent_entries: source.entriesSent,
      frames: source.frames,
    },
  };
}
