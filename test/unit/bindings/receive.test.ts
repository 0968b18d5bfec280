/** Taking a peer's frames: exactly once, whole or not at all. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataError, OpBatch, SequenceGapError, WrongClusterError } from '../../../bindings';
import { allFrames, openEngine, paths, replicate } from './fixtures';

test('a frame is durable and merged when receive resolves', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  await first.append([
    { op: 'mkdir', path: '/d' },
    { op: 'create', path: '/d/f' },
  ]);
  const [frame] = await allFrames(first);
  assert.ok(frame);
  const { origin } = first.status();
  const result = await second.receive(frame.bytes, 1, 1n);
  assert.deepEqual(result, {
    ...origin,
    firstLsn: 1n,
    lastLsn: 2n,
    entries: 2,
    unknownEntries: 0,
    duplicate: false,
    hlcMax: frame.summary.hlcMax,
  });
  assert.deepEqual(await paths(second), ['/d', '/d/f']);
  const held = second.held().find(({ site }) => site === 1);
  assert.deepEqual([held?.incarnation, held?.lsn], [origin.incarnation, 2n]);
});

test('a frame that is held already is acknowledged and written no second time', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  await first.append({ op: 'mkdir', path: '/d' });
  const [frame] = await allFrames(first);
  assert.ok(frame);
  await second.receive(frame.bytes, 1, 1n);
  const again = await second.receive(frame.bytes, 1, 1n);
  assert.deepEqual([again.duplicate, again.lastLsn], [true, 1n]);
  assert.equal(second.status().framesDuplicate, 1);
});

test('a frame that leaves a gap is refused', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  await first.append({ op: 'mkdir', path: '/a' });
  const feed = first.openFeed(first.held());
  await first.append({ op: 'mkdir', path: '/b' });
  const frame = await feed.next();
  assert.equal(frame?.summary.firstLsn, 2n);
  await assert.rejects(second.receive(frame.bytes, 1, 1n), (error) => {
    assert.ok(error instanceof SequenceGapError);
    assert.equal(error.code, 'CFS_LSN_GAP');
    assert.equal(error.retryable, false);
    return true;
  });
});

test('a frame damaged or cut anywhere is refused, changes nothing, and the engine goes on', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  await first.append({ op: 'mkdir', path: '/d' });
  const [frame] = await allFrames(first, { codec: 'none' });
  assert.ok(frame);
  const { byteLength } = frame.bytes;
  for (let at = 0; at < byteLength; at++) {
    const damaged = Buffer.from(frame.bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 0x40;
    await assert.rejects(second.receive(damaged, 1, 1n), DataError, `byte ${at}`);
    await assert.rejects(second.receive(frame.bytes.subarray(0, at), 1, 1n), `cut to ${at} bytes`);
  }
  assert.deepEqual(await paths(second), []);
  assert.ok(second.held().every(({ site }) => site !== 1));
  t.diagnostic(`${byteLength} changed bytes and ${byteLength} cuts refused`);
  assert.equal((await second.receive(frame.bytes, 1, 1n)).duplicate, false);
});

test('a frame of another cluster is refused', async (t) => {
  const second = await openEngine(t, 2);
  const clusterUuid = '99999999-51a5-4a2e-9d3e-2f3a7c1d5e80';
  const stranger = await openEngine(t, 1, { clusterUuid });
  await stranger.append({ op: 'mkdir', path: '/d' });
  const [frame] = await allFrames(stranger);
  await assert.rejects(second.receive(frame?.bytes ?? Buffer.alloc(0), 1, 1n), WrongClusterError);
});

test('frames received at once are taken in the order of the calls', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  const feed = first.openFeed([]);
  const frames = [];
  for (let i = 0; i < 20; i++) {
    await first.append({ op: 'mkdir', path: `/d${i}` });
    const frame = await feed.next();
    if (frame !== undefined) frames.push(frame.bytes);
  }
  const results = await Promise.all(frames.map((bytes) => second.receive(bytes, 1, 1n)));
  assert.deepEqual(
    results.map(({ lastLsn }) => lastLsn),
    frames.map((_, i) => BigInt(i + 1)),
  );
});

test('the memory of a frame must be plain, and the sender a site', async (t) => {
  const engine = await openEngine(t, 2);
  const shared = new Uint8Array(new SharedArrayBuffer(128));
  const invalid = { code: 'CFS_INVALID_ARGUMENT' };
  await assert.rejects(engine.receive(shared, 1, 1n), invalid);
  await assert.rejects(engine.receive('frame' as unknown as Uint8Array, 1, 1n), invalid);
  await assert.rejects(engine.receive(Buffer.alloc(128), 0, 1n), invalid);
});

test('what a peer holds is remembered, reported by shard, and never lowered', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  first.setPeers([2]);
  assert.deepEqual(first.peerCursor(2), []);
  const batch = new OpBatch();
  batch.add({ op: 'mkdir', path: '/a', shard: 4, seq: 1n });
  batch.add({ op: 'mkdir', path: '/b', shard: 4, seq: 2n });
  await first.append(batch);
  assert.equal(first.backlogFrom(0n).entries, 2n);
  assert.ok(first.backlogFrom(0n).oldestUnixUs > 0n);
  await replicate(first, second);
  const held = second.held(true);
  const ofFirst = held.find(({ site }) => site === 1);
  assert.deepEqual(ofFirst?.shards, [{ shard: 4, seq: 2n }]);
  first.setPeerCursor(2, 1n, held);
  first.setPeerCursor(2, 1n, [{ ...first.status().origin, lsn: 1n, shards: [] }]);
  const cursor = first.peerCursor(2).find(({ site }) => site === 1);
  assert.equal(cursor?.lsn, 2n);
  assert.deepEqual(first.backlogFrom(2n), { entries: 0n, oldestUnixUs: 0n });
});
