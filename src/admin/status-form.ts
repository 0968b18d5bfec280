/** The node's state as JSON documents: what /replication/* answers and `cfs --json` prints. */
import type { EngineStatus, OriginCursor } from '../../bindings';
import type { CertificateView, HealthView, NodeView, PeerView } from './admin-target';
import type { JsonObject, JsonValue } from './json-form';

function cursorForm(cursor: OriginCursor): JsonObject {
  return {
    site: cursor.site,
    incarnation: cursor.incarnation.toString(),
    lsn: cursor.lsn.toString(),
    shards: cursor.shards.map(({ shard, seq }) => ({ shard, seq: seq.toString() })),
  };
}

function lagForm(peer: PeerView): JsonObject {
  return {
    site: peer.site,
    name: peer.name,
    state: peer.state,
    lag_entries: Number(peer.lagEntries),
    lag_ms: peer.lagMs,
    acked_lsn: peer.ackedLsn.toString(),
  };
}

function peerForm(peer: PeerView): JsonObject {
  return {
    ...lagForm(peer),
    endpoint: peer.endpoint ?? null,
    last_error: peer.lastError ?? null,
    rtt_ms: peer.rttMs ?? null,
    clock_skew_ms: peer.clockSkewMs ?? null,
    frames_sent: peer.framesSent,
    entries_sent: peer.entriesSent,
    bytes_sent: peer.bytesSent,
    frames_received: peer.framesReceived,
    entries_received: peer.entriesReceived,
    bytes_received: peer.bytesReceived,
    reconnects: peer.reconnects,
    errors: peer.errors,
  };
}

function stoppedForm(engine: EngineStatus): JsonValue {
  const { stopped } = engine;
  return stopped === undefined ? null : { code: stopped.code, message: stopped.message };
}

/** What was in the journal's frames before compaction, after it, and after compression. */
function sealedForm(engine: EngineStatus): JsonObject {
  return {
    frames: engine.framesSealed,
    entries_in: engine.sealedEntriesIn,
    entries_out: engine.sealedEntriesOut,
    bytes_in: engine.sealedBytesIn,
    bytes_compacted: engine.sealedBytesCompacted,
    bytes_out: engine.sealedBytesOut,
  };
}

export function statusForm(node: NodeView, health: HealthView, nowUnixMs: number): JsonObject {
  const { engine } = node;
  return {
    site: node.site,
    name: node.name,
    cluster: node.cluster,
    version: node.version,
    pid: process.pid,
    data_dir: node.dataDir,
    started_unix_ms: node.startedUnixMs,
    uptime_ms: nowUnixMs - node.startedUnixMs,
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
    sealed: sealedForm(engine),
    recovery: {
      entries: engine.recoveredEntries,
      ms: Math.round(engine.recoveryNs / 1e6),
      torn_bytes: engine.recoveredTornBytes,
    },
    held: engine.held.map(cursorForm),
    peers: node.peers.map(peerForm),
  };
}

/** `lag_ms` and `lag_entries` at the top are those of the peer that is furthest behind. */
export function lagDocument(node: NodeView): JsonObject {
  return {
    site: node.site,
    last_lsn: node.engine.lastLsn.toString(),
    lag_ms: Math.max(0, ...node.peers.map((peer) => peer.lagMs)),
    lag_entries: Math.max(0, ...node.peers.map((peer) => Number(peer.lagEntries))),
    peers: node.peers.map(lagForm),
  };
}

export function healthForm(node: NodeView, health: HealthView): JsonObject {
  return {
    site: node.site,
    name: node.name,
    state: health.state,
    checks: health.checks.map(({ name, state, detail }) => ({ name, state, detail })),
  };
}

export function cursorsForm(node: NodeView): JsonObject {
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

export function journalForm(node: NodeView): JsonObject {
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

const DAY_MS = 86_400_000;

export function certificatesForm(
  certificates: readonly CertificateView[],
  nowUnixMs: number,
): JsonObject {
  return {
    certificates: certificates.map((certificate) => ({
      role: certificate.role,
      file: certificate.file,
      subject: certificate.subject,
      issuer: certificate.issuer,
      site: certificate.site ?? null,
      not_before_unix_ms: certificate.notBeforeUnixMs,
      not_after_unix_ms: certificate.notAfterUnixMs,
      days_left: Math.floor((certificate.notAfterUnixMs - nowUnixMs) / DAY_MS),
      fingerprint_sha256: certificate.fingerprintSha256,
    })),
  };
}
