/**
 * Is the peer alive, how far is it, and how wrong is its clock?
 *
 * | event | effect |
 * | --- | --- |
 * | heard | the peer lives as of now |
 * | tick, heartbeat due | send one |
 * | tick, silent for the timeout | down |
 * | tick, silent, but the tick itself came over an interval late | we slept: one more interval for the peer |
 * | reply | round trip and clock skew measured; what was measured before a clock was set is forgotten |
 */

export interface HeartbeatOptions {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** A black-holed peer is seen 0.9 s after its last word, which was at most 0.25 s before the cut. */
export const HEARTBEAT_DEFAULTS: HeartbeatOptions = { intervalMs: 250, timeoutMs: 900 };

interface ClockSample {
  readonly rttUs: number;
  readonly skewUs: number;
}

export interface HeartbeatState {
  readonly seq: number;
  readonly sendAtMs: number;
  readonly heardAtMs: number;
  /** When the pending tick was asked for. */
  readonly tickAtMs: number;
  /** The last replies, newest last. */
  readonly samples: readonly ClockSample[];
}

export type HeartbeatEvent =
  | { readonly type: 'heard' }
  | { readonly type: 'tick' }
  | {
      readonly type: 'reply';
      readonly sentMonoUs: number;
      readonly monoUs: number;
      readonly wallUs: number;
      readonly peerWallUs: number;
    };

export type HeartbeatAction =
  | { readonly type: 'send'; readonly seq: number }
  | { readonly type: 'down'; readonly silentMs: number };

export interface HeartbeatStep {
  readonly state: HeartbeatState;
  readonly actions: readonly HeartbeatAction[];
}

/** As many replies as NTP's clock filter looks at. */
const SAMPLES_MAX = 8;
const WALL_CLOCK_STEP_US = 1000;

/** The first heartbeat is due at once. */
export function startHeartbeat(nowMs: number): HeartbeatState {
  return { seq: 0, sendAtMs: nowMs, heardAtMs: nowMs, tickAtMs: nowMs, samples: [] };
}

export function stepHeartbeat(
  state: HeartbeatState,
  event: HeartbeatEvent,
  nowMs: number,
  options: HeartbeatOptions,
): HeartbeatStep {
  switch (event.type) {
    case 'heard':
      return { state: { ...state, heardAtMs: nowMs }, actions: [] };
    case 'tick':
      return onTick(state, nowMs, options);
    case 'reply': {
      const rttUs = event.monoUs - event.sentMonoUs;
      // A time that was never sent from here: measured by nobody, so worth nothing.
      if (rttUs < 0 || event.sentMonoUs < 0) return { state, actions: [] };
      const sample = { rttUs, skewUs: event.peerWallUs - (event.wallUs - rttUs / 2) };
      const samples = [...state.samples.filter((older) => agree(older, sample)), sample];
      return { state: { ...state, samples: samples.slice(-SAMPLES_MAX) }, actions: [] };
    }
  }
}

/**
 * A reply gives the skew to half its round trip, and wall clocks are read to a millisecond. Two that
 * cannot both be right were measured before and after one of the clocks was set.
 */
function agree(a: ClockSample, b: ClockSample): boolean {
  return Math.abs(a.skewUs - b.skewUs) <= (a.rttUs + b.rttUs) / 2 + WALL_CLOCK_STEP_US * 2;
}

function onTick(state: HeartbeatState, nowMs: number, options: HeartbeatOptions): HeartbeatStep {
  const silentMs = nowMs - state.heardAtMs;
  const slept = nowMs - state.tickAtMs > options.intervalMs;
  if (silentMs >= options.timeoutMs && !slept) {
    return { state, actions: [{ type: 'down', silentMs }] };
  }
  const actions: HeartbeatAction[] = [];
  let next = state;
  if (silentMs >= options.timeoutMs) {
    next = { ...next, heardAtMs: nowMs - options.timeoutMs + options.intervalMs };
  }
  if (nowMs >= state.sendAtMs) {
    next = { ...next, seq: state.seq + 1, sendAtMs: nowMs + options.intervalMs };
    actions.push({ type: 'send', seq: next.seq });
  }
  const tickAtMs = Math.min(next.sendAtMs, next.heardAtMs + options.timeoutMs);
  return { state: { ...next, tickAtMs }, actions };
}

/** The reply with the least round trip was delayed least, so its skew is the truest. */
export function bestSample(state: HeartbeatState): ClockSample | undefined {
  return state.samples.reduce<ClockSample | undefined>(
    (best, sample) => (best === undefined || sample.rttUs < best.rttUs ? sample : best),
    undefined,
  );
}
