/** Peers that come late, go away, or are slow. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { peekFrame, verifyControl } from '../../bindings';
import { type Node, OpBatch } from '../../src';
import { openConduit } from '../../src/conduit/conduit';
import { namedSite } from '../../src/security/identity';
import { siteFiles } from '../../src/security/tls-init';
import { createLog } from '../../src/telemetry/log';
import { CLUSTER_UUID, Cluster, converged, waitUntil } from './support/cluster';
import { assertSameTree } from './support/compare';

const BATCH = 4096;

/** Makes `count` files in one directory a thousand names each; answers their inodes. */
async function makeFiles(node: Node, top: string, count: number): Promise<bigint[]> {
  await node.append({ op: 'mkdir', path: top });
  const inodes: bigint[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const batch = new OpBatch();
    for (let i = start; i < Math.min(start + BATCH, count); i++) {
      if (i % 1000 === 0) batch.add({ op: 'mkdir', path: `${top}/${i / 1000}` });
      batch.add({ op: 'create', path: `${top}/${Math.floor(i / 1000)}/name-${i}`, size: i });
    }
    const made = await node.append(batch, { wantInodes: true });
    inodes.push(...(made.inodes ?? []));
  }
  return inodes;
}

/** `count` setattrs, round and round over `inodes`; several batches in flight. */
async function change(node: Node, inodes: readonly bigint[], count: number): Promise<void> {
  const inFlight: Promise<unknown>[] = [];
  for (let start = 0; start < count; start += BATCH) {
    const batch = new OpBatch();
    for (let i = start; i < Math.min(start + BATCH, count); i++) {
      batch.setattr(inodes[i % inodes.length] ?? 1n, { mode: 0o600 | (i & 0o77), mtimeNs: i });
    }
    if (inFlight.length >= 4) await inFlight.shift();
    inFlight.push(node.append(batch));
  }
  await Promise.all(inFlight);
}

test('a peer that first connects after 500,000 entries catches up', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const a = await cluster.open(1);
  const inodes = await makeFiles(a, '/files', 2000);
  await change(a, inodes, 500_000 - 2003);
  assert.equal(a.status().engine.lastLsn, 500_000n);
  const b = await cluster.open(2);
  await a.waitFor(2, 500_000n);
  await assertSameTree(a, b);
  const [peer] = a.status().peers;
  assert.equal(peer?.lagEntries, 0n);
  assert.equal(peer.entriesAcked, 500_000);
  assert.ok(peer.entriesOnWire < peer.entriesSent, 'what was superseded did not travel');
});

test('a tree of 200,000 names', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const [a, b] = [await cluster.open(1), await cluster.open(2)];
  await makeFiles(a, '/many', 200_000);
  await converged(a, b);
  const lines = await assertSameTree(a, b);
  assert.equal(lines.length, 1 + 200 + 200_000);
});

test('either node restarts at any time, while both are written to', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const nodes = new Map([
    [1, await cluster.open(1)],
    [2, await cluster.open(2)],
  ]);
  const node = (site: number): Node => {
    const found = nodes.get(site);
    assert.ok(found !== undefined);
    return found;
  };
  for (let round = 0; round < 6; round++) {
    const restarting = (round % 2) + 1;
    const other = 3 - restarting;
    await node(restarting).append({ op: 'mkdir', path: `/before-${round}` });
    const writing = makeFiles(node(other), `/during-${round}`, 3000);
    await node(restarting).close();
    nodes.set(restarting, await cluster.open(restarting));
    await node(restarting).append({ op: 'mkdir', path: `/after-${round}` });
    await writing;
  }
  await converged(node(1), node(2));
  const lines = await assertSameTree(node(1), node(2));
  assert.equal(lines.length, 6 * (2 + 1 + 3 + 3000));
});

test('three sites, each writing, all see the same', async (t) => {
  const cluster = await Cluster.make(t, 3);
  const [a, b, c] = [await cluster.open(1), await cluster.open(2), await cluster.open(3)];
  await Promise.all([a, b, c].map((node) => makeFiles(node, `/of-${node.config.site.id}`, 2000)));
  await converged(a, b, c);
  await assertSameTree(a, b, c);
  await c.close();
  await Promise.all([a, b].map((node) => makeFiles(node, `/later-${node.config.site.id}`, 2000)));
  const again = await cluster.open(3);
  await converged(a, b, again);
  await assertSameTree(a, b, again);
});

/** A peer that takes frames and never says that it has made one durable. */
async function openSilentPeer(
  t: TestContext,
  cluster: Cluster,
): Promise<{ framesIn: () => number }> {
  const tls = join(cluster.directory, 'tls');
  const files = siteFiles(tls, 2);
  const conduit = await openConduit({
    clusterUuid: CLUSTER_UUID,
    site: 2,
    peers: [{ site: 1, endpoints: [{ host: '127.0.0.1', port: cluster.port(1) }] }],
    tls: {
      certificate: readFileSync(files.certificate, 'utf8'),
      key: readFileSync(files.key, 'utf8'),
      authorities: [readFileSync(join(tls, 'ca.crt'), 'utf8')],
    },
    software: 'a slow peer',
    codecs: 0b111,
    entrySchemaMax: 1,
    status: () => ({ incarnation: 1n, epoch: 1n, cursors: [] }),
    peerStatus: () => ({ epoch: 1n, headLsn: 0n, oldestUnackedUs: 0 }),
    peekFrame,
    verifyControl,
    identityOf: namedSite,
    log: createLog({ level: 'silent' }).component('conduit'),
  });
  let frames = 0;
  conduit.on('session', (session) => {
    session.attach({ onFrame: () => frames++, onAck: () => undefined, onClose: () => undefined });
  });
  t.after(() => conduit.close({ drainMs: 0 }));
  return { framesIn: () => frames };
}

test('a slow peer costs journal space, not memory', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const a = await cluster.open(1);
  const inodes = await makeFiles(a, '/files', 2000);
  const silent = await openSilentPeer(t, cluster);
  await waitUntil('it takes what it may', () => silent.framesIn() > 0);
  await change(a, inodes, 100_000);
  const before = process.memoryUsage.rss();
  await change(a, inodes, 900_000);
  const grown = process.memoryUsage.rss() - before;
  const [peer] = a.status().peers;
  assert.equal(peer?.state, 'connected', 'slow is not dead');
  assert.ok(peer.lagEntries > 900_000n);
  assert.ok(peer.inFlightFrames <= 64 && peer.inFlightBytes <= 17 * 1024 * 1024);
  // The entries were over 100 MB; caches and windows are about 70.
  assert.ok(grown < 90 * 1024 * 1024, `grew by ${grown} bytes`);
});
