/** What a node's parts say, put together for people and machines. Pure. */
import { CfsError } from '../bindings';
import type { PeerCounters as ConduitCounters, Session } from './conduit/types';
import type { PeerConfig } from './config';
import { judgePeer, worst } from './sync/peer-health';
import type { SyncPeer } from './sync/peer';
import type { HealthState, NodeStatus, PeerStatus, RecordedError } from './telemetry/node-status';

export interface PeerSources {
  readonly config: PeerConfig;
  readonly sync: SyncPeer;
  readonly session: Session | undefined;
  readonly counters: Readonly<ConduitCounters> | undefined;
  readonly connectedSinceUnixMs: number | undefined;
  readonly lastError: RecordedError | undefined;
  /** Evicted, and not back. */
  readonly isGone: boolean;
  readonly heartbeatTimeoutMs: number;
  readonly driftLimitMs: number;
  readonly nowUnixMs: number;
}

export interface HealthCheck {
  /** What was looked at: "journal", or a peer's name. */
  readonly name: string;
  readonly state: HealthState;
  /** One line for an operator. */
  readonly detail: string;
}

export interface NodeHealth {
  /** As bad as the worst check, but for peers: a peer that is down makes this node DEGRADED. */
  readonly state: HealthState;
  /** The journal first, then the peers, then the audit trail and the clock if something is wrong. */
  readonly checks: readonly [HealthCheck, ...HealthCheck[]];
}

const NO_LAG = { entries: 0n, ms: 0 };

export function peerStatusOf(sources: PeerSources): PeerStatus {
  const { config, sync, session, connectedSinceUnixMs, lastError, nowUnixMs } = sources;
  const state = linkState(sources);
  const lag = state === 'evicted' ? NO_LAG : sync.lag(BigInt(nowUnixMs) * 1000n);
  const heard = session?.health();
  const { quarantine } = sync;
  const verdict = judgePeer({
    site: config.site,
    state,
    silentMs: heard?.silentMs ?? 0,
    heartbeatTimeoutMs: sources.heartbeatTimeoutMs,
    lagMs: lag.ms,
    clockSkewMs: inMs(heard?.clockSkewUs),
    rttMs: inMs(heard?.rttUs),
    driftLimitMs: sources.driftLimitMs,
    quarantine,
    blocked: sync.blocked,
  });
  return {
    site: config.site,
    name: config.name,
    state,
    health: verdict.state,
    detail: verdict.detail,
    address: session?.address,
    connectedSinceUnixMs,
    lastError,
    ackedLsn: sync.ackedLsn,
    ackedShards: sync.sender?.ackedShards ?? [],
    held: sync.held(),
    lagEntries: lag.entries,
    lagMs: lag.ms,
    rttMs: inMs(heard?.rttUs),
    ackRttMs: sync.counters.ackRttMs,
    clockSkewMs: inMs(heard?.clockSkewUs),
    quarantine,
    codec: sync.sender?.codec.codec,
    inFlightFrames: sync.sender?.inFlight.frames ?? 0,
    inFlightBytes: sync.sender?.inFlight.bytes ?? 0,
    ...totalsOf(sync, sources.counters),
  };
}

/** An evicted site that comes back connects before its first entry says that it has. */
function linkState({ session, isGone, config }: PeerSources): PeerStatus['state'] {
  if (session !== undefined) return 'connected';
  if (isGone) return 'evicted';
  return config.enabled ? 'connecting' : 'disabled';
}

type Totals = Pick<
  PeerStatus,
  | 'framesSent'
  | 'entriesSent'
  | 'entriesOnWire'
  | 'entriesAcked'
  | 'bytesRaw'
  | 'bytesCompacted'
  | 'bytesCompressed'
  | 'framesReceived'
  | 'framesDuplicate'
  | 'entriesReceived'
  | 'bytesSent'
  | 'bytesReceived'
  | 'dials'
  | 'reconnects'
  | 'errors'
>;

