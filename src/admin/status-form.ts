/** The node's state as JSON documents: what /replication/* answers and `cfs --json` prints. */
import type { EngineStatus, OriginCursor } from '../../bindings';
import type { QuarantinedPeer } from '../node-quarantine';
import type { NodeHealth } from '../node-status';
import type { TlsStatus } from '../security/tls-status';
import type {
  EvictionStatus,
  NodeStatus,
  PeerStatus,
  RecordedError,
} from '../telemetry/node-status';
import type { JsonObject, JsonValue } from './json-form';

function cursorForm(cursor: OriginCursor): JsonObject {
  return {
    site: cursor.site,
    incarnation: cursor.incarnation.toString(),
    lsn: cursor.lsn.toString(),
    shards: cursor.shards.map(({ shard, seq }) => ({ shard, seq: seq.toString() })),
  };
}

function lagForm(peer: PeerStatus): JsonObject {
  return {
    site: peer.site,
    name: peer.name,
    state: peer.state,
    lag_entries: Number(peer.lagEntries),
    lag_ms: peer.lagMs,
    acked_lsn: peer.ackedLsn.toString(),
  };
}

function errorForm(error: RecordedError | undefined): JsonValue {
  if (error === undefined) return null;
  return {
    unix_ms: error.unixMs,
    code: error.code,
    message: error.message,
    peer: error.peer ?? null,
  };
}

/** What is known of a peer's clock, and of what it sent with it. */
function clockForm({ clockSkewMs, quarantine }: PeerStatus): JsonObject {
  return {
    clock_skew_ms: clockSkewMs ?? null,
    quarantined: quarantine.alarm,
    quarantined_frames: quarantine.waiting?.frames ?? 0,
    quarantined_frames_total: quarantine.framesTotal,
  };
}

function peerForm(peer: PeerStatus): JsonObject {
  return {
    ...lagForm(peer),
    health: peer.health,
    detail: peer.detail,
    address: peer.address ?? null,
    connected_since_unix_ms: peer.connectedSinceUnixMs ?? null,
    last_error: errorForm(peer.lastError),
    rtt_ms: peer.rttMs ?? null,
    ack_rtt_ms: peer.ackRttMs ?? null,
    ...clockForm(peer),
    codec: peer.codec ?? null,
    in_flight_frames: peer.inFlightFrames,
    in_flight_bytes: peer.inFlightBytes,
    frames_sent: peer.framesSent,
    entries_sent: peer.entriesSent,
    entries_on_wire: peer.entriesOnWire,
    bytes_raw: peer.bytesRaw,
    bytes_compacted: peer.bytesCompacted,
    bytes_compressed: peer.bytesCompressed,
    bytes_sent: peer.bytesSent,
    frames_received: peer.framesReceived,
    frames_duplicate: peer.framesDuplicate,
    entries_received: peer.entriesReceived,
    bytes_received: peer.bytesReceived,
    dials: peer.dials,
    reconnects: peer.reconnects,
    errors: Object.fromEntries(peer.errors),
  };
}

function stoppedForm(engine: EngineStatus): JsonValue {
  const { stopped } = engine;
  return stopped === undefined ? null : { code: stopped.code, message: stopped.message };
}

function listeningForm({ listening }: NodeStatus): JsonValue {
  return listening === undefined ? null : { host: listening.host, port: listening.port };
}

function evictionForm(eviction: EvictionStatus): JsonObject {
  return {
    site: eviction.site,
    incarnation: eviction.incarnation.toString(),
    by_site: eviction.bySite,
    unix_ms: eviction.unixMs,
    gone: eviction.gone,
    waiting_for: [...eviction.waitingFor],
  };
}

function rejoinForm({ rejoin }: NodeStatus): JsonValue {
  if (rejoin === undefined) return null;
  return {
    phase: rejoin.phase,
    primary: rejoin.primary,
    since_unix_ms: rejoin.sinceUnixMs,
    waiting_for: [...rejoin.waitingFor],
    bytes_done: rejoin.bytesDone,
    bytes_total: rejoin.bytesTotal,
    recorded: rejoin.recorded,
    last_failure: rejoin.lastFailure ?? null,
  };
}

