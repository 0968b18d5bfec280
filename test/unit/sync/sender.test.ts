import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeError } from '../../../bindings';
import { PeerCounters } from '../../../src/sync/peer-counters';
import { PeerSender, type SenderSettings } from '../../../src/sync/sender';
import { FakeEngine, FakeSession, OWN, PEER, cursor, settle, wireCursor } from './fakes';

const settings: SenderSettings = {
  batchBytes: 128 * 1000,
  coalesceMs: 0,
  codec: 'auto',
  codecLevel: 0,
  framesInFlightMax: 2,
  bytesInFlightMax: 1_000_000,
};

function start(engine: FakeEngine, session: FakeSession, change: Partial<SenderSettings> = {}) {
  const counters = new PeerCounters();
  const clock = { nowMs: 0 };
  const limits: string[] = [];
  const unreached = new Set<number>();
  const sender = new PeerSender({
    engine,
    session,
    origin: OWN,
    settings: { ...settings, ...change },
    counters,
    nowMs: () => clock.nowMs,
    idleCores: () => 1,
    unreached: () => unreached,
    onLimited: (message) => limits.push(message),
  });
  return { sender, counters, clock, limits, unreached, running: sender.run() };
}

const lengths = (session: FakeSession): number[] => session.sent.map(({ length }) => length);

test('sends from what the peer said it holds', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 10n;
  const session = new FakeSession([wireCursor(OWN, 4n)]);
  const { sender, counters, running } = start(engine, session);
  await settle();
  assert.deepEqual(lengths(session), [6]);
  assert.equal(sender.ackedLsn, 4n);
  assert.equal(counters.send.entries, 6);
  sender.stop();
  await running;
  assert.equal(engine.feedsOpen, 0);
});

test('an idle link sends what becomes durable at once, and nothing twice', async () => {
  const engine = new FakeEngine();
  const session = new FakeSession();
  const { sender, running } = start(engine, session);
  await settle();
  assert.deepEqual(lengths(session), []);
  engine.durableLsn = 1n;
  sender.noteDurable();
  await settle();
  assert.deepEqual(lengths(session), [1]);
  sender.noteDurable();
  await settle();
  assert.deepEqual(lengths(session), [1]);
  sender.stop();
  await running;
});

test('stops at the window, and goes on with larger frames as acks come', async () => {
  const engine = new FakeEngine();
  const session = new FakeSession();
  const { sender, running } = start(engine, session);
  for (let lsn = 1n; lsn <= 5n; lsn++) {
    engine.durableLsn = lsn;
    sender.noteDurable();
    await settle();
  }
  assert.deepEqual(lengths(session), [1, 1]);
  assert.deepEqual(sender.inFlight, { frames: 2, bytes: 2 });
  sender.noteAck([wireCursor(OWN, 1n)]);
  await settle();
  assert.deepEqual(lengths(session), [1, 1, 3]);
  sender.stop();
  await running;
});

test('an ack raises the cursor in the engine, per shard, and measures the round trip', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 3n;
  const session = new FakeSession();
  const { sender, counters, clock, running } = start(engine, session);
  await settle();
  clock.nowMs = 12;
  sender.noteAck([wireCursor(OWN, 3n)]);
  assert.deepEqual(engine.cursorsSet, [
    { site: PEER.site, held: [{ ...OWN, lsn: 3n, shards: [{ shard: 7, seq: 3n }] }] },
  ]);
  assert.deepEqual(sender.ackedShards, [{ shard: 7, seq: 3n }]);
  assert.equal(counters.ackRttMs, 12);
  assert.equal(counters.send.entriesAcked, 3);
  sender.noteAck([wireCursor(OWN, 2n)]);
  assert.equal(sender.ackedLsn, 3n, 'a late ack lowers nothing');
  sender.stop();
  await running;
});

test('without credit it holds one frame, and sends it when credit comes', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 1n;
  const session = new FakeSession();
  session.grantsCredit = false;
  const { sender, counters, clock, running } = start(engine, session);
  await settle();
  engine.durableLsn = 9n;
  sender.noteDurable();
  await settle();
  assert.deepEqual(lengths(session), []);
  clock.nowMs = 70;
  session.grant(true);
  await settle();
  assert.deepEqual(lengths(session), [1, 8]);
  assert.equal(counters.send.windowFullMs, 70, 'the link was what sending waited for');
  sender.stop();
  await running;
});

test('ends when the session does', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 1n;
  const session = new FakeSession();
  session.grantsCredit = false;
  const { running } = start(engine, session);
  await settle();
  session.grant(false);
  await running;
  assert.equal(engine.feedsOpen, 0);
});

test('what is durable and not for this peer does not keep it busy', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 5n;
  engine.others = [cursor({ site: 3, incarnation: 33n }, 100n)];
  const session = new FakeSession([wireCursor(OWN, 5n)]);
  const { sender, running } = start(engine, session);
  await settle();
  assert.deepEqual(lengths(session), []);
  sender.stop();
  await running;
});

test('fails with what the feed fails with', async () => {
  const engine = new FakeEngine();
  engine.openFeedError = new Error('collected');
  await assert.rejects(start(engine, new FakeSession()).running, /collected/);
});

test('a peer that lost its own journal gets it back, and when it has it, only ours again', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 3n;
  engine.others = [cursor(PEER, 9n)];
  const session = new FakeSession([wireCursor(OWN, 0n), wireCursor(PEER, 4n)]);
  const { sender, running } = start(engine, session);
  await settle();
  assert.deepEqual(engine.feedsForward, [true]);
  assert.deepEqual(engine.nextsForward.slice(0, 2), [true, true]);
  engine.durableLsn = 4n;
  sender.noteAck([wireCursor(OWN, 3n)]);
  await settle();
  assert.equal(engine.nextsForward.at(-1), false);
  sender.stop();
  await running;
});

test('starts again from what the peer holds when it no longer reaches a site that has written', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 3n;
  engine.others = [cursor({ site: 3, incarnation: 33n }, 9n)];
  engine.known = [cursor(OWN, 3n)];
  const session = new FakeSession();
  const { sender, unreached, running } = start(engine, session);
  await settle();
  assert.deepEqual(engine.feedsForward, [false]);
  unreached.add(3);
  sender.noteUnreached();
  await settle();
  assert.deepEqual(engine.feedsForward, [false, true]);
  assert.equal(engine.feedsOpen, 1);
  assert.equal(engine.nextsForward.at(-1), true);
  unreached.delete(3);
  engine.durableLsn = 4n;
  sender.noteDurable();
  await settle();
  sender.noteDurable();
  await settle();
  assert.deepEqual(engine.feedsForward, [false, true], 'less to pass on takes no new start');
  sender.stop();
  await running;
});

test('when what the peer lost is gone here too, it still gets what is ours', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 3n;
  engine.others = [cursor(PEER, 9n)];
  engine.forwardError = makeError('CFS_TRUNCATED', 'collected');
  const session = new FakeSession([wireCursor(PEER, 4n)]);
  const { sender, limits, running } = start(engine, session);
  await settle();
  assert.deepEqual(limits, ['collected']);
  assert.deepEqual(lengths(session), [3]);
  sender.stop();
  await running;
});
