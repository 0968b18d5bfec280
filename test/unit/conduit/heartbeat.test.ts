import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  bestSample,
  startHeartbeat,
  stepHeartbeat,
  type HeartbeatEvent,
  type HeartbeatState,
} from '../../../src/conduit/heartbeat';

const OPTIONS = { intervalMs: 200, timeoutMs: 700 };

interface Row {
  readonly at: number;
  readonly event: HeartbeatEvent['type'];
  readonly actions: readonly string[];
  /** When the next tick is due. */
  readonly tickAt?: number;
}

function run(rows: readonly Row[]): HeartbeatState {
  let state = startHeartbeat(0);
  for (const row of rows) {
    assert.notEqual(row.event, 'reply');
    const step = stepHeartbeat(state, { type: row.event as 'tick' | 'heard' }, row.at, OPTIONS);
    state = step.state;
    assert.deepEqual(
      step.actions.map((action) => action.type),
      row.actions,
      JSON.stringify(row),
    );
    if (row.tickAt !== undefined) assert.equal(state.tickAtMs, row.tickAt, JSON.stringify(row));
  }
  return state;
}

test('heartbeats go at the interval, numbered', () => {
  const state = run([
    { at: 0, event: 'tick', actions: ['send'], tickAt: 200 },
    { at: 100, event: 'heard', actions: [] },
    { at: 200, event: 'tick', actions: ['send'], tickAt: 400 },
    { at: 300, event: 'tick', actions: [] },
    { at: 400, event: 'tick', actions: ['send'], tickAt: 600 },
  ]);
  assert.equal(state.seq, 3);
});

test('silence for the timeout is down, at the deadline and not at the next heartbeat', () => {
  run([
    { at: 0, event: 'tick', actions: ['send'], tickAt: 200 },
    { at: 60, event: 'heard', actions: [] },
    { at: 200, event: 'tick', actions: ['send'], tickAt: 400 },
    { at: 400, event: 'tick', actions: ['send'], tickAt: 600 },
    { at: 600, event: 'tick', actions: ['send'], tickAt: 760 },
    { at: 760, event: 'tick', actions: ['down'] },
  ]);
});

test('any sign of life puts the deadline off', () => {
  run([
    { at: 0, event: 'tick', actions: ['send'] },
    { at: 200, event: 'tick', actions: ['send'] },
    { at: 400, event: 'tick', actions: ['send'] },
    { at: 600, event: 'tick', actions: ['send'], tickAt: 700 },
    { at: 690, event: 'heard', actions: [] },
    { at: 700, event: 'tick', actions: [], tickAt: 800 },
  ]);
});

test('a side that slept itself gives the peer one more interval', () => {
  const slept: Row[] = [
    { at: 0, event: 'tick', actions: ['send'], tickAt: 200 },
    // The tick of 200 comes at 5000: a stopped process, a suspended machine.
    { at: 5000, event: 'tick', actions: ['send'], tickAt: 5200 },
  ];
  run([...slept, { at: 5200, event: 'tick', actions: ['down'] }]);
  run([
    ...slept,
    { at: 5001, event: 'heard', actions: [] },
    { at: 5200, event: 'tick', actions: ['send'], tickAt: 5400 },
  ]);
});

function reply(state: HeartbeatState, rttUs: number, skewUs: number): HeartbeatState {
  const wallUs = 1_700_000_000_000_000;
  const event: HeartbeatEvent = {
    type: 'reply',
    sentMonoUs: 1000,
    monoUs: 1000 + rttUs,
    wallUs,
    peerWallUs: wallUs - rttUs / 2 + skewUs,
  };
  return stepHeartbeat(state, event, 0, OPTIONS).state;
}

test('clock skew is that of the reply with the least round trip of the last eight', () => {
  let state = startHeartbeat(0);
  assert.equal(bestSample(state), undefined);
  const hourUs = 3_600_000_000;
  state = reply(state, 400, hourUs);
  assert.deepEqual(bestSample(state), { rttUs: 400, skewUs: hourUs });
  state = reply(state, 9000, hourUs - 4000);
  assert.deepEqual(bestSample(state), { rttUs: 400, skewUs: hourUs });
  for (let i = 0; i < 8; i++) state = reply(state, 1000 + i, hourUs + 7);
  assert.deepEqual(bestSample(state), { rttUs: 1000, skewUs: hourUs + 7 });
});

test('a clock that is set is believed at once, however good the replies from before were', () => {
  let state = startHeartbeat(0);
  for (let i = 0; i < 8; i++) state = reply(state, 400, 7);
  state = reply(state, 9000, 6000);
  assert.deepEqual(bestSample(state), { rttUs: 400, skewUs: 7 }, 'that may be the network');
  state = reply(state, 9000, -3_600_000_000);
  assert.deepEqual(bestSample(state), { rttUs: 9000, skewUs: -3_600_000_000 });
});

test('a reply to a heartbeat of the future measures nothing', () => {
  const state = reply(startHeartbeat(0), -1, 0);
  assert.equal(bestSample(state), undefined);
});
