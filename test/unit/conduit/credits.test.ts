import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  afterAnnounced,
  afterGrant,
  afterReceived,
  afterReleased,
  afterSent,
  due,
  isSettled,
  mustAnnounce,
  startReceiver,
  startSender,
  type ReceiverCredit,
} from '../../../src/conduit/credits';

const WINDOW = { bytes: 1000, frames: 4 };

function must<T>(value: T | undefined): T {
  assert.notEqual(value, undefined);
  return value as T;
}

test('a sender spends bytes and frames, whichever ends first', () => {
  const table = [
    { sizes: [1000], allowed: true },
    { sizes: [1001], allowed: false },
    { sizes: [600, 400], allowed: true },
    { sizes: [600, 401], allowed: false },
    { sizes: [1, 1, 1, 1], allowed: true },
    { sizes: [1, 1, 1, 1, 1], allowed: false },
  ];
  for (const { sizes, allowed } of table) {
    let state = startSender(WINDOW);
    let granted = true;
    for (const size of sizes) {
      const next = afterSent(state, size);
      granted = next !== undefined;
      state = next ?? state;
    }
    assert.equal(granted, allowed, sizes.join(' '));
  }
});

test('grants are totals: late and repeated ones change nothing', () => {
  let state = must(afterSent(startSender(WINDOW), 1000));
  assert.equal(afterSent(state, 1), undefined);
  state = afterGrant(state, { bytes: 1500, frames: 5 });
  const again = afterGrant(afterGrant(state, { bytes: 1500, frames: 5 }), {
    bytes: 900,
    frames: 2,
  });
  assert.deepEqual(again, state);
  assert.notEqual(afterSent(state, 500), undefined);
  assert.equal(afterSent(state, 501), undefined);
});

test('a receiver refuses what it did not grant', () => {
  let state = startReceiver(WINDOW);
  state = must(afterReceived(state, 700));
  assert.equal(afterReceived(state, 301), undefined);
  state = must(afterReceived(state, 300));
  // Released but not announced: the peer cannot know, so it may not send.
  state = must(afterReleased(state, { bytes: 1000, frames: 2 }));
  assert.equal(afterReceived(state, 1), undefined);
  assert.notEqual(afterReceived(afterAnnounced(state), 1000), undefined);
});

test('credit is announced at once when a quarter of the window is due', () => {
  const received = (sizes: number[]): ReceiverCredit =>
    sizes.reduce((state, size) => must(afterReceived(state, size)), startReceiver(WINDOW));
  const table = [
    { sizes: [249], released: { bytes: 249, frames: 0 }, announce: false },
    { sizes: [250], released: { bytes: 250, frames: 0 }, announce: true },
    { sizes: [1], released: { bytes: 1, frames: 1 }, announce: true },
    { sizes: [900], released: { bytes: 0, frames: 0 }, announce: false },
  ];
  for (const { sizes, released, announce } of table) {
    const state = must(afterReleased(received(sizes), released));
    assert.equal(mustAnnounce(state), announce, JSON.stringify({ sizes, released }));
    assert.deepEqual(due(state), released);
    assert.deepEqual(due(afterAnnounced(state)), { bytes: 0, frames: 0 });
  }
});

test('more cannot be released than was received', () => {
  const state = must(afterReceived(startReceiver(WINDOW), 100));
  assert.equal(afterReleased(state, { bytes: 101, frames: 1 }), undefined);
  assert.equal(afterReleased(state, { bytes: 100, frames: 2 }), undefined);
});

test('settled means every received frame was released', () => {
  let state = startReceiver(WINDOW);
  assert.equal(isSettled(state), true);
  state = must(afterReceived(state, 10));
  assert.equal(isSettled(state), false);
  assert.equal(isSettled(must(afterReleased(state, { bytes: 10, frames: 1 }))), true);
});
