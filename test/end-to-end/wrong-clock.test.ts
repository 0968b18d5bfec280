/** A peer whose clock is an hour away from ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Agent, Cluster, levelled, waitUntil } from './support/cluster';
import { shiftedClock } from './support/preload';

const HOUR_S = 3600;

async function append(agent: Agent, line: object): Promise<void> {
  const { status, text } = await agent.request('POST', '/journal/append', JSON.stringify(line));
  assert.equal(status, 200, text);
}

async function modeOf(agent: Agent): Promise<number> {
  const { text } = await agent.request('GET', '/meta/lookup?path=/file');
  return (JSON.parse(text) as { mode: number }).mode & 0o7777;
}

async function skewMsOf(agent: Agent): Promise<number> {
  const { text } = await agent.request('GET', '/replication/status');
  const { peers } = JSON.parse(text) as { peers: { clock_skew_ms: number | null }[] };
  return peers[0]?.clock_skew_ms ?? 0;
}

for (const [direction, shiftSeconds] of [
  ['ahead of', HOUR_S],
  ['behind', -HOUR_S],
] as const) {
  test(`a peer an hour ${direction} our clock: it is told, and what was written last still wins`, async (t) => {
    const cluster = await Cluster.make(t, 2);
    const ours = await cluster.spawn(1);
    const theirs = await cluster.spawn(2, {}, shiftedClock(cluster, shiftSeconds));
    await append(ours, { op: 'create', path: '/file', mode: 0o600 });
    await levelled(ours, theirs);
    // Each has seen what the other wrote: that is before, whatever the clocks say.
    for (const [writer, mode] of [
      [theirs, 0o601],
      [ours, 0o602],
      [theirs, 0o603],
      [ours, 0o604],
    ] as const) {
      await append(writer, { op: 'setattr', path: '/file', mode });
      await levelled(ours, theirs);
      assert.deepEqual([await modeOf(ours), await modeOf(theirs)], [mode, mode]);
    }
    await waitUntil('the skew is measured', async () => {
      return Math.abs((await skewMsOf(ours)) - shiftSeconds * 1000) < 60_000;
    });
    const { text } = await ours.request('GET', '/replication/health');
    assert.match(text, /DEGRADED/);
    assert.match(text, new RegExp(`its clock is 3[56]\\d{5} ms ${direction} ours`));
    assert.equal(await ours.dump(), await theirs.dump());
  });
}
