/** What goes into the engine and what comes out, as JavaScript sees it. 64-bit identities are bigint. */
import type { CfsError } from './errors';

export type Bytes = Uint8Array;

/** A journal's identity: a site, and an incarnation minted with its data directory. */
export interface Origin {
  site: number;
  incarnation: bigint;
}

/** The highest number of a source's shard. */
export interface ShardSeq {
  shard: number;
  seq: bigint;
}

/** Of one origin, the LSN up to which everything is held, and each shard's highest number up to there. */
export interface OriginCursor extends Origin {
  lsn: bigint;
  /** The HLC of the entry `lsn`; absent when it is not known. */
  hlc?: bigint;
  shards: ShardSeq[];
}

/** Defaults are those of `EngineOptions` in native/core/engine/engine.h. */
export interface EngineOptions {
  /** Created when missing; locked while open. */
  dataDir: string;
  clusterUuid: string;
  /** A data directory that is made gets a later incarnation than this, whatever the clock says. */
  incarnationAfter?: bigint | undefined;
  /** 1 to 65535. */
  site: number;
  shardCount?: number | undefined;
  ioBackend?: 'auto' | 'io_uring' | 'posix' | undefined;
  segmentBytes?: number | undefined;
  /** Recent journal kept in memory for feeds. */
  tailCacheBytes?: number | undefined;
  /** Sealed frames kept for further peers. */
  sealCacheBytes?: number | undefined;
  /** Disk space held back so that cursors and checkpoints can be written when the disk is full. */
  diskReserveBytes?: number | undefined;
  /** Journal kept even when every peer has it. */
  retentionBytes?: number | undefined;
  /** Journal written between two checkpoints. */
  checkpointIntervalBytes?: number | undefined;
  /** Memory for the ledger of conflicts; the oldest go when it is full, or older than so many days. */
  ledgerBytes?: number | undefined;
  ledgerDays?: number | undefined;
}

export interface OpenProgress {
  phase: 'checkpoint' | 'journal';
  doneBytes: number;
  /** 0 when it is not known. */
  totalBytes: number;
}

export interface AppendOptions {
  /** Skip refused operations instead of stopping at the first. */
  keepGoing?: boolean | undefined;
  /** Fill `AppendResult.inodes`. */
  wantInodes?: boolean | undefined;
  /** When to resolve: durable here (`local`, the default) or merged in memory, before the fdatasync. */
  ack?: 'memory' | 'local' | undefined;
}

export interface AppendResult {
  /** 0n when no entry was made. */
  firstLsn: bigint;
  lastLsn: bigint;
  appended: number;
  /** (shard, seq) that the journal had already. */
  duplicates: number;
  /** Operations that change nothing, such as a rename onto itself. */
  unchanged: number;
  refused: number;
  /** The first 1000 refused. */
  errors: { index: number; error: CfsError }[];
  /** With `wantInodes`: one an operation, the object's inode, 0n if refused. */
  inodes?: BigUint64Array;
}

export interface ReceiveResult extends Origin {
  firstLsn: bigint;
  /** Everything of the origin up to here is durable and merged now. */
  lastLsn: bigint;
  entries: number;
  /** Of a newer schema: kept and forwarded, not merged. */
  unknownEntries: number;
  /** Held already: nothing was written. */
  duplicate: boolean;
  hlcMax: bigint;
}

export type CodecName = 'none' | 'lz4' | 'zstd';

export interface FrameSummary extends Origin {
  clusterUuid: string;
  epoch: bigint;
  firstLsn: bigint;
  lastLsn: bigint;
  hlcMax: bigint;
  codec: CodecName;
  /** In the frame, after compaction. */
  entryCount: number;
  /** The body before compression. */
  rawBytes: number;
  /** Header and stored body. */
  totalBytes: number;
}

export interface SealedFrame {
  /** Native memory shared with other readers of the journal: read it, send it, never write into it. */
  bytes: Uint8Array;
  summary: FrameSummary;
  /** Before compaction. */
  entriesIn: number;
  rawBytesIn: number;
  /** The sources' numbers that the frame reaches. */
  shards: ShardSeq[];
}

