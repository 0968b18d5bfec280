/** What is asked of an eviction before it is written, and what is said of it afterwards. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { makeError } from '../../bindings';
import type { EngineStatus } from '../../bindings';
import { NodeEvictions } from '../../src/node-evictions';
import { NodeSites } from '../../src/node-sites';
import { helloOf } from './conduit/fixtures';
import { FakeEngine, OWN, PEER, cursor } from './sync/fakes';

const THIRD = { site: 3, incarnation: 33n };

function make(t: TestContext, refused: () => Error | undefined = () => undefined) {
  const fake = new FakeEngine();
  fake.others = [cursor(THIRD, 5n), cursor({ ...THIRD, incarnation: 32n }, 9n)];
  const written: string[] = [];
  let evictions: EngineStatus['evictions'] = [];
  const engine = {
    held: () => fake.held(),
    forget: () => undefined,
    recordUnheard: () => Promise.resolve(0),
    setPeers: () => undefined,
    status: () => ({ evictions, unheard: [], inodes: 0, lastHlc: 0n, forgotten: 0 }),
    evict: (site: number, incarnation: bigint): Promise<bigint> => {
      written.push(`${site} ${incarnation}`);
      evictions = [{ site, incarnation, by: { ...OWN, lsn: 7n, hlc: 4096n * 5000n } }];
      fake.durableLsn = 7n;
      return Promise.resolve(7n);
    },
  };
  const sites = new NodeSites({
    engine,
    origin: OWN,
    peers: [PEER.site, THIRD.site],
    keepRemovedMinutes: 10,
    onEvicted: () => undefined,
    onRecorded: () => undefined,
    onError: () => undefined,
  });
  t.after(() => sites.stop());
  return {
    evictions: new NodeEvictions({ engine, site: OWN.site, sites, refused }),
    sites,
    written,
  };
}

test('closes a site up to the latest incarnation that is known, and says who is not known to know', async (t) => {
  const { evictions, written } = make(t);
  const evicted = await evictions.evict(THIRD.site);
  assert.deepEqual(evicted, { ...THIRD, lsn: 7n, waitingFor: [PEER.site] });
  assert.deepEqual(written, ['3 33']);
  assert.deepEqual(evictions.list(), [
    { ...THIRD, bySite: OWN.site, unixMs: 5, gone: true, waitingFor: [PEER.site] },
  ]);
});

test('of a peer that was never heard of, every incarnation until now is closed', async (t) => {
  const { evictions } = make(t);
  const { incarnation } = await evictions.evict(PEER.site);
  const ms = Number(incarnation >> 22n);
  assert.ok(Math.abs(ms - Date.now()) < 60_000);
});

for (const [what, site, code] of [
  ['its own site', OWN.site, 'CFS_INVALID_ARGUMENT'],
  ['a stranger', 9, 'CFS_NOT_FOUND'],
] as const) {
  test(`refuses ${what}`, async (t) => {
    const { evictions, written } = make(t);
    await assert.rejects(evictions.evict(site), { code });
    assert.deepEqual(written, []);
  });
}

test('a site that is connected is evicted only by force, and one that is gone not at all', async (t) => {
  const { evictions, sites, written } = make(t);
  sites.sessionUp(THIRD.site, helloOf(THIRD.site, {}));
  await assert.rejects(evictions.evict(THIRD.site), /site 3 is connected/);
  await evictions.evict(THIRD.site, { force: true });
  await assert.rejects(evictions.evict(THIRD.site), { code: 'CFS_EXISTS' });
  assert.equal(written.length, 1);
});

test('a node that may not write does not evict', async (t) => {
  const { evictions, written } = make(t, () => makeError('CFS_STOPPED', 'no more'));
  await assert.rejects(evictions.evict(THIRD.site), { code: 'CFS_STOPPED' });
  assert.deepEqual(written, []);
});
