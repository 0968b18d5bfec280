/**
 * How long one append takes to be durable, one at a time, from JavaScript: beside one O_DIRECT write of a
 * block and an fdatasync, in turns.
 */
import { type Node, open } from '../src';
import { bareWrites } from './core-bench';
import { type Bench, median, percentile, rounded } from './support/measurement';
import { Sites } from './support/sites';

const ROUNDS = 7;
const APPENDS_PER_ROUND = 300;
const BLOCK_BYTES = 4096;

export const appendLatency: Bench = async function* (context) {
  const bare = bareWrites(context);
  const sites = await Sites.make(1, context.directory);
  const node = await open(sites.config(1));
  try {
    const { inodes } = await node.append(
      { op: 'create', parent: 1n, name: 'file', mode: 0o644 },
      { wantInodes: true },
    );
    const inode = inodes?.[0] ?? 0n;
    await appendsUs(node, inode, APPENDS_PER_ROUND); // warm up
    const rounds = { ours: [] as number[], p99: [] as number[], bare: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      context.say(`append-latency: round ${round + 1} of ${ROUNDS}`);
      const ours = await appendsUs(node, inode, APPENDS_PER_ROUND);
      rounds.ours.push(median(ours));
      rounds.p99.push(percentile(ours, 0.99));
      rounds.bare.push(median(await bare(BLOCK_BYTES, APPENDS_PER_ROUND)));
    }
    yield {
      bench: 'append-latency',
      value: rounded(median(rounds.ours)),
      unit: 'us',
      params: {
        quantile: 'p50',
        ack: 'local',
        appends: ROUNDS * APPENDS_PER_ROUND,
        p99_us: rounded(median(rounds.p99)),
        io: node.status().engine.ioBackend,
      },
      reference: {
        name: `one O_DIRECT write of ${BLOCK_BYTES} bytes and fdatasync`,
        value: rounded(median(rounds.bare)),
      },
      ratio: rounded(median(rounds.ours.map((us, round) => us / (rounds.bare[round] ?? NaN)))),
    };
  } finally {
    await node.close();
    sites.destroy();
  }
};

async function appendsUs(node: Node, inode: bigint, count: number): Promise<number[]> {
  const latenciesUs: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await node.append({ op: 'setattr', inode, mode: i & 0o777, size: BigInt(i) });
    latenciesUs.push((performance.now() - start) * 1000);
  }
  return latenciesUs;
}
