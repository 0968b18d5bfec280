import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BACKOFF_START, stepBackoff, type BackoffState } from '../../../src/conduit/backoff';

const OPTIONS = { baseMs: 100, capMs: 5000, stableMs: 10_000 };

function delayAfter(failures: number, random: number): number | undefined {
  const state = { failures, upSinceMs: undefined };
  return stepBackoff(state, { type: 'failed', random }, 0, OPTIONS).delayMs;
}

test('the ceiling doubles with each failure up to the cap, the delay is a share of it', () => {
  const table = [
    { failures: 0, random: 1, delayMs: 100 },
    { failures: 0, random: 0, delayMs: 0 },
    { failures: 0, random: 0.25, delayMs: 25 },
    { failures: 1, random: 1, delayMs: 200 },
    { failures: 3, random: 0.5, delayMs: 400 },
    { failures: 5, random: 1, delayMs: 3200 },
    { failures: 6, random: 1, delayMs: 5000 },
    { failures: 1_000_000, random: 1, delayMs: 5000 },
  ];
  for (const row of table) {
    assert.equal(delayAfter(row.failures, row.random), row.delayMs, JSON.stringify(row));
  }
});

test('failures count up, and only a session that lived long enough starts them anew', () => {
  const afterUp = (failures: number, livedMs: number): BackoffState => {
    const up = stepBackoff({ failures, upSinceMs: undefined }, { type: 'up' }, 1000, OPTIONS);
    assert.equal(up.delayMs, undefined);
    return stepBackoff(up.state, { type: 'down', random: 1 }, 1000 + livedMs, OPTIONS).state;
  };
  assert.equal(
    stepBackoff(BACKOFF_START, { type: 'failed', random: 1 }, 0, OPTIONS).state.failures,
    1,
  );
  assert.equal(afterUp(4, 9999).failures, 5);
  assert.equal(afterUp(4, 10_000).failures, 1);
});

test('a down without an up counts as a failure', () => {
  const { state, delayMs } = stepBackoff(
    { failures: 2, upSinceMs: undefined },
    { type: 'down', random: 1 },
    1e9,
    OPTIONS,
  );
  assert.deepEqual(
    { state, delayMs },
    { state: { failures: 3, upSinceMs: undefined }, delayMs: 400 },
  );
});
