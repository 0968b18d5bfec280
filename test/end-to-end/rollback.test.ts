/** Data directories that are not what their peers remember: put back to an older copy, copied, lost. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Node } from '../../src';
import { Cluster, converged, waitUntil } from './support/cluster';
import { assertSameTree } from './support/compare';

const pathsOf = (lines: readonly string[]): string[] =>
  lines.map((line) => (JSON.parse(line) as { path: string }).path);

/** Site 1 is at /old with a copy beside it, then writes /lost, which site 2 has, and is closed. */
async function makeOlderCopy(t: TestContext): Promise<{ cluster: Cluster; b: Node; copy: string }> {
  const cluster = await Cluster.make(t, 2);
  const b = await cluster.open(2);
  let a = await cluster.open(1);
  await a.append({ op: 'mkdir', path: '/old' });
  await converged(a, b);
  await a.close();
  const copy = join(cluster.directory, 'copy');
  cpSync(cluster.dataDir(1), copy, { recursive: true });
  a = await cluster.open(1);
  const { lastLsn } = await a.append({ op: 'mkdir', path: '/lost' });
  await a.waitFor(2, lastLsn);
  await a.close();
  return { cluster, b, copy };
}

test('a data directory put back to an older copy in place is noticed, and nothing is overwritten', async (t) => {
  const { cluster, b, copy } = await makeOlderCopy(t);
  for (const name of readdirSync(cluster.dataDir(1))) {
    rmSync(join(cluster.dataDir(1), name), { recursive: true });
    cpSync(join(copy, name), join(cluster.dataDir(1), name), { recursive: true });
  }
  const a = await cluster.open(1);
  const noticed = (): boolean =>
    a.status().recentErrors.some(({ code }) => code === 'CFS_ROLLED_BACK') ||
    a.status().engine.origin.incarnation !== b.cursor(1)[0]?.incarnation;
  await waitUntil('it is noticed', noticed);
  if (a.health().state === 'DOWN') {
    await assert.rejects(a.append({ op: 'mkdir', path: '/new' }), /older copy/);
  }
  assert.deepEqual(pathsOf(await assertSameTree(b)), ['/lost', '/old']);
});

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
