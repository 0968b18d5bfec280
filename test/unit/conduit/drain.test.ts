import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  DRAIN_START,
  stepDrain,
  type DrainEvent,
  type DrainPhase,
} from '../../../src/conduit/drain';

/** [event, expected phase, expected actions] */
type Move = [DrainEvent, DrainPhase, string];

function play(moves: readonly Move[]): void {
  let state = DRAIN_START;
  for (const [event, phase, actions] of moves) {
    const step = stepDrain(state, event);
    state = step.state;
    assert.deepEqual([event, state.phase, step.actions.join(' ')], [event, phase, actions]);
  }
}

test('the side that begins', () => {
  play([
    ['settled', 'open', ''],
    ['drain', 'draining', 'sendDrain'],
    ['settled', 'draining', ''],
    ['peerDrain', 'settling', ''],
    ['settled', 'finished', 'sendDone'],
    ['settled', 'finished', ''],
    ['peerDone', 'closed', 'closeDrained'],
    ['deadline', 'closed', ''],
  ]);
});

test('the side that follows', () => {
  play([
    ['peerDrain', 'settling', 'sendDrain startDeadline'],
    ['settled', 'finished', 'sendDone'],
    ['peerDone', 'closed', 'closeDrained'],
  ]);
});

test('the peer is done first', () => {
  play([
    ['drain', 'draining', 'sendDrain'],
    ['peerDrain', 'settling', ''],
    ['peerDone', 'settling', ''],
    ['settled', 'closed', 'sendDone closeDrained'],
  ]);
});

test('asking twice asks once', () => {
  play([
    ['drain', 'draining', 'sendDrain'],
    ['drain', 'draining', ''],
    ['peerDrain', 'settling', ''],
    ['drain', 'settling', ''],
  ]);
});

test('the deadline closes every phase but open', () => {
  play([['deadline', 'open', '']]);
  play([
    ['drain', 'draining', 'sendDrain'],
    ['deadline', 'closed', 'closeLate'],
  ]);
  play([
    ['peerDrain', 'settling', 'sendDrain startDeadline'],
    ['deadline', 'closed', 'closeLate'],
  ]);
  play([
    ['peerDrain', 'settling', 'sendDrain startDeadline'],
    ['settled', 'finished', 'sendDone'],
    ['deadline', 'closed', 'closeLate'],
  ]);
});

test('what has no place is refused', () => {
  play([['peerDone', 'closed', 'outOfOrder']]);
  play([
    ['drain', 'draining', 'sendDrain'],
    ['peerDone', 'closed', 'outOfOrder'],
  ]);
  play([
    ['peerDrain', 'settling', 'sendDrain startDeadline'],
    ['peerDrain', 'closed', 'outOfOrder'],
  ]);
});