export interface FeedOptions {
  /** Default lz4. */
  codec?: CodecName | undefined;
  /** The codec's own; 0, the default, is its default. */
  level?: number | undefined;
  /** Drop entries that later ones of the frame supersede. Default true. */
  compact?: boolean | undefined;
  /** Also frames of other sites, as they came. Default false. */
  forward?: boolean | undefined;
  /** Where a frame is cut. */
  rawBytesTarget?: number | undefined;
}

export type Kind =
  'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'chardevice' | 'blockdevice';

export interface InodeInfo {
  inode: bigint;
  kind: Kind;
  /** Type and permission bits, as stat gives them. */
  mode: number;
  uid: number;
  gid: number;
  size: bigint;
  extentRef: bigint;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  rdev: number;
  fileFlags: number;
  project: number;
  nlink: number;
  /** Of a symbolic link. */
  target?: Uint8Array;
  /** In byte order of the key. */
  xattrs: { key: Uint8Array; value: Uint8Array }[];
  /** Every path of the inode; from lookup() and lookupPath() only. */
  paths?: Uint8Array[];
}

export interface NamedInode {
  /** dump(): the whole path; list(): the name. */
  path: Uint8Array;
  info: InodeInfo;
}

export interface Digest {
  /** 16 hex digits. */
  digest: string;
  /** Live ones, the root included. */
  inodes: bigint;
  names: bigint;
}

export interface CompareOptions {
  /** Only this one; 0: all. */
  inode?: bigint;
  /** Makes what differs here as the peer has it, durably, where the peer is right. */
  repair?: boolean;
}

export interface Backlog {
  entries: bigint;
  /** When the oldest of them was stamped, microseconds since the Unix epoch; 0n when there is none. */
  oldestUnixUs: bigint;
}

export interface DumpOptions {
  /** Owners in the ids of this site, not in those of the sites that wrote them. Default false. */
  localIds?: boolean;
}

export interface CollectOptions {
  aggressive?: boolean | undefined;
  /** Say what would go; delete nothing. */
  auditOnly?: boolean | undefined;
}

export interface CollectResult {
  segments: number;
  bytes: number;
  /** What keeps the next segment, such as "peer 2", "checkpoint", "retention" or "nothing". */
  heldBy: string;
}

/** As `EngineStatus` in native/core/engine/engine.h. Sizes and counts since start are numbers. */
/** The journals of `site` up to and including `incarnation` are closed. */
export interface Eviction extends Origin {
  /** The stamp of the entry that closed them. */
  by: Origin & { hlc: bigint; lsn: bigint };
}

export interface EngineStatus {
  /** Why the engine stopped; undefined while it runs. */
  stopped: CfsError | undefined;
  diskFull: boolean;
  ioBackend: string;
  origin: Origin;
  epoch: bigint;
  lastLsn: bigint;
  durableLsn: bigint;
  lastHlc: bigint;
  held: OriginCursor[];
  /** What is known durably, ascending by site; of each the last. */
  evictions: Eviction[];
  /** Evicted sites of which `recordUnheard` is to record what they lost. */
  unheard: number[];
  /** What was gone by then may have been forgotten: every site had seen it. */
  forgottenHorizon: OriginCursor[];
  inodes: number;
  liveInodes: number;
  names: number;
  stateBytes: number;
  /** Removed inodes and xattrs that were forgotten since the engine was opened. */
  forgotten: number;
  journalBytes: number;
  journalSegments: number;
  journalOldestSegment: number;
  journalPositionSegment: number;
  journalPositionOffset: number;
  checkpointSeq: number;
  checkpointBytes: number;
  checkpointUnixMs: number;
  entriesAppended: number;
  entriesMerged: number;
  entriesDuplicate: number;
  entriesUnknown: number;
  appendsRefused: number;
  framesReceived: number;
  framesRefused: number;
  framesDuplicate: number;
  framesSealed: number;
  sealCacheHits: number;
  sealedEntriesIn: number;
  sealedEntriesOut: number;
  sealedBytesIn: number;
  sealedBytesCompacted: number;
  sealedBytesOut: number;
  groups: number;
  groupBytes: number;
  syncNs: number;
  /** In the ledger; those that nobody has decided about. */
  conflicts: number;
  conflictsOpen: number;
  /** Put into the ledger, and evicted from it, since the engine was opened. */
  conflictsRecorded: number;
  conflictsEvicted: number;
  ledgerBytes: number;
  ledgerBytesMax: number;
  recoveredEntries: number;
  recoveryNs: number;
  recoveredTornBytes: number;
}
