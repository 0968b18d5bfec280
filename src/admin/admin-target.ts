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
import type { CompareRunOptions, ConsistencyReport, ResyncOptions } from '../node-consistency';
import type { HealthState, NodeStatus } from '../telemetry/node-status';
import type { JsonValue } from './json-form';

export interface HealthCheck {
  /** What was looked at, such as "journal" or "peer 2". */
  readonly name: string;
  readonly state: HealthState;
  /** One line for an operator: what is wrong and what follows from it; or what is right. */
  readonly detail: string;
}

/** DOWN: this node does not accept or keep entries. DEGRADED: it does, and somebody should look. */
export interface NodeHealth {
  readonly state: HealthState;
  readonly checks: readonly HealthCheck[];
}

/** A line of input that was refused. */
export interface LineError {
  /** From 1, blank lines counted. */
  readonly line: number;
  readonly code: string;
  readonly message: string;
}

export interface AppendLinesResult {
  readonly lines: number;
  readonly appended: number;
  readonly duplicates: number;
  readonly unchanged: number;
  readonly refused: number;
  /** The first refused lines. Without `keepGoing` at most one: nothing after it was read. */
  readonly errors: readonly LineError[];
  /** 0 when nothing was journaled. */
  readonly firstLsn: bigint;
  readonly lastLsn: bigint;
}

export interface TailOptions {
  readonly fromLsn: bigint;
  readonly shard?: number;
  /** Wait for entries to come instead of ending with the last. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** Totals of an import, so far or in the end. */
export interface ImportTotals {
  readonly walked: {
    readonly names: number;
    readonly directories: number;
    readonly files: number;
    readonly symlinks: number;
    readonly hardLinks: number;
    readonly specials: number;
    /** Sum of the sizes of regular files. */
    readonly bytes: bigint;
    /** Could not be read. */
    readonly skipped: number;
    readonly skippedNames: readonly { readonly path: string; readonly reason: string }[];
  };
  /** Entries, durable here. */
  readonly appended: number;
  /** Names that were there before, and were left as they are. */
  readonly existing: number;
  readonly refused: number;
  readonly errors: readonly { readonly code: string; readonly reason: string }[];
  readonly lastLsn: bigint;
}

export interface ImportOptions {
  /** Where in the replicated tree the directory's content goes; missing directories are made. */
  readonly target: Uint8Array;
  readonly signal: AbortSignal;
  readonly onProgress: (totals: ImportTotals) => void;
}

export interface CertificateStatus {
  readonly file: string;
  readonly role: string;
  readonly subject: string;
  readonly site?: number;
  readonly validFrom: Date;
  readonly validTo: Date;
  readonly daysLeft: number;
  readonly keyType: string;
  readonly uses: readonly string[];
  readonly sha256: string;
  /** Empty if all is well. */
  readonly problems: readonly string[];
}

export interface TlsStatus {
  readonly certificates: readonly CertificateStatus[];
  readonly unreadable: readonly { readonly file: string; readonly reason: string }[];
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

/** A peer of which something is held back. */
export interface QuarantinedPeer {
  readonly site: number;
  readonly name: string;
  readonly frames: number;
  readonly bytes: number;
  readonly ofSite: number;
  readonly hlc: bigint;
  readonly aheadMs: number;
  readonly clockSkewMs: number | undefined;
  readonly sinceUnixMs: number;
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
  importTree(directory: Uint8Array, options: ImportOptions): Promise<ImportTotals>;

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
  releaseQuarantine(site: number): {
    readonly site: number;
    readonly name: string;
    readonly acceptedHlc: bigint;
    readonly acceptedUnixMs: number;
  };

  /** Resolves when it is durable here. */
  evict(
    site: number,
    options: { readonly force: boolean },
  ): Promise<{
    readonly site: number;
    readonly incarnation: bigint;
    readonly lsn: bigint;
    readonly waitingFor: readonly number[];
  }>;
  /** The node is opened again after it; its status tells how far it is. */
  rejoin(primary: number, options: { readonly force: boolean }): void;

  /** `warnDays`: what counts as soon; the configuration's when undefined. */
  tlsStatus(warnDays: number | undefined): TlsStatus;
}
