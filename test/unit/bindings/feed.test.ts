/** Feeds: frames of the durable journal, for peers and for tail. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { OpBatch, decodeFrame, peekFrame } from '../../../bindings';
import { CLUSTER, allFrames, drain, openEngine, replicate } from './fixtures';

test('a frame says what it covers, and its first bytes say how long it is', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'create', path: '/f', shard: 3, seq: 1n },
    { op: 'setattr', path: '/f', mode: 0o600, shard: 3, seq: 2n },
  ]);
  const [frame, ...more] = await allFrames(engine, { codec: 'none' });
  assert.ok(frame);
  assert.equal(more.length, 0);
  const { summary } = frame;
  assert.equal(summary.clusterUuid, CLUSTER);
  assert.deepEqual(
    { site: summary.site, incarnation: summary.incarnation },
    engine.status().origin,
  );
  assert.deepEqual([summary.firstLsn, summary.lastLsn], [1n, 2n]);
  assert.equal(summary.totalBytes, frame.bytes.byteLength);
  assert.deepEqual(frame.shards, [{ shard: 3, seq: 2n }]);
  assert.equal(frame.entriesIn, 2);
  assert.deepEqual(peekFrame(frame.bytes.subarray(0, 128)), summary);
});

test('every codec carries the same entries', async (t) => {
  const engine = await openEngine(t);
  const batch = new OpBatch();
  for (let i = 0; i < 500; i++) batch.add({ op: 'create', parent: 1n, name: `file-${i}` });
  await engine.append(batch);
  const lsns = [];
  for (const codec of ['none', 'lz4', 'zstd'] as const) {
    const [frame] = await allFrames(engine, { codec });
    assert.equal(frame?.summary.codec, codec);
    const decoded = await decodeFrame(frame.bytes);
    lsns.push(Array.from(decoded, (entry) => entry.lsn));
  }
  assert.equal(lsns[0]?.length, 500);
  assert.deepEqual(lsns[1], lsns[0]);
  assert.deepEqual(lsns[2], lsns[0]);
});

test('compaction drops what later entries supersede, and only if asked to', async (t) => {
  const engine = await openEngine(t);
  const { inodes } = await engine.append({ op: 'create', path: '/f' }, { wantInodes: true });
  const batch = new OpBatch();
  for (let i = 0; i < 100; i++) batch.setattr(inodes?.[0] ?? 0n, { mode: i });
  await engine.append(batch);
  const [compacted] = await allFrames(engine);
  const [whole] = await allFrames(engine, { compact: false });
  assert.deepEqual([compacted?.entriesIn, compacted?.summary.entryCount], [101, 2]);
  assert.equal(whole?.summary.entryCount, 101);
  assert.equal(compacted?.summary.lastLsn, whole.summary.lastLsn);
});

test('a feed goes on where a reader stands, and has nothing until more is durable', async (t) => {
  const engine = await openEngine(t);
  await engine.append({ op: 'mkdir', path: '/a' });
  const feed = engine.openFeed(engine.held());
  assert.equal(await feed.next(), undefined);
  assert.equal(await feed.next(), undefined);
  await engine.append({ op: 'mkdir', path: '/b' });
  const frame = await feed.next();
  assert.deepEqual([frame?.summary.firstLsn, frame?.summary.lastLsn], [2n, 2n]);
  assert.equal(await feed.next(), undefined);
});

test('onDurable tells once for many appends, and always after the last', async (t) => {
  const engine = await openEngine(t);
  const events = new EventEmitter();
  let calls = 0;
  const stop = engine.onDurable(() => {
    calls++;
    if (engine.held()[0]?.lsn === 1000n) events.emit('all');
  });
  const all = once(events, 'all');
  const appends = Array.from({ length: 1000 }, (_, i) =>
    engine.append({ op: 'create', parent: 1n, name: `f${i}` }),
  );
  await Promise.all([all, ...appends]);
  assert.ok(calls <= 1000, `${calls} calls`);
  stop();
  const before = calls;
  await engine.append({ op: 'mkdir', path: '/d' });
  await new Promise(setImmediate);
  assert.equal(calls, before);
});

test('frames of other sites come on request, as they came', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  await first.append({ op: 'mkdir', path: '/from-1' });
  await replicate(first, second);
  await second.append({ op: 'mkdir', path: '/from-2' });
  const own = await allFrames(second);
  assert.deepEqual(
    own.map(({ summary }) => summary.site),
    [2],
  );
  const feed = second.openFeed([]);
  const both = await drain(feed, { forward: true });
  assert.deepEqual(both.map(({ summary }) => summary.site).sort(), [1, 2]);
  const [original] = await allFrames(first);
  const forwarded = both.find(({ summary }) => summary.site === 1);
  assert.deepEqual(forwarded?.bytes, original?.bytes);
});

test('two feeds may share a frame; each keeps it as long as it needs', async (t) => {
  const engine = await openEngine(t);
  const batch = new OpBatch();
  for (let i = 0; i < 2000; i++) batch.add({ op: 'create', parent: 1n, name: `file-${i}` });
  await engine.append(batch);
  const [one] = await allFrames(engine);
  const [two] = await allFrames(engine);
  assert.ok(engine.status().sealCacheHits > 0);
  assert.deepEqual(one?.bytes, two?.bytes);
  await engine.close();
  assert.equal((await decodeFrame(two?.bytes ?? Buffer.alloc(0))).entryCount, 2000);
});

test('one next at a time', async (t) => {
  const engine = await openEngine(t);
  await engine.append({ op: 'mkdir', path: '/a' });
  const feed = engine.openFeed([]);
  const first = feed.next();
  await assert.rejects(feed.next(), { code: 'CFS_INVALID_ARGUMENT' });
  assert.equal((await first)?.summary.lastLsn, 1n);
});

test('a closed feed answers closed, also with a next under way', async (t) => {
  const engine = await openEngine(t);
  await engine.append({ op: 'mkdir', path: '/a' });
  const feed = engine.openFeed([]);
  const under = feed.next();
  feed.close();
  feed.close();
  assert.equal((await under)?.summary.lastLsn, 1n);
  await assert.rejects(feed.next(), { code: 'CFS_CLOSED' });
});

test('options are checked', async (t) => {
  const engine = await openEngine(t);
  const feed = engine.openFeed([]);
  const invalid = { code: 'CFS_INVALID_ARGUMENT' };
  await assert.rejects(feed.next({ codec: 'gzip' as 'lz4' }), invalid);
  await assert.rejects(feed.next({ level: 1000 }), invalid);
  await assert.rejects(feed.next({ rawBytesTarget: 0 }), invalid);
  assert.throws(
    () => engine.openFeed([{ site: 0, incarnation: 1n, lsn: 1n, shards: [] }]),
    /held\[0\]\.site is 0/,
  );
});
