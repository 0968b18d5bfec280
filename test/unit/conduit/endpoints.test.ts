import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ENDPOINTS_START, stepEndpoints } from '../../../src/conduit/endpoints';

function walk(events: string, count: number): string {
  let state = ENDPOINTS_START;
  const trace = [];
  for (const event of events) {
    const step = stepEndpoints(state, event === 'f' ? 'failed' : 'succeeded', count);
    state = step.state;
    trace.push(`${state.index}${step.roundOver ? '!' : ''}`);
  }
  return trace.join(' ');
}

test('endpoints are tried in turn, a round is over when each has failed', () => {
  assert.equal(walk('fff', 1), '0! 0! 0!');
  assert.equal(walk('fffff', 3), '1 2 0! 1 2');
});

test('an endpoint that worked is tried first, and starts a new round', () => {
  assert.equal(walk('fsfff', 3), '1 1 2 0 1!');
  assert.equal(walk('s', 2), '0');
});
