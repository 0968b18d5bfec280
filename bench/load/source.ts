/**
 * A metadata server with the library inside: makes inodes, then changes them as fast as the journal
 * takes it, or at a steady rate, until its peers have durably applied the last change.
 */
import { createHash } from 'node:crypto';
import { type Node, OpBatch } from '../../src';
import { type Usage, UsageMeter, engineNumbers, runEmbedded, sharedClockUs } from './embedded';

export interface SourceTask {
  readonly inodes: number;
  /** Changes that `run` makes. */
  readonly entries: number;
  readonly batchEntries: number;
  readonly appendsInFlight: number;
  /** Of `pace`. */
  readonly entriesPerSecond: number;
}

export interface RunResult extends Usage {
  readonly seconds: number;
  /** Until the last was durable here. */
  readonly appendSeconds: number;
  readonly frames: number;
  readonly entriesSent: number;
  readonly bytesSent: number;
  /** Chosen for the first peer, at the end. */
  readonly codec: string;
}

/** An append call at `atUs` of the shared clock made the journal reach `lsn`. */
export interface AppendMark {
  readonly lsn: number;
  readonly atUs: number;
}

/** Comparisons of this site with its first peer. */
export interface Comparisons {
  readonly ms: readonly number[];
  readonly exchanges: number;
  readonly inodesDiffering: number;
}

interface Inodes {
  readonly first: number;
  readonly count: number;
}

const CREATES_PER_BATCH = 4096;
const DUMP_PAGE = 4096;
const TICK_MS = 1;
const COMPARISONS = 21;
/** What came last is settled while the sites are idle. */
const SETTLE_MS = 3000;

void runEmbedded((node, job) => {
  const task = job as SourceTask;
  let inodes: Inodes = { first: 0, count: 0 };
  return {
    prepare: async () => {
      inodes = await makeInodes(node, task.inodes);
      await replicated(node, node.status().engine.lastLsn);
      return inodes;
    },
    /** Takes the inodes that another site has made. */
    share: async () => {
      const first = await node.lookup(nameOf(0));
      inodes = { first: Number(first.inode), count: task.inodes };
      return inodes;
    },
    run: () => run(node, inodes, task),
    pace: () => pace(node, inodes, task),
    engine: () => engineNumbers(node),
    contents: () => contents(node),
    compare: () => compare(node),
  };
});

