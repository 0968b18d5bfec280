/** Who must catch up before it writes, and what is told of whom. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EngineStatus } from '../../bindings';
import { NodeSites } from '../../src/node-sites';
import type { WireOrigin } from '../../src/sync/session-port';
import type { Standing } from '../../src/sync/site-table';
import { helloOf } from './conduit/fixtures';
import { FakeEngine, OWN, PEER, cursor, wireCursor } from './sync/fakes';

const THIRD = { site: 3, incarnation: 33n };

interface Made {
  readonly sites: NodeSites;
  /** Whose journals are closed at this node, by LSN 1 of its own. */
  readonly close: (...origins: WireOrigin[]) => void;
  readonly evicted: number[];
  /** The sites that the journal is kept for, as the engine was told last. */
  readonly keptFor: () => readonly number[];
}

function makeSites(t: TestContext, engine: FakeEngine): Made {
  let evictions: EngineStatus['evictions'] = [];
  let keptFor: readonly number[] = [];
  const evicted: number[] = [];
  const sites = new NodeSites({
    engine: {
      held: () => engine.held(),
      forget: () => assert.fail('nothing is to be forgotten here'),
      recordUnheard: () => assert.fail('nothing is recorded here'),
      setPeers: (peers) => (keptFor = peers),
      status: () => ({ evictions, unheard: [], inodes: 0, lastHlc: 0n, forgotten: 0 }),
    },
    origin: OWN,
    peers: [PEER.site, THIRD.site],
    keepRemovedMinutes: 10,
    onEvicted: ({ site }) => evicted.push(site),
    onRecorded: () => assert.fail('nothing is recorded here'),
    onError: (error) => assert.fail(String(error)),
  });
  t.after(() => sites.stop());
  const close = (...origins: WireOrigin[]): void => {
    evictions = origins.map((origin) => ({ ...origin, by: { ...OWN, lsn: 1n, hlc: 1n } }));
    sites.look();
  };
  return { sites, close, evicted, keptFor: () => keptFor };
}

const hello = (forgotten: bigint, held: bigint) =>
  helloOf(PEER.site, {
    cursors: [wireCursor(PEER, held)],
    forgotten: forgotten === 0n ? [] : [wireCursor(PEER, forgotten)],
  });

test('a site that lacks what a peer has forgotten writes nothing until it has what the peer held', (t) => {
  const engine = new FakeEngine();
  const { sites } = makeSites(t, engine);
  sites.sessionUp(PEER.site, hello(5n, 9n));
  assert.match(sites.refusal ?? '', /LSN 9 of site 2/);
  engine.others = [cursor(PEER, 5n)];
  assert.match(sites.refusal ?? '', /LSN 9 of site 2/, 'what was forgotten is not enough');
  engine.others = [cursor(PEER, 9n)];
  assert.equal(sites.refusal, undefined);
});

test('a site that has seen what a peer has forgotten writes, however far it is behind', (t) => {
  const engine = new FakeEngine();
  engine.others = [cursor(PEER, 5n)];
  const { sites } = makeSites(t, engine);
  sites.sessionUp(PEER.site, hello(5n, 9000n));
  assert.equal(sites.refusal, undefined);
});

test('a peer that has forgotten nothing asks for nothing', (t) => {
  const { sites } = makeSites(t, new FakeEngine());
  sites.sessionUp(PEER.site, hello(0n, 9n));
  assert.equal(sites.refusal, undefined);
});

test('the journal is kept for a site until it is evicted, and again when it is back', (t) => {
  const engine = new FakeEngine();
  const { close, evicted, keptFor } = makeSites(t, engine);
  assert.deepEqual(keptFor(), [PEER.site, THIRD.site]);
  close(THIRD);
  assert.deepEqual(keptFor(), [PEER.site]);
  assert.deepEqual(evicted, [THIRD.site]);
  close(THIRD);
  assert.deepEqual(evicted, [THIRD.site], 'it is told once');
  engine.others = [cursor({ ...THIRD, incarnation: 34n }, 1n)];
  close(THIRD);
  assert.deepEqual(keptFor(), [PEER.site, THIRD.site]);
});

test('what a closed journal had acknowledged is not noted when another passes it on', (t) => {
  const { sites, close } = makeSites(t, new FakeEngine());
  close(THIRD);
  const known = (incarnation: bigint) => [{ site: THIRD.site, incarnation, cursors: [] }];
  assert.equal(sites.hear(PEER.site, { reached: [], known: known(33n) }).length, 0);
  assert.equal(sites.hear(PEER.site, { reached: [], known: known(34n) }).length, 1);
});

test('a site that comes back waits for all that its primary tells of, and for what the primary lacks', (t) => {
  const engine = new FakeEngine();
  engine.durableLsn = 1n;
  const { sites } = makeSites(t, engine);
  const entry = { ...OWN, lsn: 1n };
  const peer = hello(0n, 0n).origin;
  const old = { site: OWN.site, incarnation: OWN.incarnation - 1n };
  const knows = wireCursor(OWN, 1n);
  const tell = (...known: Standing['known']) => sites.hear(PEER.site, { reached: [], known });
  sites.sessionUp(PEER.site, hello(0n, 0n));
  assert.deepEqual(sites.notReady(PEER.site, entry), [PEER.site], 'it has told nothing yet');
  tell({ ...peer, cursors: [knows] }, { site: 4, incarnation: 44n, cursors: [] });
  assert.deepEqual(sites.notReady(PEER.site, entry), [4]);
  tell(
    { ...peer, cursors: [knows, wireCursor(old, 8n)] },
    { site: 4, incarnation: 44n, cursors: [knows, wireCursor(old, 9n)] },
  );
  assert.deepEqual(
    sites.notReady(PEER.site, entry),
    [PEER.site],
    'site 4 has more of the old journal',
  );
  tell(
    { ...peer, cursors: [knows, wireCursor(old, 9n)] },
    { site: 4, incarnation: 44n, cursors: [] },
  );
  assert.deepEqual(sites.notReady(PEER.site, entry), []);
});
