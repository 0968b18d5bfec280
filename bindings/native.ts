/**
 * The addon's functions, once: same names, same order as native/addon/addon.cc. Only files of this
 * folder call them, having checked the arguments; the addon checks nothing but what only it can know.
 *
 * "Cursors" are OriginCursors laid out flat (see cursors.ts). Promises reject and calls throw with the
 * errors that `makeError` makes.
 */
import type { ComparisonStatus, InodeDifference } from './comparison';
import type { CfsError, CfsErrorCode } from './errors';
import { loadAddon } from './loader';
import type { Slab } from './slab';
import type { TakeOverStatus } from './takeover';
import type {
  AppendResult,
  Backlog,
  CollectResult,
  FrameSummary,
  OpenProgress,
  ReceiveResult,
} from './types';

declare const handle: unique symbol;
export interface EngineHandle {
  readonly [handle]: 'engine';
}
export interface FeedHandle {
  readonly [handle]: 'feed';
}
export interface ComparisonHandle {
  readonly [handle]: 'comparison';
}

export interface TakeOverHandle {
  readonly [handle]: 'take-over';
}

/** What the addon calls to make JavaScript's own things. */
export interface Factories {
  makeError: (code: CfsErrorCode, message: string) => CfsError;
  formatUuid: (hi: bigint, lo: bigint) => string;
  /** Ends an append: makes what its promise resolves with or, if `code` is given, rejects with. */
  settleAppend: (
    slab: Slab,
    firstLsn: bigint,
    lastLsn: bigint,
    appended: number,
    duplicates: number,
    unchanged: number,
    refused: number,
    inodes: BigUint64Array | undefined,
    errors: AppendResult['errors'] | undefined,
    code: CfsErrorCode | undefined,
    message: string | undefined,
  ) => unknown;
}

/** Options whose absence leaves the default of native/core/engine/engine.h. */
export interface NativeEngineOptions {
  dataDir: string;
  clusterHi: bigint;
  clusterLo: bigint;
  site: number;
  incarnationAfter?: bigint;
  shardCount?: number;
  ioBackend?: string;
  segmentBytes?: number;
  tailCacheBytes?: number;
  sealCacheBytes?: number;
  diskReserveBytes?: number;
  retentionBytes?: number;
  checkpointIntervalBytes?: number;
  ledgerBytes?: number;
  ledgerDays?: number;
}

export interface NativeSealedFrame {
  bytes: Uint8Array;
  summary: FrameSummary;
  entriesIn: number;
  rawBytesIn: number;
  /** shard, seq, shard, seq, ... */
  shards: BigUint64Array;
}

export interface NativeStatus extends Record<string, unknown> {
  held: BigUint64Array;
  forgottenHorizon: BigUint64Array;
}

export interface NativeConflict {
  hlc: bigint;
  site: number;
  incarnation: bigint;
  lsn: bigint;
  inode: bigint;
  payload: Uint8Array;
  /** 0: not yet. */
  settled: number;
  settledHlc: bigint;
  settledSite: number;
  arrival: number;
}

export interface NativeComparisonStep {
  question: Uint8Array | undefined;
  status: Omit<ComparisonStatus, 'common'> & { common: BigUint64Array };
  reports: InodeDifference[];
}

export interface NativeTakeOverStep {
  question: Uint8Array | undefined;
  status: Omit<TakeOverStatus, 'held'> & { held: BigUint64Array };
}

export interface NativeDigest {
  sum: bigint;
  inodes: bigint;
  names: bigint;
}

export interface NativeVersions {
  core: string;
  lz4: string;
  zstd: string;
  isal: string;
  liburing: string;
}

export interface NativeFunctions {
  initialize(factories: Factories): void;
  versions(): NativeVersions;

  openFrame(frame: Uint8Array): Promise<{ body: Uint8Array; summary: FrameSummary }>;
  peekFrame(prefix: Uint8Array): FrameSummary;
  verifyControl(message: Uint8Array): void;

