/**
 * What a node says of itself at one moment: everything that status, lag, health and metrics show.
 *
 * LSNs, incarnations and epochs are bigint; counts, bytes and times are number with the unit last.
 * Counters run since the node was opened. Times ending in `UnixMs` count from the Unix epoch.
 */
import type { CodecName, EngineStatus, OriginCursor, ShardSeq } from '../../bindings';

export type HealthState = 'HEALTHY' | 'DEGRADED' | 'DOWN';

export interface RecordedError {
  readonly unixMs: number;
  /** Stable: a CFS_… code of the engine, or a reason of the conduit's such as "peer_silent". */
  readonly code: string;
  readonly message: string;
  /** The peer it has to do with, if any. */
  readonly peer?: number;
}

/** What a peer sent that is stamped too far ahead of this node's clock, and so waits. */
export interface QuarantineStatus {
  /** From the first frame that is held back until none has been for a minute, or they are released. */
  readonly alarm: boolean;
  /** Frames held back so far. */
  readonly framesTotal: number;
  /** What is held back now, with what came after it; undefined if nothing is. */
  readonly waiting:
    | {
        readonly frames: number;
        readonly bytes: number;
        /** Whose entries the first frame has: the peer's, or another site's that it passes on. */
        readonly site: number;
        /** The greatest of the first frame. */
        readonly hlc: bigint;
        /** That, ahead of this node's clock. */
        readonly aheadMs: number;
        readonly sinceUnixMs: number;
      }
    | undefined;
}

export interface ClockStatus {
  readonly driftLimitMs: number;
  /**
   * How far the HLC of the next entry written here is ahead of the wall clock, because of what this
   * node has seen or written before its clock jumped back; 0 when it is not.
   */
  readonly hlcAheadMs: number;
}

export interface PeerStatus {
  readonly site: number;
  readonly name: string;
  /** "disabled" is by configuration; "evicted" until the site is back, and nothing waits for it. */
  readonly state: 'connected' | 'connecting' | 'disabled' | 'evicted';
  readonly health: HealthState;
  /** Why `health` is what it is, for an operator. */
  readonly detail: string;
  /** Address of the peer while connected. */
  readonly address: string | undefined;
  readonly connectedSinceUnixMs: number | undefined;
  /** Why the last session ended, or the last attempt failed. */
  readonly lastError: RecordedError | undefined;

  /** The last LSN of our own journal that is durable there. */
  readonly ackedLsn: bigint;
  /** Of the sources that number their own entries: what is durable there, per shard. */
  readonly ackedShards: readonly ShardSeq[];
  /** All that is known to be durable there, of every origin. */
  readonly held: readonly OriginCursor[];
  /** Own entries that it lacks, and the age of the oldest; 0 and 0 when it has all, or is evicted. */
  readonly lagEntries: bigint;
  readonly lagMs: number;

  readonly rttMs: number | undefined;
  /** From sending a frame to the ack that it is durable there. */
  readonly ackRttMs: number | undefined;
  /** Its clock minus ours. */
  readonly clockSkewMs: number | undefined;
  readonly quarantine: QuarantineStatus;

  readonly codec: CodecName | undefined;
  readonly inFlightFrames: number;
  readonly inFlightBytes: number;

  readonly framesSent: number;
  /** Before compaction; `entriesOnWire` after it. */
  readonly entriesSent: number;
  readonly entriesOnWire: number;
  readonly entriesAcked: number;
  /** Of entries sent: as appended, after compaction, after compression. */
  readonly bytesRaw: number;
  readonly bytesCompacted: number;
  readonly bytesCompressed: number;
  readonly framesReceived: number;
  readonly framesDuplicate: number;
  readonly entriesReceived: number;
  /** On the wire above TLS, control messages included. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly dials: number;
  readonly reconnects: number;
  /** By stable code or reason. */
  readonly errors: ReadonlyMap<string, number>;
}

/** The audit trail, as far as it is durable. */
export interface AuditStatus {
  /** Its last line: number and hash. */
  readonly seq: number;
  readonly hash: string;
  readonly files: number;
  readonly bytes: number;
  /** Since the node was opened: written, and lost because more came than could wait. */
  readonly events: number;
  readonly dropped: number;
  /** True while the disk does not take it. */
  readonly failing: boolean;
}

/** A site on its way back: rejoin-marker.ts has the phases, and "done" is what follows them. */
export interface RejoinStatus {
  readonly phase: 'set-aside' | 'snapshot' | 'unsent' | 'done';
  /** The site that everything is taken from. */
  readonly primary: number;
  readonly sinceUnixMs: number;
  /** Sites that are not known to have heard that the old journal is closed, or the primary itself. */
  readonly waitingFor: readonly number[];
  /** Of the primary's checkpoint; the total is 0 until it is known. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Changes of the old journal that went on record as unsent. */
  readonly recorded: number;
  /** Why the last attempt failed; it goes on. */
  readonly lastFailure: string | undefined;
}

/** Journals of a site that were closed. */
export interface EvictionStatus {
  readonly site: number;
  /** Closed up to and including this. */
  readonly incarnation: bigint;
  readonly bySite: number;
  readonly unixMs: number;
  /** True until the site is back as a later incarnation. */
  readonly gone: boolean;
  /** Sites that are not known to have heard of it: until they have, nothing is forgotten. */
  readonly waitingFor: readonly number[];
}

export interface NodeStatus {
  readonly site: number;
  readonly name: string;
  readonly clusterUuid: string;
  readonly clusterName: string;
  readonly version: string;
  readonly dataDir: string;
  /** Where peers connect; undefined before listening and after close. */
  readonly listening: { readonly host: string; readonly port: number } | undefined;
  readonly startedUnixMs: number;
  readonly unixMs: number;
  readonly engine: EngineStatus;
  readonly clock: ClockStatus;
  readonly peers: readonly PeerStatus[];
  /** By site. */
  readonly evictions: readonly EvictionStatus[];
  /** Undefined unless the site is on its way back, or came back since the node was opened. */
  readonly rejoin: RejoinStatus | undefined;
  readonly audit: AuditStatus;
  /** Connections turned away that are no configured peer's, by stable reason such as "expired". */
  readonly strangersRefused: ReadonlyMap<string, number>;
  /** The latest, newest first. */
  readonly recentErrors: readonly RecordedError[];
}
