/** Two real nodes in one process: everything over TLS, everything durable. */
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync, linkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type AppliedEvent,
  type DecodedEntry,
  OpBatch,
  type Operation,
  type PeerEvent,
} from '../../src';
import { Cluster, connected, converged, waitUntil } from './support/cluster';
import { assertSameTree, dumpLines, textOf } from './support/compare';

const TWELVE: readonly Operation[] = [
  { op: 'mkdir', path: '/dir', mode: 0o755, uid: 1, gid: 2, mtimeNs: 5n },
  { op: 'create', path: '/dir/file', mode: 0o640, size: 10n },
  { op: 'create', path: '/dir/fifo', mode: 0o010600 },
  { op: 'create', path: '/dir/disk', mode: 0o060600, rdev: 0x801 },
  { op: 'symlink', path: '/dir/link', target: '../elsewhere' },
  { op: 'link', path: '/dir/second', targetPath: '/dir/file' },
  { op: 'create', path: '/dir/gone' },
  { op: 'unlink', path: '/dir/gone' },
  { op: 'mkdir', path: '/dir/empty' },
  { op: 'rmdir', path: '/dir/empty' },
  { op: 'rename', path: '/dir/second', newPath: '/moved' },
  {
    op: 'write',
    path: '/dir/file',
    size: 4096n,
    mtimeNs: 1_700_000_000_000_000_001n,
    extentRef: 99n,
  },
  { op: 'truncate', path: '/moved', size: 17n },
  { op: 'setattr', path: '/dir', mode: 0o700, uid: 1000, gid: 1000 },
  { op: 'setxattr', path: '/moved', key: 'user.a', value: Buffer.from([0, 255, 10]) },
  { op: 'setxattr', path: '/moved', key: 'user.b', value: 'kept' },
  { op: 'removexattr', path: '/moved', key: 'user.a' },
];

test('all twelve ops go over the wire, both ways at once', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const [a, b] = [await cluster.open(1), await cluster.open(2)];
  const under = (directory: string): Operation[] => [
    { op: 'mkdir', path: directory },
    ...TWELVE.map((operation) => {
      const moved: Record<string, unknown> = { ...operation };
      for (const key of ['path', 'newPath', 'targetPath']) {
        if (typeof moved[key] === 'string') moved[key] = directory + moved[key];
      }
      return moved as unknown as Operation;
    }),
  ];
  await Promise.all([a.append(under('/from-a')), b.append(under('/from-b'))]);
  await converged(a, b);
  const lines = await assertSameTree(a, b);
  assert.equal(lines.length, 2 * 7);

  for (const node of [a, b]) {
    for (const top of ['/from-a', '/from-b']) {
      const moved = await node.lookup(`${top}/moved`);
      assert.equal(moved.size, 17n);
      assert.equal(moved.nlink, 2);
      assert.deepEqual(
        moved.xattrs.map(({ key, value }) => [textOf(key), textOf(value)]),
        [['user.b', 'kept']],
      );
      assert.deepEqual(moved.paths?.map(textOf).sort(), [`${top}/dir/file`, `${top}/moved`]);
      assert.equal((await node.lookup(moved.inode)).mtimeNs, moved.mtimeNs);
      assert.equal(textOf((await node.lookup(`${top}/dir/link`)).target), '../elsewhere');
      assert.equal((await node.lookup(`${top}/dir/disk`)).rdev, 0x801);
      assert.equal((await node.lookup(`${top}/dir`)).mode, 0o40700);
    }
  }
});

test('names of arbitrary bytes go through unharmed', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const [a, b] = [await cluster.open(1), await cluster.open(2)];
  const names = [
    Buffer.alloc(255, 0xff),
    Buffer.from('~ " \\ \n \t é 漢 \u202e'),
    Buffer.from([0xc3, 0x28]),
  ];
  for (let byte = 1; byte < 256; byte++) {
    if (byte !== 0x2f && byte !== 0x2e) names.push(Buffer.from([byte]));
  }
  const root = 1n;
  const { lastLsn } = await a.append(names.map((name) => ({ op: 'create', parent: root, name })));
  await a.waitFor(2, lastLsn);
  await assertSameTree(a, b);
  const listed = await b.list('/', undefined, 1000);
  assert.deepEqual(
    listed.map(({ path }) => Buffer.from(path).toString('hex')),
    names.map((name) => name.toString('hex')).sort(),
  );
});

test('an empty tree replicates: nothing, equally', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const [a, b] = [await cluster.open(1), await cluster.open(2)];
  await connected(a, 2);
  assert.deepEqual(await assertSameTree(a, b), []);
  const [peer] = a.status().peers;
  assert.deepEqual([peer?.lagEntries, peer?.lagMs], [0n, 0]);
});

