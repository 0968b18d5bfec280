/** The table of sync/quarantine.ts, row by row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hlcAtUnixMs, hlcToUnixMs } from '../../../bindings/hlc';
import {
  CALM_MS,
  LOOK_MS_MAX,
  QUARANTINE_START,
  type QuarantineEvent,
  type QuarantineNow,
  type QuarantineState,
  stepQuarantine,
} from '../../../src/sync/quarantine';

const NOW: QuarantineNow = { wallUnixMs: 1_000_000, monoMs: 50_000, driftLimitMs: 500 };
const at = (unixMs: number): bigint => BigInt(unixMs * 1000) << 12n;
const HOUR_AHEAD = at(NOW.wallUnixMs + 3_600_000);

const clear = QUARANTINE_START;
const holding: QuarantineState = {
  ...clear,
  phase: 'holding',
  heldHlc: HOUR_AHEAD,
  heldAtMs: 49_000,
  framesTotal: 1,
};
const calming: QuarantineState = { ...clear, phase: 'calming', heldAtMs: 49_000, framesTotal: 1 };

interface Row {
  readonly state: QuarantineState;
  readonly event: QuarantineEvent;
  readonly now?: Partial<QuarantineNow>;
  readonly next: Partial<QuarantineState>;
  readonly actions: readonly string[];
}

const frame = (hlcMax: bigint): QuarantineEvent => ({ type: 'frame', hlcMax });
const look: QuarantineEvent = { type: 'look' };
const drop: QuarantineEvent = { type: 'drop' };
const release = (hlc: bigint): QuarantineEvent => ({ type: 'release', hlc });

const rows: Readonly<Record<string, Row>> = {
  'a stamp of the past': {
    state: clear,
    event: frame(at(1)),
    next: { phase: 'clear' },
    actions: ['take'],
  },
  'a stamp at the limit': {
    state: clear,
    event: frame(at(NOW.wallUnixMs + 500)),
    next: { phase: 'clear', framesTotal: 0 },
    actions: ['take'],
  },
  'a stamp beyond the limit': {
    state: clear,
    event: frame(at(NOW.wallUnixMs + 501)),
    next: { phase: 'holding', heldHlc: at(NOW.wallUnixMs + 501), heldAtMs: 50_000, framesTotal: 1 },
    actions: ['alarm', 'look in 1'],
  },
  'a stamp far beyond it: the clock is looked at again soon, as it may jump': {
    state: clear,
    event: frame(HOUR_AHEAD),
    next: { phase: 'holding' },
    actions: ['alarm', `look in ${LOOK_MS_MAX}`],
  },
  'a stamp far ahead with a wide limit': {
    state: clear,
    event: frame(HOUR_AHEAD),
    now: { driftLimitMs: 3_600_000 },
    next: { phase: 'clear' },
    actions: ['take'],
  },
  'a stamp that was released': {
    state: { ...clear, releasedHlc: HOUR_AHEAD },
    event: frame(HOUR_AHEAD),
    next: { phase: 'clear' },
    actions: ['take'],
  },
  'a stamp after what was released': {
    state: { ...clear, releasedHlc: HOUR_AHEAD },
    event: frame(HOUR_AHEAD + 1n),
    next: { phase: 'holding' },
    actions: ['alarm', `look in ${LOOK_MS_MAX}`],
  },
  'the greatest stamp there is': {
    state: clear,
    event: frame(0xffff_ffff_ffff_ffffn),
    next: { phase: 'holding' },
    actions: ['alarm', `look in ${LOOK_MS_MAX}`],
  },
  'the clock has moved, but not far enough': {
    state: holding,
    event: look,
    now: { wallUnixMs: NOW.wallUnixMs + 3_599_400 },
    next: { phase: 'holding', heldHlc: HOUR_AHEAD, framesTotal: 1 },
    actions: ['look in 100'],
  },
  'the clock has come to the stamp less the limit': {
    state: holding,
    event: look,
    now: { wallUnixMs: NOW.wallUnixMs + 3_599_500 },
    next: { phase: 'calming', heldHlc: 0n, heldAtMs: 50_000 },
    actions: [`look in ${CALM_MS}`, 'take'],
  },
  'the limit has been raised': {
    state: holding,
    event: look,
    now: { driftLimitMs: 4_000_000 },
    next: { phase: 'calming' },
    actions: [`look in ${CALM_MS}`, 'take'],
  },
  'the clock has jumped back while something is held': {
    state: holding,
    event: look,
    now: { wallUnixMs: 0 },
    next: { phase: 'holding' },
    actions: [`look in ${LOOK_MS_MAX}`],
  },
  'an operator accepts what is held': {
    state: holding,
    event: release(HOUR_AHEAD),
    next: { phase: 'clear', heldHlc: 0n, releasedHlc: HOUR_AHEAD },
    actions: ['clear', 'take'],
  },
  'an operator accepts less than what is held': {
    state: holding,
    event: release(HOUR_AHEAD - 1n),
    next: { phase: 'holding', releasedHlc: HOUR_AHEAD - 1n },
    actions: [`look in ${LOOK_MS_MAX}`],
  },
  'a release does not take back a greater one': {
    state: { ...clear, releasedHlc: 9n },
    event: release(5n),
    next: { phase: 'clear', releasedHlc: 9n },
    actions: [],
  },
  'the session ends while something is held': {
    state: holding,
    event: drop,
    next: { phase: 'calming', heldHlc: 0n, heldAtMs: 50_000 },
    actions: [`look in ${CALM_MS}`],
  },
  'the session ends while nothing is held': {
    state: clear,
    event: drop,
    next: { phase: 'clear' },
    actions: [],
  },
  'calming, a stamp within the limit': {
    state: calming,
    event: frame(at(1)),
    next: { phase: 'calming', heldAtMs: 49_000 },
    actions: ['take'],
  },
  'calming, one beyond it: the alarm goes on, it is not a new one': {
    state: calming,
    event: frame(at(NOW.wallUnixMs + 700)),
    next: { phase: 'holding', framesTotal: 2, heldAtMs: 50_000 },
    actions: ['look in 200'],
  },
  'calming, not for long enough': {
    state: calming,
    event: look,
    next: { phase: 'calming' },
    actions: [`look in ${CALM_MS - 1000}`],
  },
  'calming, for long enough': {
    state: calming,
    event: look,
    now: { monoMs: 49_000 + CALM_MS },
    next: { phase: 'clear' },
    actions: ['clear'],
  },
  'a look when all is well': { state: clear, event: look, next: { phase: 'clear' }, actions: [] },
};

for (const [what, { state, event, now, next, actions }] of Object.entries(rows)) {
  test(what, () => {
    const step = stepQuarantine(state, event, { ...NOW, ...now });
    assert.deepEqual({ ...step.state, ...next }, step.state);
    assert.deepEqual(
      step.actions.map((action) => {
        return action.type === 'look' ? `look in ${action.inMs}` : action.type;
      }),
      actions,
    );
  });
}

test('a time as an HLC is the last of its microsecond, and comes back', () => {
  for (const unixMs of [0, 1, 1_795_257_092_004]) {
    const hlc = hlcAtUnixMs(unixMs);
    assert.equal(hlcToUnixMs(hlc), unixMs);
    assert.equal(hlcToUnixMs(hlc + 1n), unixMs + 0.001);
  }
  assert.equal(hlcAtUnixMs(-5000), 4095n, 'before the epoch');
});