  setAside(dataDir: string, into: string): Promise<void>;
  engineOpen(
    options: NativeEngineOptions,
    onDurable: () => void,
    onProgress: ((progress: OpenProgress) => void) | undefined,
  ): Promise<EngineHandle>;
  /** Whether to call `onDurable` at all. */
  engineListen(engine: EngineHandle, listening: boolean): void;
  /** Reads `bytes` of the slab's first `byteLength` until the promise settles. Throws if not queued. */
  engineAppend(
    engine: EngineHandle,
    slab: Slab,
    bytes: Uint8Array,
    byteLength: number,
    flags: number,
  ): Promise<AppendResult>;
  engineReceive(
    engine: EngineHandle,
    frame: Uint8Array,
    site: number,
    incarnation: bigint,
  ): Promise<ReceiveResult>;
  engineHeld(engine: EngineHandle, withShards: boolean): BigUint64Array;
  engineFindForks(engine: EngineHandle, cursors: BigUint64Array): Promise<BigUint64Array>;
  engineSetPeers(engine: EngineHandle, sites: Uint16Array): void;
  engineForget(engine: EngineHandle, horizon: BigUint64Array, before: bigint): void;
  engineSetPeerCursor(
    engine: EngineHandle,
    site: number,
    incarnation: bigint,
    cursors: BigUint64Array,
  ): void;
  enginePeerCursor(engine: EngineHandle, site: number): BigUint64Array;
  engineBacklog(engine: EngineHandle, heldLsn: bigint): Backlog;
  engineOpenFeed(engine: EngineHandle, cursors: BigUint64Array, forward: boolean): FeedHandle;
  /** As id-maps.ts lays them out. */
  engineSetIdMaps(engine: EngineHandle, words: Uint32Array): void;
  engineLocalOwner(
    engine: EngineHandle,
    site: number,
    uid: number,
    gid: number,
  ): [uid: number, gid: number];
  /** This and the three below answer rows (inode-rows.ts). */
  engineLookup(engine: EngineHandle, inode: bigint): Promise<Uint8Array>;
  engineLookupPath(engine: EngineHandle, path: Uint8Array): Promise<Uint8Array>;
  engineList(
    engine: EngineHandle,
    path: Uint8Array,
    after: Uint8Array,
    max: number,
  ): Promise<Uint8Array>;
  engineDump(
    engine: EngineHandle,
    after: Uint8Array,
    max: number,
    withLocalIds: boolean,
  ): Promise<Uint8Array>;
  engineDigest(engine: EngineHandle, rescan: boolean): Promise<NativeDigest>;
  engineAnswer(engine: EngineHandle, question: Uint8Array): Promise<Uint8Array>;
  /** `inode` 0: all. */
  engineCompare(
    engine: EngineHandle,
    peer: number,
    inode: bigint,
    repair: boolean,
  ): ComparisonHandle;
  engineTakeOver(engine: EngineHandle, peer: number): TakeOverHandle;
  /** In order, after a place: HLC, then the id's site, incarnation and LSN. */
  engineConflicts(
    engine: EngineHandle,
    hlc: bigint,
    site: number,
    incarnation: bigint,
    lsn: bigint,
    max: number,
  ): Promise<NativeConflict[]>;
  engineArrivedConflicts(
    engine: EngineHandle,
    after: number,
    max: number,
  ): Promise<NativeConflict[]>;
  engineFindConflict(
    engine: EngineHandle,
    site: number,
    incarnation: bigint,
    lsn: bigint,
  ): Promise<NativeConflict>;
  engineSettleConflict(
    engine: EngineHandle,
    site: number,
    incarnation: bigint,
    lsn: bigint,
    how: number,
  ): Promise<bigint>;
  /** Reads `frame` until the promise settles. */
  engineRecordUnsent(
    engine: EngineHandle,
    frame: Uint8Array,
    before: EngineHandle,
  ): Promise<number>;
  engineRecordUnheard(engine: EngineHandle, site: number): Promise<number>;
  engineEvict(engine: EngineHandle, site: number, incarnation: bigint): Promise<bigint>;
  engineCheckpoint(engine: EngineHandle): Promise<void>;
  engineCollect(
    engine: EngineHandle,
    aggressive: boolean,
    auditOnly: boolean,
  ): Promise<CollectResult>;
  engineStatus(engine: EngineHandle): NativeStatus;
  engineNextSeq(engine: EngineHandle, shard: number): bigint;
  engineRetireIncarnation(engine: EngineHandle): Promise<void>;
  engineClose(engine: EngineHandle, checkpoint: boolean): Promise<void>;

  /** The answer to the question of the step before; none at first. */
  comparisonStep(
    comparison: ComparisonHandle,
    answer: Uint8Array | undefined,
  ): Promise<NativeComparisonStep>;
  /** The same. */
  takeOverStep(
    takeOver: TakeOverHandle,
    answer: Uint8Array | undefined,
  ): Promise<NativeTakeOverStep>;

  /** undefined at once when nothing became durable since the feed last found nothing. */
  feedNext(
    feed: FeedHandle,
    codec: number,
    level: number,
    compact: boolean,
    forward: boolean,
    rawBytesTarget: number,
  ): Promise<NativeSealedFrame | undefined> | undefined;
  feedClose(feed: FeedHandle): void;
}

export const native: NativeFunctions = loadAddon() as NativeFunctions;
