import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReceiveResult } from '../../../bindings';
import { ByteBudget } from '../../../src/sync/byte-budget';
import { PeerCounters } from '../../../src/sync/peer-counters';
import { PeerReceiver } from '../../../src/sync/receiver';
import type { FrameStamp } from '../../../src/sync/session-port';
import { FakeEngine, FakeSession, PEER, settle, stampOf } from './fakes';

/** Holds back what is stamped beyond `limitHlc`. */
class FakeQuarantine {
  limitHlc = 100n;
  asked = 0;
  drops = 0;
  resume: (() => void) | undefined;

  admit({ hlcMax }: FrameStamp, resume: () => void): boolean {
    assert.equal(this.resume, undefined, 'one frame is held at a time');
    this.asked++;
    if (hlcMax <= this.limitHlc) return true;
    this.resume = resume;
    return false;
  }

  take(): void {
    const { resume } = this;
    this.resume = undefined;
    resume?.();
  }

  drop(): void {
    this.drops++;
    this.resume = undefined;
  }
}

function start(budgetBytes = 1000) {
  const engine = new FakeEngine();
  const session = new FakeSession();
  const budget = new ByteBudget(budgetBytes);
  const counters = new PeerCounters();
  const applied: ReceiveResult[] = [];
  const refused: string[] = [];
  const quarantine = new FakeQuarantine();
  const receiver = new PeerReceiver({
    engine,
    session,
    budget,
    quarantine,
    counters,
    onApplied: (result) => applied.push(result),
    onRefused: (code) => refused.push(code),
  });
  return { engine, session, budget, quarantine, counters, applied, refused, receiver };
}

class Refusal extends Error {
  constructor(readonly code: string) {
    super(`refused: ${code}`);
  }
}

test('frames go into the engine together, and one ack tells of all that became durable', async () => {
  const { engine, session, applied, counters, receiver } = start();
  for (let i = 0; i < 3; i++) receiver.onFrame(Buffer.alloc(10), stampOf(1n));
  assert.deepEqual(
    engine.received.map(({ from }) => from),
    [PEER, PEER, PEER],
  );
  assert.equal(session.releasedBytes, 0, 'credit stays until the frame is durable');
  engine.finish(1n);
  engine.finish(2n);
  await settle();
  assert.deepEqual(session.acks, [[{ origin: PEER, lsn: 2n, shards: [] }]]);
  assert.deepEqual([session.releasedBytes, session.releasedFrames], [20, 2]);
  assert.deepEqual(
    applied.map(({ lastLsn }) => lastLsn),
    [1n, 2n],
  );
  assert.equal(counters.receive.frames, 2);
});

test('what is in the engine over all peers is bounded; the rest waits in order', async () => {
  const { engine, budget, receiver } = start(25);
  const frames = [1, 2, 3].map((fill) => Buffer.alloc(10, fill));
  for (const frame of frames) receiver.onFrame(frame, stampOf(1n));
  assert.equal(engine.received.length, 2);
  assert.equal(budget.usedBytes, 20);
  engine.finish(1n);
  await settle();
  assert.deepEqual(
    engine.received.map(({ frame }) => frame[0]),
    [2, 3],
  );
});

test('a frame larger than the budget goes alone', () => {
  const { engine, receiver } = start(5);
  receiver.onFrame(Buffer.alloc(10), stampOf(1n));
  receiver.onFrame(Buffer.alloc(10), stampOf(1n));
  assert.equal(engine.received.length, 1);
});

const refusals: readonly [string, string][] = [
  ['CFS_LSN_GAP', 'out_of_order'],
  ['CFS_MALFORMED', 'malformed'],
  ['CFS_CHECKSUM', 'malformed'],
  ['CFS_STALE_EPOCH', 'stale_epoch'],
  ['CFS_WRONG_CLUSTER', 'wrong_cluster'],
  ['CFS_EVICTED', 'evicted'],
  ['CFS_DISK_FULL', 'busy'],
  ['CFS_IO', 'internal'],
];

for (const [code, closeCode] of refusals) {
  test(`${code}: the session ends with ${closeCode}, counted, and nothing after it is acked`, async () => {
    const { engine, session, counters, refused, receiver } = start();
    for (let i = 0; i < 3; i++) receiver.onFrame(Buffer.alloc(10), stampOf(1n));
    engine.finish(1n);
    engine.received.shift()?.reject(new Refusal(code));
    engine.received.shift()?.reject(new Refusal('CFS_LSN_GAP'));
    await settle();
    assert.deepEqual(session.closed, [{ code: closeCode, message: `refused: ${code}` }]);
    assert.deepEqual(refused, [code]);
    assert.deepEqual([...counters.receive.refusals], [[code, 1]]);
    receiver.onFrame(Buffer.alloc(10), stampOf(1n));
    assert.equal(engine.received.length, 0, 'later frames are dropped');
  });
}

