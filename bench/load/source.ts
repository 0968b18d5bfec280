/**
 * A metadata server with the library inside: makes inodes, then changes them as fast as the journal
 * takes it, until its peers have durably applied the last change.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { OpBatch, type Node } from '../../src';
import { runEmbedded } from './embedded';

export interface SourceTask {
  readonly inodes: number;
  readonly entries: number;
  readonly batchEntries: number;
  readonly appendsInFlight: number;
}

export interface SourceResult {
  readonly entries: number;
  readonly seconds: number;
  /** Until the last was durable here. */
  readonly appendSeconds: number;
  readonly eventLoopDelayMs: number;
  readonly cpuSeconds: number;
  readonly frames: number;
  readonly bytesIn: number;
  readonly bytesCompacted: number;
  readonly bytesSent: number;
}

const RESOLUTION_MS = 5;
const NS_PER_MS = 1e6;
const CREATES_PER_BATCH = 4096;

void runEmbedded(async (node, task: SourceTask): Promise<SourceResult> => {
  const peers = node.config.peers.map((peer) => peer.site);
  const inodes = await makeInodes(node, task.inodes);
  const created = node.status().engine.lastLsn;
  await Promise.all(peers.map((peer) => node.waitFor(peer, created)));

  const batches = makeChanges(inodes, task);
  const before = node.status().engine;
  const cpuBefore = process.cpuUsage();
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  const start = performance.now();
  const lastLsn = await appendAll(node, batches, task.appendsInFlight);
  const appended = performance.now();
  await Promise.all(peers.map((peer) => node.waitFor(peer, lastLsn)));
  const end = performance.now();
  delay.disable();
  const cpu = process.cpuUsage(cpuBefore);
  const after = node.status().engine;
  return {
    entries: task.entries,
    seconds: (end - start) / 1000,
    appendSeconds: (appended - start) / 1000,
    eventLoopDelayMs: Math.max(0, delay.percentile(99) / NS_PER_MS - RESOLUTION_MS),
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    frames: after.framesSealed - before.framesSealed,
    bytesIn: after.sealedBytesIn - before.sealedBytesIn,
    bytesCompacted: after.sealedBytesCompacted - before.sealedBytesCompacted,
    bytesSent: after.sealedBytesOut - before.sealedBytesOut,
  };
});

async function makeInodes(node: Node, count: number): Promise<bigint[]> {
  const inodes: bigint[] = [];
  while (inodes.length < count) {
    const batch = new OpBatch();
    const end = Math.min(count, inodes.length + CREATES_PER_BATCH);
    for (let i = inodes.length; i < end; i++) {
      batch.add({ op: 'create', parent: 1n, name: `file-${i}`, mode: 0o644 });
    }
    const result = await node.append(batch, { wantInodes: true });
    inodes.push(...(result.inodes ?? []));
  }
  return inodes;
}

/** A 32-bit xorshift: the load must cost little beside what is measured, and be the same each time. */
function randomNumbers(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Batches one after another: what a server's request handlers would do is part of what is measured. */
function* makeChanges(inodes: readonly bigint[], task: SourceTask): Generator<OpBatch> {
  const random = randomNumbers();
  const times = Array.from({ length: 1024 }, () => 1_700_000_000_000_000_000n + BigInt(random()));
  let left = task.entries;
  while (left > 0) {
    const batch = new OpBatch(task.batchEntries * 128);
    const count = Math.min(left, task.batchEntries);
    for (let i = 0; i < count; i++) {
      const inode = inodes[random() % inodes.length] ?? 1n;
      batch.setattr(inode, {
        mode: random() & 0o777,
        uid: random() % 5000,
        gid: random() % 500,
        size: random(),
        mtimeNs: times[random() & 1023] ?? 0n,
      });
    }
    left -= count;
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
