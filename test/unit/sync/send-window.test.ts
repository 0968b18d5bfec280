import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FlyingFrame, SendWindow, type WindowLimits } from '../../../src/sync/send-window';

const limits: WindowLimits = { framesMax: 3, bytesMax: 1000, batchEntries: 100, coalesceMs: 2 };

function frame(lastLsn: bigint, bytes = 100, incarnation = 1n): FlyingFrame {
  return { site: 1, incarnation, lastLsn, bytes, rawBytes: bytes, sentAtMs: 0, shards: [] };
}

test('with nothing to send it rests', () => {
  assert.deepEqual(new SendWindow(limits).decide(0n, 0), { kind: 'rest' });
});

test('an idle link sends whatever there is at once', () => {
  assert.deepEqual(new SendWindow(limits).decide(1n, 0), { kind: 'send' });
});

test('a busy link waits a little for a full batch', () => {
  const window = new SendWindow(limits);
  window.sent(frame(1n));
  assert.deepEqual(window.decide(1n, 10), { kind: 'wait', ms: 2 });
  assert.deepEqual(window.decide(50n, 11), { kind: 'wait', ms: 1 });
  assert.deepEqual(window.decide(60n, 12), { kind: 'send' }, 'the wait is over');
});

test('a full batch does not wait', () => {
  const window = new SendWindow(limits);
  window.sent(frame(1n));
  assert.deepEqual(window.decide(100n, 10), { kind: 'send' });
});

test('the wait starts anew after each frame, and when nothing was pending', () => {
  const window = new SendWindow(limits);
  window.sent(frame(1n));
  window.decide(1n, 10);
  window.sent(frame(2n));
  assert.deepEqual(window.decide(1n, 11), { kind: 'wait', ms: 2 });
  window.decide(0n, 12);
  assert.deepEqual(window.decide(1n, 20), { kind: 'wait', ms: 2 });
});

test('an ack that empties the link sends at once what was waiting', () => {
  const window = new SendWindow(limits);
  window.sent(frame(5n));
  assert.equal(window.decide(1n, 10).kind, 'wait');
  window.acked({ site: 1, incarnation: 1n, lsn: 5n });
  assert.deepEqual(window.decide(1n, 10), { kind: 'send' });
});

test('never more than the frames and bytes allowed are in flight', () => {
  const byFrames = new SendWindow(limits);
  for (const lsn of [1n, 2n, 3n]) byFrames.sent(frame(lsn));
  assert.ok(byFrames.full);
  assert.deepEqual(byFrames.decide(1_000_000n, 10), { kind: 'rest' });

  const byBytes = new SendWindow(limits);
  byBytes.sent(frame(1n, 1000));
  assert.ok(byBytes.full);
  assert.deepEqual(byBytes.decide(1_000_000n, 10), { kind: 'rest' });
});

test('an ack takes out what it covers, of its own origin', () => {
  const window = new SendWindow(limits);
  window.sent(frame(5n));
  window.sent(frame(9n));
  window.sent(frame(5n, 100, 2n));
  const landed = window.acked({ site: 1, incarnation: 1n, lsn: 8n });
  assert.deepEqual(
    landed.map(({ lastLsn }) => lastLsn),
    [5n],
  );
  assert.deepEqual([window.frames, window.bytes], [2, 200]);
  assert.deepEqual(window.acked({ site: 1, incarnation: 1n, lsn: 8n }), [], 'an ack may repeat');
  assert.equal(window.acked({ site: 1, incarnation: 2n, lsn: 100n }).length, 1);
  assert.equal(window.acked({ site: 1, incarnation: 1n, lsn: 9n }).length, 1);
  assert.deepEqual([window.frames, window.bytes], [0, 0]);
});