export function statusForm(node: NodeStatus, health: NodeHealth): JsonObject {
  const { engine } = node;
  return {
    site: node.site,
    name: node.name,
    cluster: node.clusterUuid,
    cluster_name: node.clusterName,
    version: node.version,
    pid: process.pid,
    data_dir: node.dataDir,
    started_unix_ms: node.startedUnixMs,
    uptime_ms: node.unixMs - node.startedUnixMs,
    listening: listeningForm(node),
    health: health.state,
    stopped: stoppedForm(engine),
    disk_full: engine.diskFull,
    io_backend: engine.ioBackend,
    incarnation: engine.origin.incarnation.toString(),
    epoch: engine.epoch.toString(),
    last_lsn: engine.lastLsn.toString(),
    durable_lsn: engine.durableLsn.toString(),
    inodes: engine.liveInodes,
    names: engine.names,
    state_bytes: engine.stateBytes,
    journal_bytes: engine.journalBytes,
    entries_appended: engine.entriesAppended,
    entries_merged: engine.entriesMerged,
    entries_duplicate: engine.entriesDuplicate,
    entries_unknown: engine.entriesUnknown,
    appends_refused: engine.appendsRefused,
    frames_refused: engine.framesRefused,
    recovery: {
      entries: engine.recoveredEntries,
      ms: Math.round(engine.recoveryNs / 1e6),
      torn_bytes: engine.recoveredTornBytes,
    },
    clock: {
      drift_limit_ms: node.clock.driftLimitMs,
      hlc_ahead_ms: node.clock.hlcAheadMs,
    },
    held: engine.held.map(cursorForm),
    peers: node.peers.map(peerForm),
    evictions: node.evictions.map(evictionForm),
    rejoin: rejoinForm(node),
    audit: { ...node.audit },
    strangers_refused: Object.fromEntries(node.strangersRefused),
    recent_errors: node.recentErrors.map(errorForm),
  };
}

/** `lag_ms` and `lag_entries` at the top are those of the peer that is furthest behind. */
export function lagDocument(node: NodeStatus): JsonObject {
  return {
    site: node.site,
    last_lsn: node.engine.lastLsn.toString(),
    lag_ms: Math.max(0, ...node.peers.map((peer) => peer.lagMs)),
    lag_entries: Math.max(0, ...node.peers.map((peer) => Number(peer.lagEntries))),
    peers: node.peers.map(lagForm),
  };
}

export function healthForm(node: NodeStatus, health: NodeHealth): JsonObject {
  return {
    site: node.site,
    name: node.name,
    state: health.state,
    checks: health.checks.map(({ name, state, detail }) => ({ name, state, detail })),
    drift_limit_ms: node.clock.driftLimitMs,
    hlc_ahead_ms: node.clock.hlcAheadMs,
    clocks: node.peers.map((peer) => ({
      site: peer.site,
      name: peer.name,
      rtt_ms: peer.rttMs ?? null,
      ...clockForm(peer),
    })),
  };
}

export function quarantineForm(node: NodeStatus, peers: readonly QuarantinedPeer[]): JsonObject {
  return {
    site: node.site,
    drift_limit_ms: node.clock.driftLimitMs,
    peers: peers.map((peer) => ({
      site: peer.site,
      name: peer.name,
      frames: peer.frames,
      bytes: peer.bytes,
      of_site: peer.ofSite,
      hlc: peer.hlc.toString(),
      ahead_ms: peer.aheadMs,
      clock_skew_ms: peer.clockSkewMs ?? null,
      since_unix_ms: peer.sinceUnixMs,
    })),
  };
}

export function cursorsForm(node: NodeStatus): JsonObject {
  return {
    site: node.site,
    held: node.engine.held.map(cursorForm),
    peers: node.peers.map((peer) => ({
      site: peer.site,
      name: peer.name,
      held: peer.held.map(cursorForm),
    })),
  };
}

export function journalForm(node: NodeStatus): JsonObject {
  const { engine } = node;
  return {
    site: node.site,
    incarnation: engine.origin.incarnation.toString(),
    io_backend: engine.ioBackend,
    stopped: stoppedForm(engine),
    disk_full: engine.diskFull,
    last_lsn: engine.lastLsn.toString(),
    durable_lsn: engine.durableLsn.toString(),
    bytes: engine.journalBytes,
    segments: engine.journalSegments,
    oldest_segment: engine.journalOldestSegment,
    position: {
      segment: engine.journalPositionSegment,
      offset: engine.journalPositionOffset,
    },
    groups: engine.groups,
    group_bytes: engine.groupBytes,
    sync_ms_mean: engine.groups === 0 ? 0 : engine.syncNs / engine.groups / 1e6,
    checkpoint: {
      seq: engine.checkpointSeq,
      bytes: engine.checkpointBytes,
      unix_ms: engine.checkpointUnixMs,
    },
  };
}

export function tlsForm(tls: TlsStatus): JsonObject {
  return {
    certificates: tls.certificates.map((certificate) => ({
      role: certificate.role,
      file: certificate.file,
      subject: certificate.subject,
      site: certificate.site ?? null,
      valid_from: certificate.validFrom.toISOString(),
      valid_to: certificate.validTo.toISOString(),
      days_left: certificate.daysLeft,
      key_type: certificate.keyType,
      uses: certificate.uses,
      sha256: certificate.sha256,
      problems: certificate.problems,
    })),
    unreadable: tls.unreadable.map(({ file, reason }) => ({ file, reason })),
  };
}
