/** How a peer is doing, in one word. Pure. */
import type { HealthState, PeerStatus, QuarantineStatus } from '../telemetry/node-status';

export interface PeerVitals {
  readonly site: number;
  readonly state: PeerStatus['state'];
  /** Since anything was heard of a connected peer. */
  readonly silentMs: number;
  readonly heartbeatTimeoutMs: number;
  /** Age of the oldest entry that the peer lacks; 0 when it lacks none. */
  readonly lagMs: number;
  /** The peer's clock minus ours, and the round trip that it was measured in; undefined until then. */
  readonly clockSkewMs: number | undefined;
  readonly rttMs: number | undefined;
  readonly driftLimitMs: number;
  readonly quarantine: QuarantineStatus;
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
export function judgePeer(vitals: PeerVitals): PeerVerdict {
  const { site, state, silentMs, heartbeatTimeoutMs, lagMs, blocked, quarantine } = vitals;
  const lag = `the oldest entry it lacks is ${Math.round(lagMs)} ms old`;
  if (state === 'evicted') return { state: 'DOWN', detail: evictedDetail(site) };
  if (state !== 'connected') {
    return { state: 'DOWN', detail: lagMs > 0 ? `no connection; ${lag}` : 'no connection' };
  }
  if (silentMs > heartbeatTimeoutMs) {
    return { state: 'DOWN', detail: `connected but silent for ${Math.round(silentMs)} ms` };
  }
  if (blocked !== undefined) return { state: 'DEGRADED', detail: blocked };
  if (quarantine.alarm) return { state: 'DEGRADED', detail: quarantineDetail(vitals) };
  if (silentMs > heartbeatTimeoutMs / 2) {
    return { state: 'DEGRADED', detail: `silent for ${Math.round(silentMs)} ms` };
  }
  if (lagMs > LAG_DEGRADED_MS) return { state: 'DEGRADED', detail: `lagging: ${lag}` };
  if (isSkewed(vitals)) return { state: 'DEGRADED', detail: skewDetail(vitals) };
  return {
    state: 'HEALTHY',
    detail: lagMs > 0 ? `connected; ${lag}` : 'connected; it has everything',
  };
}

function evictedDetail(site: number): string {
  return (
    'evicted: nothing is sent there or kept for it. It comes back by ' +
    `\`cfs admin replication rejoin --primary SITE\` at site ${site}`
  );
}

/**
 * Half of the drift limit, so that somebody looks before anything is held back. A skew is known to half
 * a round trip: what may be the network's is not blamed on a clock.
 */
function isSkewed({ clockSkewMs = 0, rttMs = 0, driftLimitMs }: PeerVitals): boolean {
  return Math.abs(clockSkewMs) - rttMs / 2 > driftLimitMs / 2;
}

function skewDetail({ clockSkewMs = 0 }: PeerVitals): string {
  const direction = clockSkewMs > 0 ? 'ahead of' : 'behind';
  return `its clock is ${Math.round(Math.abs(clockSkewMs))} ms ${direction} ours`;
}

function quarantineDetail(vitals: PeerVitals): string {
  const { site, driftLimitMs, clockSkewMs, quarantine } = vitals;
  const limit = `beyond the drift limit of ${driftLimitMs} ms`;
  const skew = clockSkewMs === undefined ? '' : `; ${skewDetail(vitals)}`;
  if (quarantine.waiting === undefined) {
    return `within the last minute it sent what is stamped ${limit}, which was held back${skew}`;
  }
  const ahead = Math.round(quarantine.waiting.aheadMs);
  return (
    `what it sends is held back: stamped ${ahead} ms ahead of our clock, ${limit}${skew}. Set the clock ` +
    `that is wrong, or accept it: cfs admin replication quarantine release ${site}`
  );
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
