/** A site that the others go on without, and its way back. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Random } from '../../deploy/demo/random';
import { type Node, type Operation, type RecordedConflict, conflictId } from '../../src';
import { cfs } from '../unit/cli/fixtures';
import { schemaFaults } from './cli-openapi';
import { type Agent, Cluster, connected, converged, levelled, waitUntil } from './support/cluster';
import { assertSameTree, textOf } from './support/compare';

const FORGETFUL = { state: { keepRemovedMinutes: 0 } };
/** So small that what nobody needs is gone at once. */
const SMALL_JOURNAL = { journal: { segmentBytes: 16 << 20, retentionBytes: 0 } };

const tombstones = ({ engine }: ReturnType<Node['status']>): number =>
  engine.inodes - engine.liveInodes;
const pathsOf = (lines: readonly string[]): string[] =>
  lines.map((line) => (JSON.parse(line) as { path: string }).path);

/** Opens a site that hears of nobody, has it write, and closes it again. */
async function writeAlone(
  cluster: Cluster,
  site: number,
  ...operations: readonly Operation[]
): Promise<void> {
  const peers = (cluster.config(site).peers ?? []).map((peer) => ({ ...peer, enabled: false }));
  const node = await cluster.open(site, { peers });
  await node.append(operations);
  await node.close();
}

/** Closes and opens the node, as an agent does, until it is back among the sites. */
async function rejoined(cluster: Cluster, asked: Node, primary: number): Promise<Node> {
  let node = asked;
  let reopen = new Promise<void>((resolve) => node.once('reopen', resolve));
  node.rejoin(primary);
  for (;;) {
    const isDone = waitUntil('it is back', () => node.status().rejoin?.phase === 'done');
    const next = await Promise.race([isDone.then(() => 'done'), reopen.then(() => 'reopen')]);
    if (next === 'done') return node;
    isDone.catch(() => undefined);
    await node.close();
    node = await cluster.open(asked.config.site.id);
    const current = node;
    reopen = new Promise<void>((resolve) => current.once('reopen', resolve));
  }
}

async function ledgerOf(node: Node): Promise<RecordedConflict[]> {
  const conflicts: RecordedConflict[] = [];
  for await (const page of node.conflicts.pages()) conflicts.push(...page);
  return conflicts;
}

async function sameLedgers(...nodes: readonly Node[]): Promise<RecordedConflict[]> {
  const ledgers = await Promise.all(nodes.map(ledgerOf));
  const ids = ledgers.map((ledger) => ledger.map(({ id }) => conflictId(id)));
  for (const other of ids) assert.deepEqual(other, ids[0]);
  return ledgers[0] ?? [];
}

/** Sites 1, 2 and 3, level with each other. */
async function three(t: TestContext, change = {}): Promise<[Cluster, Node, Node, Node]> {
  const cluster = await Cluster.make(t, 3, change);
  const [a, b, c] = [await cluster.open(1), await cluster.open(2), await cluster.open(3)];
  await a.append([
    { op: 'mkdir', path: '/shared', mode: 0o755 },
    { op: 'create', path: '/shared/plan', mode: 0o600 },
    { op: 'create', path: '/contested' },
  ]);
  await converged(a, b, c);
  return [cluster, a, b, c];
}

test('what is kept for a site that does not come back is let go when it is evicted', async (t) => {
  const [cluster, a, b, c] = await three(t, FORGETFUL);
  await c.close();
  await a.append({ op: 'unlink', path: '/contested' });
  // So much that the journal's index tells where site 2 is and where site 3 was.
  await a.append(Array.from({ length: 20_000 }, (_, i) => ({ op: 'create', path: `/${i}` })));
  await converged(a, b);
  assert.equal(tombstones(a.status()), 1);
  const heldBy = async (): Promise<string> => {
    await a.checkpoint();
    return (await a.collect({ auditOnly: true, aggressive: true })).heldBy;
  };
  await waitUntil('it is kept for site 3', async () => (await heldBy()) === 'peer 3');

  await a.evictions.evict(3);
  await waitUntil('it is forgotten at both', () =>
    [a, b].every((node) => tombstones(node.status()) === 0),
  );
  await waitUntil('no journal is kept for it', async () => !/3/.test(await heldBy()));
  for (const node of [a, b]) {
    const [eviction] = node.status().evictions;
    assert.deepEqual([eviction?.site, eviction?.bySite, eviction?.gone], [3, 1, true]);
    assert.deepEqual(eviction?.waitingFor, []);
  }
  const { state, lagEntries } = a.status().peers.find(({ site }) => site === 3) ?? {};
  assert.deepEqual([state, lagEntries, a.health().state], ['evicted', 0n, 'HEALTHY']);
  assert.ok(existsSync(cluster.dataDir(3)));
});

