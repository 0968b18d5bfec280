/** Data directories that are not what their peers remember: put back to an older copy, copied, lost. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Node } from '../../src';
import { Cluster, converged, waitUntil } from './support/cluster';
import { assertSameTree, textOf } from './support/compare';

const pathsOf = (lines: readonly string[]): string[] =>
  lines.map((line) => (JSON.parse(line) as { path: string }).path);

/** Site 1 is at /old with a copy beside it, then writes /lost..., which site 2 has, and is closed. */
async function makeOlderCopy(
  t: TestContext,
  lost = 0,
): Promise<{ cluster: Cluster; b: Node; copy: string }> {
  const cluster = await Cluster.make(t, 2);
  const b = await cluster.open(2);
  let a = await cluster.open(1);
  await a.append({ op: 'mkdir', path: '/old' });
  await converged(a, b);
  await a.close();
  const copy = join(cluster.directory, 'copy');
  cpSync(cluster.dataDir(1), copy, { recursive: true });
  a = await cluster.open(1);
  const paths = lost === 0 ? ['/lost'] : Array.from({ length: lost }, (_, i) => `/lost${i}`);
  const { lastLsn } = await a.append(paths.map((path) => ({ op: 'mkdir', path })));
  await a.waitFor(2, lastLsn);
  await a.close();
  return { cluster, b, copy };
}

/** Everything in the data directory is that of `copy`; the directory itself stays. */
function putBack(cluster: Cluster, copy: string): void {
  for (const name of readdirSync(cluster.dataDir(1))) {
    rmSync(join(cluster.dataDir(1), name), { recursive: true });
  }
  cpSync(copy, cluster.dataDir(1), { recursive: true });
}

const recent = (node: Node, code: string): boolean =>
  node.status().recentErrors.some((error) => error.code === code);
async function audited(node: Node, filter: string): Promise<string> {
  const signal = AbortSignal.timeout(60_000);
  let text = '';
  for await (const lines of node.audit.lines({ filter, oldest: false, follow: false, signal })) {
    text += lines;
  }
  return text;
}
const counted = (node: Node, peer: number, code: string): number =>
  node
    .status()
    .peers.find(({ site }) => site === peer)
    ?.errors.get(code) ?? 0;

test('a data directory put back to an older copy in place is noticed, and goes on as a new incarnation', async (t) => {
  const { cluster, b, copy } = await makeOlderCopy(t);
  putBack(cluster, copy);
  let a = await cluster.open(1);
  const before = a.status().engine.origin;
  const shutOut = (): boolean =>
    a.status().recentErrors.filter(({ code }) => code === 'internal').length > 0;
  await waitUntil('it is noticed', () => recent(a, 'CFS_ROLLED_BACK') && shutOut());
  assert.equal(a.health().state, 'DOWN');
  assert.ok(counted(a, 2, 'CFS_ROLLED_BACK') > 0);
  assert.match(await audited(a, 'journal.rolled_back site=2'), /up to LSN/);
  await assert.rejects(a.append({ op: 'mkdir', path: '/new' }), /older copy.*restarted/);
  assert.deepEqual(pathsOf(await assertSameTree(b)), ['/lost', '/old']);
  await a.close();
  a = await cluster.open(1);
  assert.ok(a.status().engine.origin.incarnation > before.incarnation);
  await a.append({ op: 'mkdir', path: '/new' });
  await waitUntil('/lost is back', async () => (await a.list('/', undefined, 9)).length === 3);
  await converged(a, b);
  assert.deepEqual(pathsOf(await assertSameTree(a, b)), ['/lost', '/new', '/old']);
});

