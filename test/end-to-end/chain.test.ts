/** Sites that do not all talk to each other, or no longer do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigInput, Node } from '../../src';
import { Cluster, converged, waitUntil } from './support/cluster';
import { assertSameTree } from './support/compare';

/** Only some of the peers that every site has in a test cluster. */
function peersOf(cluster: Cluster, site: number, peers: readonly number[]): Partial<ConfigInput> {
  const all = cluster.config(site).peers ?? [];
  return { peers: all.filter((peer) => peers.includes(peer.site)) };
}

const framesTo = (node: Node, site: number): number =>
  node.status().peers.find((peer) => peer.site === site)?.framesSent ?? 0;

test('in a chain of four, what is written at either end comes out at the other, once', async (t) => {
  const cluster = await Cluster.make(t, 4);
  const nodes = [
    await cluster.open(1, peersOf(cluster, 1, [2])),
    await cluster.open(2, peersOf(cluster, 2, [1, 3])),
    await cluster.open(3, peersOf(cluster, 3, [2, 4])),
    await cluster.open(4, peersOf(cluster, 4, [3])),
  ] as const;
  for (let round = 0; round < 5; round++) {
    const writes = nodes.map((node, index) =>
      node.append([
        { op: 'mkdir', path: `/site-${index + 1}-${round}` },
        { op: 'create', path: `/wanted-by-all-${round}` },
      ]),
    );
    await Promise.allSettled(writes); // a name may have come from another site first
    await converged(...nodes);
  }
  await assertSameTree(...nodes);
  const ledgers = await Promise.all(
    nodes.map(async (node) => {
      const ids: string[] = [];
      for await (const page of node.conflicts.pages()) {
        ids.push(...page.map(({ id }) => `${id.site}.${id.lsn}`));
      }
      return ids;
    }),
  );
  for (const ledger of ledgers) assert.deepEqual(ledger, ledgers[0]);
});

test('what a site wrote before it died reaches those that never heard of it', async (t) => {
  const cluster = await Cluster.make(t, 3);
  const [a, b] = [await cluster.open(1), await cluster.open(2)];
  await a.append(Array.from({ length: 100 }, (_, i) => ({ op: 'create', path: `/${i}` }) as const));
  await converged(a, b);
  await a.close();
  const c = await cluster.open(3);
  await waitUntil('site 3 has what site 1 wrote', async () => (await c.digest()).names === 100n);
  await assertSameTree(b, c);
});

test('where all talk to each other nothing is passed on', async (t) => {
  const cluster = await Cluster.make(t, 3);
  const nodes = [await cluster.open(1), await cluster.open(2), await cluster.open(3)] as const;
  const [a, b] = nodes;
  // Long enough for everybody to have said whom they reach.
  await waitUntil(
    'all have told each other',
    () => a.status().unixMs - a.status().startedUnixMs > 4000,
  );
  const before = framesTo(b, 3);
  for (let i = 0; i < 20; i++) await a.append({ op: 'create', path: `/${i}` });
  await converged(...nodes);
  assert.equal(framesTo(b, 3), before);
});
