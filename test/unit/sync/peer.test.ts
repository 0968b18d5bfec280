import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeError } from '../../../bindings';
import { ByteBudget } from '../../../src/sync/byte-budget';
import { SyncPeer } from '../../../src/sync/peer';
import {
  FakeEngine,
  FakeSession,
  OWN,
  PEER,
  STILL_CLOCKS,
  cursor,
  settle,
  stampOf,
  wireCursor,
} from './fakes';

function make(engine: FakeEngine, goesOnWithForks = false) {
  const errors: string[] = [];
  const peer = new SyncPeer({
    engine,
    site: PEER.site,
    origin: OWN,
    settings: {
      batchBytes: 1024,
      coalesceMs: 0,
      codec: 'lz4',
      codecLevel: 0,
      framesInFlightMax: 4,
      bytesInFlightMax: 1_000_000,
    },
    budget: new ByteBudget(1000),
    nowMs: () => 0,
    clocks: STILL_CLOCKS,
    onQuarantine: () => undefined,
    onQuarantineEnd: () => undefined,
    idleCores: () => 1,
    unreached: () => new Set(),
    onApplied: () => undefined,
    onForks: (session, [fork]) => {
      errors.push(`fork at ${String(fork?.lsn)} with site ${session.peerSite}`);
      return goesOnWithForks;
    },
    onError: (code) => errors.push(code),
  });
  return { peer, errors };
}

test('knows before any session what the peer held when the node was last open', () => {
  const engine = new FakeEngine();
  engine.durableLsn = 10n;
  engine.known = [cursor(OWN, 7n)];
  const { peer } = make(engine);
  assert.equal(peer.ackedLsn, 7n);
  assert.deepEqual(peer.lag(1_500_000n), { entries: 3n, ms: 500 });
});

test('lag is 0 when the peer has everything', () => {
  const engine = new FakeEngine();
  assert.deepEqual(make(engine).peer.lag(1_500_000n), { entries: 0n, ms: 0 });
});

test('a handshake raises the cursor as an ack would', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 10n;
  const { peer } = make(engine);
  peer.attach(new FakeSession([wireCursor(OWN, 10n)]));
  await settle();
  assert.equal(peer.ackedLsn, 10n);
  assert.equal(engine.cursorsSet.length, 1);
  await peer.close();
});

test('those who wait for an LSN go on when it is durable at the peer', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 3n;
  const { peer } = make(engine);
  const waits: string[] = [];
  void peer.waitFor(2n).then(() => waits.push('2'));
  void peer.waitFor(3n).then(() => waits.push('3'));
  const handlers = peer.attach(new FakeSession());
  handlers.onAck([wireCursor(OWN, 2n)]);
  await settle();
  assert.deepEqual(waits, ['2']);
  handlers.onAck([wireCursor(OWN, 3n)]);
  await settle();
  assert.deepEqual(waits, ['2', '3']);
  await peer.waitFor(1n);
  const forever = peer.waitFor(99n);
  await peer.close();
  await assert.rejects(forever, { code: 'CFS_CLOSED' });
});

test('a new session goes on where the peer is, the old one sends nothing more', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 2n;
  const { peer } = make(engine);
  const first = new FakeSession();
  const handlers = peer.attach(first);
  await settle();
  handlers.onClose({ code: 'link_lost', message: '', byPeer: false });
  engine.durableLsn = 5n;
  peer.noteDurable();
  const second = new FakeSession([wireCursor(OWN, 1n)]);
  peer.attach(second);
  await settle();
  assert.deepEqual(
    first.sent.map(({ length }) => length),
    [2],
  );
  assert.deepEqual(
    second.sent.map(({ length }) => length),
    [4],
  );
  await peer.close();
  assert.equal(engine.feedsOpen, 0);
});

test('a peer with another history under our name is told of, sent nothing and believed nothing', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 9n;
  engine.forks = [cursor(OWN, 5n)];
  const { peer, errors } = make(engine);
  const session = new FakeSession([wireCursor(OWN, 5n)]);
  peer.attach(session);
  await settle();
  assert.deepEqual(errors, ['fork at 5 with site 2']);
  assert.deepEqual(session.sent, []);
  assert.equal(peer.ackedLsn, 0n);
  assert.deepEqual(engine.cursorsSet, []);
  await peer.close();
});

test('of a fork in a third site a session is told, and goes on', async () => {
  const engine = new FakeEngine();
  engine.durableLsn = 9n;
  engine.forks = [cursor({ site: 3, incarnation: 33n }, 5n)];
  const { peer, errors } = make(engine, true);
  const session = new FakeSession([wireCursor(OWN, 5n)]);
  peer.attach(session);
  await settle();
  assert.deepEqual(errors, ['fork at 5 with site 2']);
  assert.equal(session.sent.length, 1);
  await peer.close();
});

test('a peer that lacks collected journal is told of, and may still send', async () => {
  const engine = new FakeEngine();
  engine.openFeedError = makeError('CFS_TRUNCATED', 'LSN 1 has been collected');
  const { peer, errors } = make(engine);
  const session = new FakeSession();
  const handlers = peer.attach(session);
  await settle();
  assert.deepEqual(errors, ['CFS_TRUNCATED']);
  assert.match(peer.blocked ?? '', /LSN 1 has been collected/);
  assert.deepEqual(session.closed, []);
  handlers.onFrame(Buffer.alloc(10), stampOf(1n));
  assert.equal(engine.received.length, 1);
  engine.finish(1n);
  await peer.close();
});

test('any other failure to send ends the session', async () => {
  const engine = new FakeEngine();
  engine.openFeedError = makeError('CFS_IO', 'the disk is gone');
  const { peer } = make(engine);
  const session = new FakeSession();
  peer.attach(session);
  await settle();
  assert.deepEqual(session.closed, [{ code: 'internal', message: 'the disk is gone' }]);
  await peer.close();
});
