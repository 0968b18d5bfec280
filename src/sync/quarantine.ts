/**
 * Stamps from the future. An entry whose HLC is further ahead of this node's wall clock than the drift
 * limit would win over everything that is written for as long, and pull the clocks of all who see it
 * along. So a frame with such an entry is held back: not journaled, not merged, not acked, and with it
 * what the peer sent after it. It stays durable in the peer's journal. Pure.
 *
 * Beyond: further ahead of the wall clock than the limit, and not released.
 *
 * | phase | event | condition | phase | actions |
 * | --- | --- | --- | --- | --- |
 * | clear | frame | within | clear | take |
 * | clear | frame | beyond | holding | alarm, look again |
 * | holding | look | beyond | holding | look again |
 * | holding | look | within: the clock got there, or the limit was raised | calming | take, look again |
 * | holding | release | | clear | take, clear |
 * | holding | drop: the session is over | | calming | look again |
 * | calming | frame | within | calming | take |
 * | calming | frame | beyond | holding | look again |
 * | calming | look | nothing held for CALM_MS | clear | clear |
 * | calming | look | not yet | calming | look again |
 *
 * Calming keeps one peer that is always a little ahead from being a new alarm with every frame.
 */

import { hlcToUnixMs } from '../../bindings/hlc';

/** The alarm ends when nothing has been held back for so long. */
export const CALM_MS = 60_000;
/** A wall clock may jump, so nobody sleeps until the time comes. */
export const LOOK_MS_MAX = 1000;

export interface QuarantineState {
  readonly phase: 'clear' | 'holding' | 'calming';
  /** The greatest HLC of the frame that is held back; 0 if none is. */
  readonly heldHlc: bigint;
  /** On the monotonic clock: when the last frame was held back, or stopped being so. */
  readonly heldAtMs: number;
  /** An operator has accepted stamps up to this one. */
  readonly releasedHlc: bigint;
  /** Frames held back so far. */
  readonly framesTotal: number;
}

export type QuarantineEvent =
  /** The next frame in order has come. There is one at a time: none comes while one is held. */
  | { readonly type: 'frame'; readonly hlcMax: bigint }
  | { readonly type: 'look' }
  /** An operator accepts stamps up to `hlc`. */
  | { readonly type: 'release'; readonly hlc: bigint }
  | { readonly type: 'drop' };

export type QuarantineAction =
  | { readonly type: 'take' }
  | { readonly type: 'alarm' }
  | { readonly type: 'clear' }
  | { readonly type: 'look'; readonly inMs: number };

export interface QuarantineNow {
  readonly wallUnixMs: number;
  readonly monoMs: number;
  readonly driftLimitMs: number;
}

export interface QuarantineStep {
  readonly state: QuarantineState;
  readonly actions: readonly QuarantineAction[];
}

export const QUARANTINE_START: QuarantineState = {
  phase: 'clear',
  heldHlc: 0n,
  heldAtMs: 0,
  releasedHlc: 0n,
  framesTotal: 0,
};

/** How much further ahead of the wall clock than allowed, in milliseconds; 0 or less: not at all. */
export function beyondMs(state: QuarantineState, hlc: bigint, now: QuarantineNow): number {
  if (hlc <= state.releasedHlc) return 0;
  return hlcToUnixMs(hlc) - now.wallUnixMs - now.driftLimitMs;
}

export function stepQuarantine(
  state: QuarantineState,
  event: QuarantineEvent,
  now: QuarantineNow,
): QuarantineStep {
  switch (event.type) {
    case 'frame':
      return onFrame(state, event.hlcMax, now);
    case 'look':
      return onLook(state, now);
    case 'release': {
      const releasedHlc = event.hlc > state.releasedHlc ? event.hlc : state.releasedHlc;
      const released = { ...state, releasedHlc };
      if (state.phase !== 'holding') return { state: released, actions: [] };
      if (state.heldHlc > releasedHlc) return onLook(released, now);
      const cleared: QuarantineState = { ...released, phase: 'clear', heldHlc: 0n };
      return { state: cleared, actions: [{ type: 'clear' }, { type: 'take' }] };
    }
    case 'drop':
      return state.phase === 'holding' ? calm(state, now, []) : { state, actions: [] };
  }
}

function onFrame(state: QuarantineState, hlcMax: bigint, now: QuarantineNow): QuarantineStep {
  const beyond = beyondMs(state, hlcMax, now);
  if (beyond <= 0) return { state, actions: [{ type: 'take' }] };
  const held: QuarantineState = {
    ...state,
    phase: 'holding',
    heldHlc: hlcMax,
    heldAtMs: now.monoMs,
    framesTotal: state.framesTotal + 1,
  };
  const alarm: QuarantineAction[] = state.phase === 'clear' ? [{ type: 'alarm' }] : [];
  return { state: held, actions: [...alarm, lookIn(beyond)] };
}

function onLook(state: QuarantineState, now: QuarantineNow): QuarantineStep {
  if (state.phase === 'clear') return { state, actions: [] };
  if (state.phase === 'holding') {
    const beyond = beyondMs(state, state.heldHlc, now);
    if (beyond > 0) return { state, actions: [lookIn(beyond)] };
    return calm(state, now, [{ type: 'take' }]);
  }
  const left = state.heldAtMs + CALM_MS - now.monoMs;
  if (left > 0) return { state, actions: [{ type: 'look', inMs: left }] };
  return { state: { ...state, phase: 'clear' }, actions: [{ type: 'clear' }] };
}

function calm(
  state: QuarantineState,
  now: QuarantineNow,
  actions: readonly QuarantineAction[],
): QuarantineStep {
  return {
    state: { ...state, phase: 'calming', heldHlc: 0n, heldAtMs: now.monoMs },
    actions: [{ type: 'look', inMs: CALM_MS }, ...actions],
  };
}

function lookIn(beyond: number): QuarantineAction {
  return { type: 'look', inMs: Math.min(Math.ceil(beyond), LOOK_MS_MAX) };
}
