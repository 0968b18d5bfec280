/** Whether speed stays as inodes grow, and whether sealing stays cheap as peers do. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { Engine, OpBatch } from '../bindings';
import { type Bench, type BenchContext, type Measurement, rounded } from './support/measurement';
import { replicateOnce } from './support/two-sites';

const ENTRIES = 2_000_000;
const INODES = [1000, 100_000, 10_000_000];

const FEEDS = [1, 2, 4, 8];
const SEAL_ENTRIES = 1_000_000;
const SEAL_INODES = 100_000;
const BATCH_ENTRIES = 4096;
const CLUSTER_UUID = '5b1f4c0e-8b0e-4c53-9d0e-2f6a4f0f7c11';

export const scale: Bench = async function* (context) {
  yield* overInodes(context);
  yield* overFeeds(context);
};

async function* overInodes(context: BenchContext): AsyncGenerator<Measurement, void> {
  const { entries = ENTRIES, codec = 'auto', inodes: most = Infinity } = context.options;
  let first: number | undefined;
  for (const inodes of INODES.filter((count) => count <= most)) {
    const { source } = await replicateOnce(context, { entries, inodes, codec });
    const value = rounded(entries / source.seconds);
    yield {
      bench: 'scale',
      value,
      unit: 'entries/s',
      params: { what: 'replicate', inodes, entries, codec: source.codec },
      ...(first === undefined
        ? {}
        : {
            reference: { name: `${INODES[0] ?? 0} inodes`, value: first },
            ratio: rounded(value / first),
          }),
    };
    first ??= value;
  }
}

/** Feeds of one journal that are read side by side share the frames they seal. */
async function* overFeeds(context: BenchContext): AsyncGenerator<Measurement, void> {
  const dataDir = mkdtempSync(join(context.directory, 'seal-'));
  context.say(`a journal of ${SEAL_ENTRIES} entries to seal`);
  await withEngine(dataDir, fill);
  await withEngine(dataDir, (engine) => cpuSecondsToSeal(engine, 1)); // warm up
  let one: number | undefined;
  for (const feeds of FEEDS) {
    context.say(`sealing for ${feeds} peers`);
    const seconds = await withEngine(dataDir, (engine) => cpuSecondsToSeal(engine, feeds));
    yield {
      bench: 'scale',
      value: rounded(seconds),
      unit: 'cpu s',
      params: { what: 'sealing', feeds, entries: SEAL_ENTRIES, codec: 'lz4' },
      ...(one === undefined
        ? {}
        : { reference: { name: '1 feed', value: rounded(one) }, ratio: rounded(seconds / one) }),
    };
    one ??= seconds;
  }
}

/** Each time anew, so that no frame is left in a cache. */
async function withEngine<T>(dataDir: string, work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await Engine.open({ dataDir, clusterUuid: CLUSTER_UUID, site: 1 });
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** Creates, then changes of them: what a busy journal holds. */
async function fill(engine: Engine): Promise<void> {
  const batch = new OpBatch();
  const inodes: bigint[] = [];
  while (inodes.length < SEAL_INODES) {
    for (let i = 0; i < BATCH_ENTRIES; i++) {
      batch.add({ op: 'create', parent: 1n, name: `file-${inodes.length + i}`, mode: 0o644 });
    }
    const made = await engine.append(batch, { wantInodes: true });
    inodes.push(...(made.inodes ?? []));
  }
  for (let at = inodes.length; at < SEAL_ENTRIES; at += BATCH_ENTRIES) {
    for (let i = 0; i < BATCH_ENTRIES; i++) {
      const inode = inodes[((at + i) * 7919) % inodes.length] ?? 1n;
      batch.setattr(inode, { mode: i & 0o777, uid: i, gid: i, size: at + i });
    }
    await engine.append(batch);
  }
}

async function cpuSecondsToSeal(engine: Engine, feeds: number): Promise<number> {
  const before = process.cpuUsage();
  await Promise.all(Array.from({ length: feeds }, () => drain(engine)));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

async function drain(engine: Engine): Promise<void> {
  const feed = engine.openFeed([]);
  try {
    while ((await feed.next({ codec: 'lz4' })) !== undefined);
  } finally {
    feed.close();
  }
}
