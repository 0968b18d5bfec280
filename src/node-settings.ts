/** A configuration in the words of the parts that a node is composed of. Pure. */
import { type EngineOptions, nativeVersions } from '../bindings';
import type { ConduitOptions } from './conduit/conduit';
import type { Config, PeerConfig } from './config';
import type { SenderSettings } from './sync/sender';

/** Bits of the codecs that this build reads: none, LZ4, Zstd. */
const CODECS_ALL = 0b111;
const ENTRY_SCHEMA_MAX = 1;
/** A session that lived this long starts the backoff anew. */
const SESSION_STABLE_MS = 10_000;
/** Frames in flight beyond this gain nothing: they grow instead. */
const FRAMES_IN_FLIGHT_MAX = 64;
/** While frames are in flight, a small one waits this long for company. An idle link never waits. */
const COALESCE_MS = 1;

export function engineOptions(config: Config): EngineOptions {
  const { journal, checkpoint, conflicts } = config;
  return {
    dataDir: config.dataDir,
    clusterUuid: config.cluster.uuid,
    site: config.site.id,
    shardCount: config.shards,
    ioBackend: journal.io,
    segmentBytes: journal.segmentBytes,
    tailCacheBytes: journal.tailCacheBytes,
    sealCacheBytes: journal.sealCacheBytes,
    diskReserveBytes: journal.diskReserveBytes,
    retentionBytes: journal.retentionBytes,
    checkpointIntervalBytes: checkpoint.intervalBytes,
    ledgerBytes: conflicts.ledgerBytes,
    ledgerDays: conflicts.ledgerDays,
  };
}

export type ConduitSettings = Omit<
  ConduitOptions,
  'tls' | 'status' | 'peerStatus' | 'peekFrame' | 'verifyControl' | 'identityOf' | 'log'
>;

export function conduitSettings(config: Config, version: string): ConduitSettings {
  const { conduit, listen } = config;
  return {
    clusterUuid: config.cluster.uuid,
    site: config.site.id,
    listen,
    peers: config.peers
      .filter((peer) => peer.enabled)
      .map(({ site, endpoints }) => ({ site, endpoints })),
    software: `claudefs-repl ${version} (core ${nativeVersions.core})`,
    codecs: CODECS_ALL,
    entrySchemaMax: ENTRY_SCHEMA_MAX,
    capabilities: ['forward', 'compare'],
    windowBytes: conduit.windowBytes,
    windowFrames: conduit.windowFrames,
    heartbeat: { intervalMs: conduit.heartbeatIntervalMs, timeoutMs: conduit.heartbeatTimeoutMs },
    backoff: {
      baseMs: conduit.reconnect.delayMsMin,
      capMs: conduit.reconnect.delayMsMax,
      stableMs: SESSION_STABLE_MS,
    },
    handshakeTimeoutMs: conduit.handshakeTimeoutMs,
  };
}

export function senderSettings(config: Config, peer: PeerConfig): SenderSettings {
  return {
    batchBytes: config.batch.bytesMax,
    coalesceMs: Math.min(config.batch.delayMsMax, COALESCE_MS),
    codec: peer.codec,
    codecLevel: 0,
    framesInFlightMax: FRAMES_IN_FLIGHT_MAX,
    bytesInFlightMax: config.conduit.windowBytes,
  };
}
