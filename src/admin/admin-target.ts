/**
 * What the admin API needs of a node, and nothing more: `daemon.ts` fills it from the running node, a
 * test from memory. Every method may be called at any time between start and close, and rejects with
 * an error whose `code` is one of the stable `CFS_…` codes.
 *
 * 64-bit numbers that identify or that may pass 2^53 are bigint; counts, sizes and times are number
 * with the unit last. Times ending in `UnixMs` count from the Unix epoch.
 */
import type { CollectResult, Digest, InodeInfo, NamedInode, OwnerMap } from '../../bindings';
import type { VerifyReport } from '../audit/verify';
import type { KeyChange } from '../config';
import type { AppendLinesResult } from '../journal/append-lines';
import type { ImportResult } from '../journal/import';
import type { CompareRunOptions, ConsistencyReport, ResyncOptions } from '../node-consistency';
import type { Evicted } from '../node-evictions';
import type { QuarantinedPeer, ReleasedQuarantine } from '../node-quarantine';
import type { NodeHealth } from '../node-status';
import type { TlsStatus } from '../security/tls-status';
import type { NodeStatus } from '../telemetry/node-status';
import type { JsonValue } from './json-form';

export interface TailOptions {
  readonly fromLsn: bigint;
  readonly shard?: number;
  /** Wait for entries to come instead of ending with the last. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

export interface ImportOptions {
  /** Where in the replicated tree the directory's content goes; missing directories are made. */
  readonly target: Uint8Array;
  readonly signal: AbortSignal;
  readonly onProgress: (totals: ImportResult) => void;
}

/** Which lines of the audit trail. */
export interface AuditQuery {
  /** A time, or a duration that counts back from now. */
  readonly since?: string | undefined;
  readonly filter?: string | undefined;
  /** Only the newest, or with `oldest` the oldest, so many; `oldest` alone is one. */
  readonly tail?: number | undefined;
  readonly oldest: boolean;
  /** Then wait for what comes. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** Which conflicts. */
export interface ConflictQuery {
  /** A time, or a duration that counts back from now. */
  readonly since?: string | undefined;
  readonly filter?: string | undefined;
  /** Only those that nobody has decided about. */
  readonly open: boolean;
  readonly signal: AbortSignal;
}

/** How the ids of one site are shown here, and ours there. */
export interface IdMapStatus {
  readonly site: number;
  /** undefined for a site that is no peer. */
  readonly name: string | undefined;
  /** What our configuration makes of its ids, once they are as `theirOut` shows them. */
  readonly in: OwnerMap | undefined;
  /** What it told us last. */
  readonly theirOut: OwnerMap | undefined;
  /** What we tell it. */
  readonly out: OwnerMap | undefined;
}

export interface AdminTarget {
  status(): NodeStatus;
  health(): NodeHealth;
  /** The Prometheus exposition format. */
  metricsText(): Promise<string>;

  collect(options: { aggressive: boolean; auditOnly: boolean }): Promise<CollectResult>;

  lookup(inode: bigint): Promise<InodeInfo>;
  lookupPath(path: Uint8Array): Promise<InodeInfo>;
  /** Names of a directory in byte order after `after`; NamedInode.path is the name. */
  list(path: Uint8Array, after: Uint8Array | undefined, max: number): Promise<NamedInode[]>;
  /** Every visible name in byte order of the whole path, after `after`; ids as written, or ours. */
  dump(after: Uint8Array | undefined, max: number, localIds: boolean): Promise<NamedInode[]>;
  /** `rescan`: look at everything as well, and reject if that gives another. */
  digest(options: { rescan: boolean }): Promise<Digest>;
  consistencyCheck(peer: number, options: CompareRunOptions): Promise<ConsistencyReport>;
  resync(peer: number, options: ResyncOptions): Promise<ConsistencyReport>;

  /** Resolves with the totals also when a refused line ended it. */
  appendLines(
    chunks: AsyncIterable<Uint8Array>,
    options: { keepGoing: boolean },
  ): Promise<AppendLinesResult>;
  /** Complete lines of JSON, some at a time, each with its newline. Ends when `signal` aborts. */
  tailLines(options: TailOptions): AsyncIterable<string>;
  /** `directory` is on this machine, as the agent's user sees it. */
  importTree(directory: Uint8Array, options: ImportOptions): Promise<ImportResult>;

  /** Complete lines, some at a time, each with its newline. Ends when `signal` aborts. */
  auditLines(query: AuditQuery): AsyncIterable<string>;
  /** `anchor`: "SEQ:HASH" of this trail, as a peer has it. */
  verifyAudit(anchor: string | undefined): Promise<VerifyReport>;

  /** Complete lines of JSON, oldest first, some at a time. */
  conflictLines(query: ConflictQuery): AsyncIterable<string>;
  /** `id` is SITE.INCARNATION.LSN, the second in hexadecimal. */
  conflict(id: string): Promise<Readonly<Record<string, unknown>>>;
  /** Resolves with the LSN of what was written, once it is durable here. */
  acknowledgeConflict(id: string): Promise<bigint>;
  restoreConflict(id: string): Promise<bigint>;

  /** The configuration in force, spelled as in the file. */
  config(): { readonly file: string; readonly config: JsonValue };
  /** Takes over the live keys of the file; rejects with CFS_CONFIG, having changed nothing. */
  reloadConfig(): Promise<{
    readonly changed: readonly KeyChange[];
    readonly needsRestart: readonly KeyChange[];
  }>;
  /** Sites without any map are left out. */
  idMaps(): readonly IdMapStatus[];
  quarantine(): readonly QuarantinedPeer[];
  releaseQuarantine(site: number): ReleasedQuarantine;

  /** Resolves when it is durable here. */
  evict(site: number, options: { readonly force: boolean }): Promise<Evicted>;
  /** The node is opened again after it; its status tells how far it is. */
  rejoin(primary: number, options: { readonly force: boolean }): void;

  /** `warnDays`: what counts as soon; the configuration's when undefined. */
  tlsStatus(warnDays: number | undefined): TlsStatus;
}