for (const [what, written] of [
  ['less than it lost', 1],
  ['as much as it lost', 2],
  ['more than it lost', 5],
] as const) {
  test(`an older copy that wrote ${what} before it met its peer is stopped, and overwrites nothing`, async (t) => {
    const { cluster, b, copy } = await makeOlderCopy(t, 2);
    await b.close();
    putBack(cluster, copy);
    let a = await cluster.open(1);
    for (let i = 0; i < written; i++) await a.append({ op: 'mkdir', path: `/other${i}` });
    const others = Array.from({ length: written }, (_, i) => `/other${i}`);
    await a.close();

    const bAgain = await cluster.open(2);
    a = await cluster.open(1);
    await waitUntil('it is noticed', () => recent(a, 'CFS_DIVERGED'));
    assert.ok(counted(a, 2, 'CFS_DIVERGED') > 0);
    assert.match(await audited(a, 'journal.diverged site=2'), /has another entry/);
    assert.equal(a.health().state, 'DOWN');
    await assert.rejects(a.append({ op: 'mkdir', path: '/new' }), { code: 'CFS_STOPPED' });
    await a.close();
    a = await cluster.open(1); // a restart does not forget
    await assert.rejects(a.append({ op: 'mkdir', path: '/new' }), /cfs journal tail/);
    // What either had is still there, and nothing of the other's.
    assert.deepEqual(pathsOf(await assertSameTree(a)), ['/old', ...others]);
    assert.deepEqual(pathsOf(await assertSameTree(bAgain)), ['/lost0', '/lost1', '/old']);
    const kept: string[] = [];
    for await (const { name } of a.tail({ follow: false })) kept.push(textOf(name));
    assert.deepEqual(
      kept,
      ['/old', ...others].map((path) => path.slice(1)),
    );
    await a.close();

    // What the operator does then.
    renameSync(cluster.dataDir(1), join(cluster.directory, 'diverged'));
    a = await cluster.open(1);
    await waitUntil('all is back', async () => (await a.list('/', undefined, 9)).length === 3);
    for (const path of others) await a.append({ op: 'mkdir', path });
    await converged(a, bAgain);
    const all = pathsOf(await assertSameTree(a, bAgain));
    assert.deepEqual(all, ['/lost0', '/lost1', '/old', ...others]);
  });
}

test('an older copy that is moved in goes on as a new incarnation and gets back what it lacks', async (t) => {
  const { cluster, b, copy } = await makeOlderCopy(t);
  rmSync(cluster.dataDir(1), { recursive: true });
  renameSync(copy, cluster.dataDir(1));
  const a = await cluster.open(1);
  await a.append({ op: 'mkdir', path: '/new' });
  await waitUntil(
    'what was lost is back',
    async () => (await a.list('/', undefined, 9)).length === 3,
  );
  await converged(a, b);
  assert.deepEqual(pathsOf(await assertSameTree(a, b)), ['/lost', '/new', '/old']);
});

test('a data directory copied to a second node: the copy is another incarnation, and waits outside', async (t) => {
  const { cluster, b, copy } = await makeOlderCopy(t);
  const original = await cluster.open(1);
  await converged(original, b);
  const second = await cluster.open(1, {
    dataDir: copy,
    listen: { host: '127.0.0.1', port: 0 },
    admin: { http: { enabled: false }, socket: join(cluster.directory, 'second.sock') },
  });
  const [one, two] = [original, second].map((node) => node.status().engine.origin.incarnation);
  assert.notEqual(one, two);
  await waitUntil('it is turned away', () => counted(second, 2, 'site_in_use') > 0);
  await second.append({ op: 'mkdir', path: '/second' });
  await original.append({ op: 'mkdir', path: '/original' });
  await converged(original, b);
  assert.deepEqual(pathsOf(await assertSameTree(original, b)), ['/lost', '/old', '/original']);
  // When the original is gone the copy gets in, and nothing of either is lost.
  await original.close();
  await waitUntil('all is there', async () => (await second.list('/', undefined, 9)).length === 4);
  await converged(second, b);
  assert.deepEqual(pathsOf(await assertSameTree(second, b)), [
    '/lost',
    '/old',
    '/original',
    '/second',
  ]);
});

test('a site that lost its disk gets everything back from its peer', async (t) => {
  const { cluster, b } = await makeOlderCopy(t);
  rmSync(cluster.dataDir(1), { recursive: true });
  const a = await cluster.open(1);
  await waitUntil('everything is back', async () => (await a.list('/', undefined, 9)).length === 2);
  await a.append({ op: 'mkdir', path: '/new' });
  await converged(a, b);
  assert.deepEqual(pathsOf(await assertSameTree(a, b)), ['/lost', '/new', '/old']);
});

test('a second node on the same data directory is refused', async (t) => {
  const cluster = await Cluster.make(t, 1);
  await cluster.open(1);
  await assert.rejects(cluster.open(1), { code: 'CFS_LOCKED' });
});
