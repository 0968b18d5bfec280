import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PeerVitals, judgePeer, worst } from '../../../src/sync/peer-health';

const well: PeerVitals = {
  site: 2,
  state: 'connected',
  silentMs: 10,
  heartbeatTimeoutMs: 900,
  lagMs: 0,
  clockSkewMs: undefined,
  rttMs: 1,
  driftLimitMs: 500,
  quarantine: { alarm: false, framesTotal: 0, waiting: undefined },
  blocked: undefined,
};

const table: readonly [string, Partial<PeerVitals>, string, RegExp][] = [
  ['all is well', {}, 'HEALTHY', /it has everything/],
  ['some lag', { lagMs: 40 }, 'HEALTHY', /40 ms old/],
  ['no connection', { state: 'connecting' }, 'DOWN', /^no connection$/],
  [
    'no connection and lag',
    { state: 'connecting', lagMs: 7 },
    'DOWN',
    /no connection; .* 7 ms old/,
  ],
  [
    'an evicted site',
    { state: 'evicted' },
    'DOWN',
    /^evicted: .* rejoin --primary SITE` at site 2$/,
  ],
  ['half the timeout silent', { silentMs: 451 }, 'DEGRADED', /silent for 451 ms/],
  ['silent past the timeout', { silentMs: 901 }, 'DOWN', /silent for 901 ms/],
  ['much lag', { lagMs: 10_001 }, 'DEGRADED', /lagging/],
  ['a clock ahead', { clockSkewMs: 3_600_000 }, 'DEGRADED', /3600000 ms ahead of ours/],
  ['a clock behind', { clockSkewMs: -251 }, 'DEGRADED', /251 ms behind ours/],
  ['a clock near enough', { clockSkewMs: 250 }, 'HEALTHY', /connected/],
  ['a skew that may be the network', { clockSkewMs: 300, rttMs: 101 }, 'HEALTHY', /connected/],
  ['a skew with a wider limit', { clockSkewMs: 300, driftLimitMs: 1000 }, 'HEALTHY', /connected/],
  [
    'entries held back',
    {
      clockSkewMs: 3_600_000,
      quarantine: {
        alarm: true,
        framesTotal: 3,
        waiting: { frames: 2, bytes: 9, site: 2, hlc: 1n, aheadMs: 3_599_999.6, sinceUnixMs: 0 },
      },
    },
    'DEGRADED',
    /held back: stamped 3600000 ms ahead .* limit of 500 ms; its clock is 3600000 ms ahead of ours.* quarantine release 2$/,
  ],
  [
    'entries that were held back a moment ago',
    { quarantine: { alarm: true, framesTotal: 3, waiting: undefined } },
    'DEGRADED',
    /within the last minute .* was held back$/,
  ],
  ['nothing can be sent', { blocked: 'journal collected' }, 'DEGRADED', /journal collected/],
];

for (const [what, change, state, detail] of table) {
  test(`${what}: ${state}`, () => {
    const verdict = judgePeer({ ...well, ...change });
    assert.equal(verdict.state, state);
    assert.match(verdict.detail, detail);
  });
}

test('the whole is as bad as its worst part', () => {
  assert.equal(worst([]), 'HEALTHY');
  assert.equal(worst(['HEALTHY', 'DEGRADED']), 'DEGRADED');
  assert.equal(worst(['DEGRADED', 'DOWN', 'HEALTHY']), 'DOWN');
});
