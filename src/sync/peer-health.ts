/** How a peer is doing, in one word. Pure. */

export type HealthState = 'HEALTHY' | 'DEGRADED' | 'DOWN';

export interface PeerVitals {
  readonly connected: boolean;
  /** Since anything was heard of a connected peer. */
  readonly silentMs: number;
  readonly heartbeatTimeoutMs: number;
  /** Age of the oldest entry that the peer lacks; 0 when it lacks none. */
  readonly lagMs: number;
  /** The peer's clock minus ours; undefined until measured. */
  readonly clockSkewMs: number | undefined;
  /** Why nothing can be sent there though it is connected; undefined if it can. */
  readonly blocked: string | undefined;
}

export interface PeerVerdict {
  readonly state: HealthState;
  /** One line for an operator. */
  readonly detail: string;
}

/** Lag beyond this is worth somebody's attention. */
export const LAG_DEGRADED_MS = 10_000;
/** The drift that last-write-wins bears without surprising anybody. */
export const SKEW_DEGRADED_MS = 500;

export function judgePeer(vitals: PeerVitals): PeerVerdict {
  const { connected, silentMs, heartbeatTimeoutMs, lagMs, clockSkewMs, blocked } = vitals;
  const lag = `the oldest entry it lacks is ${Math.round(lagMs)} ms old`;
  if (!connected) {
    return { state: 'DOWN', detail: lagMs > 0 ? `no connection; ${lag}` : 'no connection' };
  }
  if (silentMs > heartbeatTimeoutMs) {
    return { state: 'DOWN', detail: `connected but silent for ${Math.round(silentMs)} ms` };
  }
  if (blocked !== undefined) return { state: 'DEGRADED', detail: blocked };
  if (silentMs > heartbeatTimeoutMs / 2) {
    return { state: 'DEGRADED', detail: `silent for ${Math.round(silentMs)} ms` };
  }
  if (lagMs > LAG_DEGRADED_MS) return { state: 'DEGRADED', detail: `lagging: ${lag}` };
  if (clockSkewMs !== undefined && Math.abs(clockSkewMs) > SKEW_DEGRADED_MS) {
    const direction = clockSkewMs > 0 ? 'ahead of' : 'behind';
    const skew = Math.round(Math.abs(clockSkewMs));
    return { state: 'DEGRADED', detail: `its clock is ${skew} ms ${direction} ours` };
  }
  return {
    state: 'HEALTHY',
    detail: lagMs > 0 ? `connected; ${lag}` : 'connected; it has everything',
  };
}

/** The whole is as bad as its worst part. */
export function worst(states: Iterable<HealthState>): HealthState {
  let result: HealthState = 'HEALTHY';
  for (const state of states) {
    if (state === 'DOWN') return 'DOWN';
    if (state === 'DEGRADED') result = 'DEGRADED';
  }
  return result;
}
