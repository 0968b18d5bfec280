/** What is gone is forgotten at all sites, and a site that does not know of it waits until it does. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import type { Node, Operation } from '../../src';
import { Cluster, connected, converged, waitUntil } from './support/cluster';
import { assertSameTree } from './support/compare';

const FILES = 500;
const change = { state: { keepRemovedMinutes: 0 } };

const each = (op: 'create' | 'unlink', prefix: string): Operation[] =>
  Array.from({ length: FILES }, (_, i) => ({ op, path: `/${prefix}${i}` }));
const tombstones = ({ engine }: ReturnType<Node['status']>): number =>
  engine.inodes - engine.liveInodes;

async function churn(node: Node, prefix: string): Promise<void> {
  await node.append(each('create', prefix));
  await node.append(each('unlink', prefix));
}

test('removed files are forgotten everywhere, but not while a site is away', async (t) => {
  const cluster = await Cluster.make(t, 3, change);
  const [a, b] = [await cluster.open(1), await cluster.open(2)];
  let c = await cluster.open(3);
  await Promise.all([churn(a, 'a'), churn(b, 'b'), churn(c, 'c')]);
  await converged(a, b, c);
  await waitUntil('all is forgotten', () =>
    [a, b, c].every((node) => tombstones(node.status()) === 0),
  );
  assert.ok(a.status().engine.forgotten >= 3 * FILES);

  await a.append({ op: 'create', path: '/contested' });
  await converged(a, b, c);
  await c.close();
  await a.append({ op: 'unlink', path: '/contested' });
  await converged(a, b);
  // Longer than it takes when nobody is away.
  await new Promise((resolve) => setTimeout(resolve, 13_000));
  assert.equal(tombstones(a.status()), 1);
  c = await cluster.open(3);
  await converged(a, b, c);
  await waitUntil('it is forgotten when the last has seen it go', () =>
    [a, b, c].every((node) => tombstones(node.status()) === 0),
  );
  await assertSameTree(a, b, c);
});

test('a site that lost everything writes nothing before it has what others have forgotten', async (t) => {
  const cluster = await Cluster.make(t, 2, change);
  const a = await cluster.open(1);
  let b = await cluster.open(2);
  await churn(a, 'a');
  await converged(a, b);
  await waitUntil('all is forgotten', () => tombstones(a.status()) === 0);
  await b.close();
  rmSync(cluster.dataDir(2), { recursive: true });
  b = await cluster.open(2);
  await connected(b, 1);
  const codes = new Set<string>();
  await waitUntil('it may write', async () => {
    try {
      await b.append({ op: 'create', path: '/written' });
      return true;
    } catch (error) {
      codes.add((error as { code: string }).code);
      return false;
    }
  });
  assert.ok([...codes].every((code) => code === 'CFS_CATCHING_UP'));
  const { held } = b.status().engine;
  const { origin, lastLsn } = a.status().engine;
  assert.equal(held.find(({ site }) => site === origin.site)?.lsn, lastLsn);
  await converged(a, b);
  await assertSameTree(a, b);
});