test('an eviction is refused for the own site, a stranger, one that is connected, and a second time', async (t) => {
  const [, a, , c] = await three(t);
  await connected(a, 3);
  await assert.rejects(a.evictions.evict(1), { code: 'CFS_INVALID_ARGUMENT' });
  await assert.rejects(a.evictions.evict(9), { code: 'CFS_NOT_FOUND' });
  await assert.rejects(a.evictions.evict(3), /site 3 is connected/);
  await c.close();
  await waitUntil('it is gone', () =>
    a.status().peers.every(({ site, state }) => site !== 3 || state !== 'connected'),
  );
  await a.evictions.evict(3);
  await assert.rejects(a.evictions.evict(3), { code: 'CFS_EXISTS' });
});

test('an evicted site is turned away, also after a restart, and accepts nothing until it rejoins', async (t) => {
  const [cluster, a, b, c] = await three(t);
  await a.evictions.evict(3, { force: true });
  const isOut = (node: Node) => node.health().checks[0].detail.includes('evicted');
  await waitUntil('it knows', () => isOut(c));
  await assert.rejects(c.append({ op: 'mkdir', path: '/late' }), { code: 'CFS_STOPPED' });
  await c.close();
  const again = await cluster.open(3);
  assert.ok(isOut(again));
  assert.throws(() => again.rejoin(9), { code: 'CFS_NOT_FOUND' });
  await b.append({ op: 'mkdir', path: '/meanwhile' });
  await converged(a, b);
  const back = await rejoined(cluster, again, 1);
  await back.append({ op: 'mkdir', path: '/back' });
  await converged(a, b, back);
  const paths = pathsOf(await assertSameTree(a, b, back));
  assert.deepEqual(paths, ['/back', '/contested', '/meanwhile', '/shared', '/shared/plan']);
  assert.deepEqual(await sameLedgers(a, b, back), []);
});

test('a site that was not evicted sets nothing aside, unless it is forced', async (t) => {
  const [cluster, a, b, c] = await three(t);
  assert.throws(() => c.rejoin(1), /was not evicted/);
  const before = c.status().engine.origin.incarnation;
  const reopened = new Promise<void>((resolve) => c.once('reopen', resolve));
  c.rejoin(2, { force: true });
  await reopened;
  await c.close();
  let back = await cluster.open(3);
  await new Promise<void>((resolve) => back.once('reopen', resolve));
  await back.close();
  back = await cluster.open(3);
  await converged(a, b, back);
  assert.ok(back.status().engine.origin.incarnation > before);
  await assertSameTree(a, b, back);
  assert.ok(existsSync(join(cluster.dataDir(3), 'set-aside')));
});

test('what an evicted site had not sent is in the ledger of all sites, and can be restored', async (t) => {
  const [cluster, a, b, c] = await three(t, { ...FORGETFUL, ...SMALL_JOURNAL });
  const { inode } = await c.lookup('/shared/plan');
  await c.close();
  await writeAlone(
    cluster,
    3,
    { op: 'mkdir', path: '/mine', mode: 0o750 },
    { op: 'create', path: '/mine/draft', mode: 0o640 },
    { op: 'setxattr', path: '/mine/draft', key: 'user.note', value: 'unsent' },
    { op: 'rename', path: '/mine/draft', newPath: '/mine/final' },
    { op: 'setattr', inode, mode: 0o444 },
    { op: 'create', path: '/mine/gone' },
    { op: 'unlink', path: '/mine/gone' },
  );
  await a.evictions.evict(3);
  await a.append([
    { op: 'unlink', path: '/contested' },
    { op: 'create', path: '/after' },
  ]);
  await converged(a, b);
  await waitUntil('it is forgotten', () => tombstones(a.status()) === 0);

  const c2 = await cluster.open(3);
  await waitUntil('it knows', () => c2.health().checks[0].detail.includes('evicted'));
  const back = await rejoined(cluster, c2, 1);
  await converged(a, b, back);
  assert.deepEqual(pathsOf(await assertSameTree(a, b, back)), [
    '/after',
    '/shared',
    '/shared/plan',
  ]);
  const ledger = await sameLedgers(a, b, back);
  assert.ok(ledger.every(({ lost, loser }) => lost === 'unsent' && loser.site === 3));
  assert.deepEqual(
    ledger.map(({ loser, path }) => [loser.op, textOf(path)]),
    [
      ['mkdir', '/mine'],
      ['create', '/mine/draft'],
      ['setxattr', '/mine/final'],
      ['rename', '/mine/final'],
      ['setattr', '/shared/plan'],
      ['create', '/mine/gone'],
      ['unlink', '/mine/gone'],
    ],
  );
  for (const { id } of ledger) await b.conflicts.restore(id);
  await converged(a, b, back);
  const paths = pathsOf(await assertSameTree(a, b, back));
  assert.deepEqual(paths, ['/after', '/mine', '/mine/final', '/shared', '/shared/plan']);
  const { xattrs } = await a.lookup('/mine/final');
  assert.deepEqual(
    xattrs.map(({ key }) => textOf(key)),
    ['user.note'],
  );
  assert.equal((await a.lookup('/shared/plan')).mode & 0o777, 0o444);
});

const knowsItsEviction = (node: Node): boolean =>
  node.health().checks[0].detail.includes('evicted');