function totalsOf(sync: SyncPeer, link: Readonly<ConduitCounters> | undefined): Totals {
  const { send, receive } = sync.counters;
  return {
    framesSent: send.frames,
    entriesSent: send.entries,
    entriesOnWire: send.entriesSent,
    entriesAcked: send.entriesAcked,
    bytesRaw: send.rawBytes,
    bytesCompacted: send.compactedBytes,
    bytesCompressed: send.sentBytes,
    framesReceived: receive.frames,
    framesDuplicate: receive.duplicates,
    entriesReceived: receive.entries,
    bytesSent: link?.bytesOut ?? 0,
    bytesReceived: link?.bytesIn ?? 0,
    dials: link?.dials ?? 0,
    reconnects: link?.reconnects ?? 0,
    errors: addUp(receive.refusals, link?.refusals ?? new Map<string, number>()),
  };
}

/** The stable code of an error. */
export function codeOf(error: unknown): string {
  return error instanceof CfsError ? error.code : 'CFS_INTERNAL';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Ends of a session that are nobody's fault. */
export const ORDERLY_ENDS: ReadonlySet<string> = new Set(['drained', 'duplicate', 'shutting_down']);

function addUp(
  a: ReadonlyMap<string, number>,
  b: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  const sum = new Map(a);
  for (const [code, count] of b) {
    if (!ORDERLY_ENDS.has(code)) sum.set(code, (sum.get(code) ?? 0) + count);
  }
  return sum;
}

function inMs(us: number | undefined): number | undefined {
  return us === undefined ? undefined : us / 1000;
}

export function judgeNode(status: NodeStatus): NodeHealth {
  const journal = judgeJournal(status);
  const peers = status.peers
    .filter(({ state }) => state !== 'disabled' && state !== 'evicted')
    .map((peer) => ({ name: peer.name, state: peer.health, detail: peer.detail }));
  // A node whose peers are away still accepts and keeps entries.
  const ofPeers = peers.map(({ state }) => (state === 'DOWN' ? 'DEGRADED' : state));
  const others = [...judgeRejoin(status), ...judgeAudit(status), ...judgeClock(status)];
  const states = [journal.state, ...ofPeers, ...others.map(({ state }) => state)];
  return { state: worst(states), checks: [journal, ...peers, ...others] };
}

/** Nothing when all is well. */
function judgeClock({ clock }: NodeStatus): HealthCheck[] {
  const { hlcAheadMs, driftLimitMs } = clock;
  if (hlcAheadMs <= driftLimitMs) return [];
  const detail =
    `hlc ahead of wall clock by ${Math.round(hlcAheadMs)} ms: what is written here is stamped so, and ` +
    `peers hold it back beyond their drift limit (here ${driftLimitMs} ms) until their clocks are there`;
  return [{ name: 'clock', state: 'DEGRADED', detail }];
}

/** Nothing but on the way back. */
function judgeRejoin({ rejoin }: NodeStatus): HealthCheck[] {
  if (rejoin === undefined || rejoin.phase === 'done') return [];
  const { phase, primary, waitingFor, lastFailure } = rejoin;
  const waits = waitingFor.length > 0 ? `, waits for site ${waitingFor.join(', ')}` : '';
  const failed = lastFailure === undefined ? '' : `; the last attempt failed: ${lastFailure}`;
  const detail = `on its way back from site ${primary}, ${phase}${waits}: nothing may be written yet${failed}`;
  return [{ name: 'rejoin', state: 'DEGRADED', detail }];
}

/** Nothing when all is well. */
function judgeAudit({ audit }: NodeStatus): HealthCheck[] {
  if (!audit.failing) return [];
  const detail = `the disk does not take it: events wait behind event ${audit.seq}`;
  return [{ name: 'audit trail', state: 'DEGRADED', detail }];
}

function judgeJournal({ engine }: NodeStatus): HealthCheck {
  const name = 'journal';
  if (engine.stopped !== undefined) {
    const detail = `stopped, nothing is accepted: ${engine.stopped.message}`;
    return { name, state: 'DOWN', detail };
  }
  if (engine.diskFull) {
    return { name, state: 'DOWN', detail: 'the disk is full: appends wait until there is space' };
  }
  return { name, state: 'HEALTHY', detail: `durable up to LSN ${engine.durableLsn}` };
}
