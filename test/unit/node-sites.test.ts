/** Who must catch up before it writes, and what is told of whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NodeSites } from '../../src/node-sites';
import { helloOf } from './conduit/fixtures';
import { FakeEngine, OWN, PEER, cursor, wireCursor } from './sync/fakes';

function makeSites(t: { after: (act: () => void) => void }, engine: FakeEngine): NodeSites {
  const sites = new NodeSites({
    engine: {
      held: () => engine.held(),
      forget: () => assert.fail('nothing is to be forgotten here'),
      status: () => assert.fail('nobody asks so soon'),
    },
    site: OWN.site,
    peers: [PEER.site],
    keepRemovedMinutes: 10,
  });
  t.after(() => sites.stop());
  return sites;
}

const hello = (forgotten: bigint, held: bigint) =>
  helloOf(PEER.site, {
    cursors: [wireCursor(PEER, held)],
    forgotten: forgotten === 0n ? [] : [wireCursor(PEER, forgotten)],
  });

test('a site that lacks what a peer has forgotten writes nothing until it has what the peer held', (t) => {
  const engine = new FakeEngine();
  const sites = makeSites(t, engine);
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
  const sites = makeSites(t, engine);
  sites.sessionUp(PEER.site, hello(5n, 9000n));
  assert.equal(sites.refusal, undefined);
});

test('a peer that has forgotten nothing asks for nothing', (t) => {
  const sites = makeSites(t, new FakeEngine());
  sites.sessionUp(PEER.site, hello(0n, 9n));
  assert.equal(sites.refusal, undefined);
});