test('two sites come back at once, while a third is gone for good', async (t) => {
  const cluster = await Cluster.make(t, 4);
  const a = await cluster.open(1);
  const others = [await cluster.open(2), await cluster.open(3), await cluster.open(4)];
  await a.append({ op: 'mkdir', path: '/shared' });
  await converged(a, ...others);
  for (const node of others) await node.close();
  await writeAlone(cluster, 2, { op: 'mkdir', path: '/of-2' });
  await writeAlone(cluster, 3, { op: 'mkdir', path: '/of-3' });
  for (const site of [2, 3, 4]) await a.evictions.evict(site);
  const back = await Promise.all(
    [2, 3].map(async (site) => {
      const node = await cluster.open(site);
      await waitUntil('it knows', () => knowsItsEviction(node));
      return rejoined(cluster, node, 1);
    }),
  );
  await converged(a, ...back);
  assert.deepEqual(pathsOf(await assertSameTree(a, ...back)), ['/shared']);
  await waitUntil('both are on record everywhere', async () =>
    (await Promise.all([a, ...back].map(ledgerOf))).every(({ length }) => length === 2),
  );
  await sameLedgers(a, ...back);
});

test('a site whose primary does not come up takes another, and one that is evicted again begins anew', async (t) => {
  const [cluster, a, b, c] = await three(t);
  await b.close();
  await c.close();
  await writeAlone(cluster, 3, { op: 'mkdir', path: '/mine' });
  await a.evictions.evict(3);
  let node = await cluster.open(3);
  await waitUntil('it knows', () => knowsItsEviction(node));
  const reopen = async (): Promise<void> => {
    await node.close();
    node = await cluster.open(3);
  };
  node.rejoin(2);
  await reopen();
  await waitUntil('it waits', () => node.status().rejoin?.waitingFor.join() === '2');
  await connected(a, 3);
  await waitUntil('it is heard of', () => a.status().evictions.every(({ gone }) => !gone));
  await a.evictions.evict(3, { force: true });
  await waitUntil('it knows again', () => knowsItsEviction(node));
  await a.evictions.evict(2);
  const back = await rejoined(cluster, node, 1);
  await converged(a, back);
  assert.deepEqual(pathsOf(await assertSameTree(a, back)), [
    '/contested',
    '/shared',
    '/shared/plan',
  ]);
  const ledger = await sameLedgers(a, back);
  assert.deepEqual(
    ledger.map(({ lost, path }) => [lost, textOf(path)]),
    [['unsent', '/mine']],
  );
});

const SEED = Number(process.env['CFS_REPL_TEST_SEED'] ?? Date.now() % 1_000_000);
const KILLS = 6;

async function cli(agent: Agent, ...words: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await cfs([
    ...['admin', 'replication', ...words],
    ...['--socket', agent.socket],
  ]);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

test('the way back survives kill -9 of the site that is on it, wherever it is', async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const random = new Random(SEED);
  const cluster = await Cluster.make(t, 2);
  const one = await cluster.spawn(1);
  let two = await cluster.spawn(2);
  const files = (prefix: string): string =>
    Array.from({ length: 3000 }, (_, i) => `{"op":"create","path":"/${prefix}${i}"}\n`).join('');
  await one.request('POST', '/journal/append', files('one'));
  await levelled(one, two);
  await two.kill('SIGKILL');
  await writeAlone(cluster, 2, { op: 'create', path: '/unsent', mode: 0o600 });

  const evicted = JSON.parse(await cli(one, 'evict', '2', '--json')) as unknown;
  assert.deepEqual(schemaFaults(evicted, 'Evicted'), []);
  await one.request('POST', '/journal/append', files('later'));
  two = await cluster.spawn(2);
  await waitUntil('it knows', async () =>
    (await two.request('GET', '/replication/health')).text.includes('evicted'),
  );
  await cli(two, 'rejoin', '--primary', '1', '--no-wait');
  for (let kill = 0; kill < KILLS; kill++) {
    await new Promise((resolve) => setTimeout(resolve, random.integer(1500)));
    await two.kill('SIGKILL');
    two = await cluster.spawn(2);
  }
  const rejoin = async (): Promise<unknown> => {
    const { status, text } = await two.request('GET', '/replication/status');
    return status === 200 ? (JSON.parse(text) as { rejoin: unknown }).rejoin : undefined;
  };
  await waitUntil('it is back', async () => {
    const now = await rejoin();
    return now === null || (now as { phase?: string } | undefined)?.phase === 'done';
  });
  await levelled(one, two);
  assert.equal(await two.dump(), await one.dump());
  const listed = await cli(one, 'conflicts', 'list', '--json');
  const [line = '', ...others] = listed.trimEnd().split('\n');
  const { lost, path } = JSON.parse(line) as { lost: string; path: string };
  assert.deepEqual([lost, path, others], ['unsent', '/unsent', []]);
  assert.equal(await cli(two, 'conflicts', 'list', '--json'), listed);
});