test('events tell of peers and of what was applied, status of cursors and lag', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const a = await cluster.open(1);
  const { lastLsn } = await a.append({ op: 'mkdir', path: '/early' });
  const [alone] = a.status().peers;
  assert.equal(alone?.state, 'connecting');
  assert.equal(alone.health, 'DOWN');
  assert.equal(alone.lagEntries, 1n);
  await waitUntil('the lag grows', () => (a.status().peers[0]?.lagMs ?? 0) > 5);
  assert.equal(a.health().state, 'DEGRADED', 'it goes on accepting');

  const peers: PeerEvent[] = [];
  const applied: AppliedEvent[] = [];
  a.on('peer', (event) => peers.push(event));
  const b = await cluster.open(2);
  b.on('applied', (event) => applied.push(event));
  await a.waitFor(2, lastLsn);
  assert.deepEqual(
    applied.map(({ site, firstLsn, lastLsn: last, entries }) => [site, firstLsn, last, entries]),
    [[1, 1n, 1n, 1]],
  );
  assert.deepEqual(a.cursor(2).find(({ site }) => site === 1)?.lsn, 1n);
  assert.equal(a.siteHealth(2).state, 'HEALTHY');
  assert.equal(a.siteHealth(1).state, 'HEALTHY');
  assert.throws(() => a.cursor(9), { code: 'CFS_NOT_FOUND' });

  await b.close();
  await waitUntil('the peer is down', () => peers.some(({ up }) => !up));
  assert.deepEqual(peers.at(0), { site: 2, name: 'site-2', up: true });
  await assert.rejects(b.append({ op: 'mkdir', path: '/late' }), { code: 'CFS_CLOSED' });
});

test('several tails read the journal at once, from history on into what comes', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const a = await cluster.open(1);
  await a.append(TWELVE);
  const live: DecodedEntry[] = [];
  const following = (async () => {
    for await (const entry of a.tail({ fromLsn: 3n, follow: true })) {
      live.push(entry);
      if (entry.op === 'rename' && textOf(entry.newName) === 'renamed') break;
    }
  })();
  const history: string[] = [];
  for await (const entry of a.tail()) history.push(entry.op);
  assert.deepEqual(
    history,
    TWELVE.map(({ op }) => op),
  );
  await a.append({ op: 'rename', path: '/moved', newPath: '/renamed' });
  await following;
  assert.deepEqual(
    live.map(({ lsn }) => lsn),
    TWELVE.slice(1).map((_, index) => BigInt(index + 3)),
  );

  const shard = (await a.lookup('/dir')).inode;
  const seqs: bigint[] = [];
  const [first] = live;
  assert.ok(first !== undefined && shard > 0n);
  for await (const entry of a.tail({ shards: [first.shard] })) seqs.push(entry.seq);
  assert.deepEqual(
    seqs,
    seqs.map((_, index) => BigInt(index + 1)),
    'contiguous per shard',
  );
});

test('a tail that follows ends when its node closes', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const a = await cluster.open(1);
  const read = (async () => {
    let count = 0;
    for await (const { lsn } of a.tail({ follow: true })) count += lsn > 0n ? 1 : 0;
    return count;
  })();
  await a.append({ op: 'mkdir', path: '/d' });
  await waitUntil('it is durable', () => a.status().engine.durableLsn === 1n);
  await new Promise((resolve) => setImmediate(resolve));
  await a.close();
  assert.ok((await read) <= 1);
});

test('a source with its own numbers: repeats are nothing, gaps are errors, nextSeq says where to go on', async (t) => {
  const cluster = await Cluster.make(t, 2);
  let a = await cluster.open(1);
  const b = await cluster.open(2);
  const batch = new OpBatch();
  for (let seq = 1; seq <= 3; seq++) batch.add({ op: 'mkdir', path: `/${seq}`, shard: 7, seq });
  const { lastLsn } = await a.append(batch);
  assert.equal(a.nextSeq(7), 4n);
  const again = await a.append({ op: 'mkdir', path: '/3', shard: 7, seq: 3 });
  assert.equal(again.duplicates, 1);
  await assert.rejects(a.append({ op: 'mkdir', path: '/5', shard: 7, seq: 5 }), {
    code: 'CFS_SEQUENCE_GAP',
  });
  await a.waitFor(2, lastLsn);
  assert.deepEqual(
    a.status().peers[0]?.ackedShards.find(({ shard }) => shard === 7),
    { shard: 7, seq: 3n },
  );
  await a.close();
  a = await cluster.open(1);
  assert.equal(a.nextSeq(7), 4n);
  await a.append({ op: 'mkdir', path: '/4', shard: 7, seq: 4 });
  await converged(a, b);
  await assertSameTree(a, b);
});

test('a real directory tree is imported with all its kinds, and again without harm', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const source = join(cluster.directory, 'source');
  mkdirSync(join(source, 'sub', 'deep'), { recursive: true });
  writeFileSync(join(source, 'file'), 'hello');
  writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0xfe])]), '');
  linkSync(join(source, 'file'), join(source, 'sub', 'hard'));
  symlinkSync('../file', join(source, 'sub', 'soft'));
  const [a, b] = [await cluster.open(1), await cluster.open(2)];
  const first = await a.importTree(source, { target: '/in/here' });
  assert.equal(first.refused, 0);
  assert.deepEqual(
    [first.walked.names, first.walked.directories, first.walked.files, first.walked.hardLinks],
    [8, 4, 2, 1],
  );
  await a.waitFor(2, first.lastLsn);
  await assertSameTree(a, b);
  assert.equal((await b.lookup('/in/here/sub/hard')).nlink, 2);
  assert.equal(textOf((await b.lookup('/in/here/sub/soft')).target), '../file');
  assert.equal((await b.lookup('/in/here/file')).size, 5n);
  assert.equal(
    (await b.lookup(Buffer.from([...Buffer.from('/in/here/'), 0xff, 0xfe]))).kind,
    'file',
  );

  const before = await dumpLines(a);
  const second = await a.importTree(source, { target: '/in/here' });
  assert.deepEqual([second.appended, second.existing, second.refused], [0, 8, 0]);
  assert.deepEqual(await dumpLines(a), before);
});