/** What the tree shows, as a hash, and how many changes of all sites have lost to others. */
async function contents(node: Node): Promise<{ dump: string; names: number; conflicts: number }> {
  const hash = createHash('sha256');
  let names = 0;
  let after: Uint8Array | undefined;
  for (;;) {
    const page = await node.dump(after, DUMP_PAGE);
    after = page.at(-1)?.path;
    if (after === undefined) break;
    names += page.length;
    const text = JSON.stringify(page, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    hash.update(text);
  }
  return { dump: hash.digest('hex'), names, conflicts: node.status().engine.conflictsRecorded };
}

/** Resolves when every peer holds `lsn` durably. */
async function replicated(node: Node, lsn: bigint): Promise<void> {
  await Promise.all(node.config.peers.map((peer) => node.waitFor(peer.site, lsn)));
}

function nameOf(index: number): string {
  return `/file-${String(index).padStart(11, '0')}`;
}

/** Files of 16-byte names in the root. Their numbers of these sites are below 2^53, and in a row. */
async function makeInodes(node: Node, count: number): Promise<Inodes> {
  let next = 0;
  for (let first = 0; first < count; first += CREATES_PER_BATCH) {
    const batch = new OpBatch();
    const end = Math.min(count, first + CREATES_PER_BATCH);
    for (let i = first; i < end; i++) {
      const name = nameOf(i).slice(1);
      batch.add({ op: 'create', parent: 1n, name, mode: 0o644 });
    }
    const result = await node.append(batch, { wantInodes: true });
    const made = [...(result.inodes ?? [])].map(Number);
    if (first === 0) next = made[0] ?? 0;
    // Kept as a range: to look numbers up in a table would cost as much as what is measured.
    if (made.some((inode) => inode !== next++)) throw new Error('inode numbers are not in a row');
  }
  return { first: next - count, count };
}

async function run(node: Node, inodes: Inodes, task: SourceTask): Promise<RunResult> {
  const batches = makeChanges(node, inodes, task);
  const before = node.status().engine;
  const meter = new UsageMeter();
  meter.start();
  const startMs = performance.now();
  const lastLsn = await appendAll(node, batches, task.appendsInFlight);
  const appendedMs = performance.now();
  await replicated(node, lastLsn);
  const endMs = performance.now();
  const { engine: after, peers } = node.status();
  return {
    ...meter.usage(),
    seconds: (endMs - startMs) / 1000,
    appendSeconds: (appendedMs - startMs) / 1000,
    frames: after.framesSealed - before.framesSealed,
    entriesSent: after.sealedEntriesOut - before.sealedEntriesOut,
    bytesSent: after.sealedBytesOut - before.sealedBytesOut,
    codec: peers[0]?.codec ?? 'none',
  };
}

/** A 32-bit xorshift: the load must cost little beside what is measured, and be the same each time. */
function randomNumbers(site: number): () => number {
  let state = 0x9e3779b9 ^ (site << 8);
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Adds changes of random inodes to a batch: entries of 128 bytes. */
function changeMaker(node: Node, inodes: Inodes): (batch: OpBatch, count: number) => void {
  const random = randomNumbers(node.config.site.id);
  const times = Array.from({ length: 1024 }, () => 1_700_000_000_000_000_000n + BigInt(random()));
  return (batch, count) => {
    for (let i = 0; i < count; i++) {
      const bits = random();
      batch.setattr(inodes.first + (random() % inodes.count), {
        mode: bits & 0o777,
        uid: (bits >>> 9) % 5000,
        gid: (bits >>> 9) % 500,
        size: random(),
        mtimeNs: times[bits >>> 22] ?? 0n,
      });
    }
  };
}

/** Batches one after another: what a server's request handlers would do is part of what is measured. */
function* makeChanges(node: Node, inodes: Inodes, task: SourceTask): Generator<OpBatch> {
  const change = changeMaker(node, inodes);
  for (let left = task.entries; left > 0; left -= task.batchEntries) {
    const batch = new OpBatch(task.batchEntries * 128);
    change(batch, Math.min(left, task.batchEntries));
    yield batch;
  }
}

async function appendAll(
  node: Node,
  batches: Iterable<OpBatch>,
  inFlightMax: number,
): Promise<bigint> {
  const inFlight: Promise<bigint>[] = [];
  let last = 0n;
  for (const batch of batches) {
    inFlight.push(node.append(batch).then((result) => result.lastLsn));
    if (inFlight.length >= inFlightMax) last = (await inFlight.shift()) ?? last;
  }
  for (const append of inFlight) last = await append;
  return last;
}

/** One append call an entry, spread over the time as evenly as timers are; says when each was called. */
async function pace(node: Node, inodes: Inodes, task: SourceTask): Promise<readonly AppendMark[]> {
  const change = changeMaker(node, inodes);
  const marks: Promise<AppendMark>[] = [];
  const startMs = performance.now();
  while (marks.length < task.entries) {
    const dueByNow = ((performance.now() - startMs) / 1000) * task.entriesPerSecond;
    while (marks.length < Math.min(task.entries, dueByNow)) {
      const batch = new OpBatch(128);
      change(batch, 1);
      const atUs = sharedClockUs();
      marks.push(node.append(batch).then(({ lastLsn }) => ({ lsn: Number(lastLsn), atUs })));
    }
    await pause(TICK_MS);
  }
  const made = await Promise.all(marks);
  await replicated(node, node.status().engine.durableLsn);
  return made;
}

async function compare(node: Node): Promise<Comparisons> {
  const site = node.config.peers[0]?.site ?? 0;
  while (node.siteHealth(site).state === 'DOWN') await pause(TICK_MS);
  await pause(SETTLE_MS);
  const ms: number[] = [];
  let report = await node.consistencyCheck(site);
  for (let round = 0; round < COMPARISONS; round++) {
    const startMs = performance.now();
    report = await node.consistencyCheck(site);
    ms.push(performance.now() - startMs);
  }
  const { exchanges, inodesDiffering } = report;
  return { ms, exchanges, inodesDiffering };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