test('after the session is over, frames in the engine are finished and nothing is sent', async () => {
  const { engine, session, budget, applied, receiver } = start();
  receiver.onFrame(Buffer.alloc(10), stampOf(1n));
  receiver.stop();
  let drained = false;
  const done = receiver.drained().then(() => (drained = true));
  await settle();
  assert.equal(drained, false);
  engine.finish(1n);
  await done;
  assert.equal(budget.usedBytes, 0);
  assert.equal(applied.length, 1, 'it is durable all the same');
  assert.deepEqual(session.acks, []);
});

test('a frame from the future waits, and those behind it; each is asked about once', async () => {
  const { engine, quarantine, receiver } = start();
  receiver.onFrame(Buffer.alloc(10, 1), stampOf(5n));
  receiver.onFrame(Buffer.alloc(20, 2), stampOf(101n));
  receiver.onFrame(Buffer.alloc(30, 3), stampOf(7n));
  assert.deepEqual(
    engine.received.map(({ frame }) => frame[0]),
    [1],
  );
  assert.deepEqual(receiver.waiting, { frames: 2, bytes: 50, hlcMax: 101n });
  engine.finish(1n);
  await settle();
  assert.equal(engine.received.length, 0, 'room in the engine is no reason to take it');
  quarantine.take();
  assert.deepEqual(
    engine.received.map(({ frame }) => frame[0]),
    [2, 3],
  );
  assert.equal(quarantine.asked, 3);
  assert.deepEqual(receiver.waiting, { frames: 0, bytes: 0, hlcMax: 0n });
});

test('what is held back takes nothing of the budget that other peers share, and keeps its credit', () => {
  const { session, budget, receiver } = start();
  receiver.onFrame(Buffer.alloc(10), stampOf(101n));
  assert.equal(budget.usedBytes, 0);
  assert.equal(session.releasedFrames, 0);
});

test('a frame that was let go waits for the budget like any other, and is not asked about again', async () => {
  const { engine, quarantine, receiver } = start(15);
  receiver.onFrame(Buffer.alloc(10), stampOf(5n));
  receiver.onFrame(Buffer.alloc(10), stampOf(101n));
  engine.finish(1n);
  receiver.onFrame(Buffer.alloc(10), stampOf(6n));
  await settle();
  quarantine.take();
  assert.equal(engine.received.length, 1);
  quarantine.limitHlc = 0n;
  engine.finish(2n);
  await settle();
  assert.equal(quarantine.asked, 3);
});

test('when the session ends, what is held back is dropped unacked', () => {
  const { engine, session, quarantine, receiver } = start();
  receiver.onFrame(Buffer.alloc(10), stampOf(101n));
  receiver.stop();
  receiver.onFrame(Buffer.alloc(10), stampOf(1n));
  assert.deepEqual([quarantine.drops, engine.received.length, session.acks.length], [1, 0, 0]);
});

test('a drain gives the credit of what is held back, so that nobody waits for it, and no ack', async () => {
  const { engine, session, quarantine, receiver } = start();
  receiver.onFrame(Buffer.alloc(10), stampOf(101n));
  receiver.onFrame(Buffer.alloc(10), stampOf(5n));
  receiver.onDrain();
  await settle();
  assert.deepEqual([session.releasedBytes, session.releasedFrames], [20, 2]);
  assert.deepEqual([quarantine.drops, engine.received.length, session.acks.length], [1, 0, 0]);
});

test('a frame that would be held back while a drain runs is put back at once', async () => {
  const { engine, session, quarantine, receiver } = start(15);
  receiver.onFrame(Buffer.alloc(10), stampOf(5n));
  receiver.onFrame(Buffer.alloc(10), stampOf(6n));
  receiver.onFrame(Buffer.alloc(10), stampOf(101n));
  receiver.onDrain();
  engine.finish(1n);
  await settle();
  engine.finish(2n);
  await settle();
  assert.deepEqual([session.releasedFrames, quarantine.drops], [3, 1]);
  assert.deepEqual(session.acks.flat().at(-1), { origin: PEER, lsn: 2n, shards: [] });
});
