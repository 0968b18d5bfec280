/**
 * claudefs-repl: replicates file-system metadata between sites.
 *
 * ```ts
 * const node = await open('site-a.yaml');            // or an object of the same shape
 * const { lastLsn } = await node.append({ op: 'mkdir', path: '/projects' });   // durable here
 * await node.waitFor(2, lastLsn);                    // durable at site 2
 * for await (const entry of node.tail({ follow: true })) console.log(entry.lsn, entry.op);
 * await node.close();
 * ```
 *
 * Shapes and units: numbers that identify or may pass 2^53 (inode, size, LSN, incarnation, HLC, epoch,
 * times in nanoseconds) are `bigint`; counts, bytes and milliseconds are `number`, with the unit last in
 * the name. Names and paths go in as text or bytes and come out as bytes (`Uint8Array`), for they need
 * not be UTF-8.
 *
 * Ownership: what is passed in is copied before the call returns, but for the frames of `Engine`; what
 * comes out is the caller's.
 *
 * Errors: every failed call rejects with `CfsError` (or a subclass), whose `code` is stable, or with
 * `ConfigError`, which lists everything that is wrong with a configuration.
 *
 * Nothing is global: a process may open any number of nodes, each with its own data directory.
 */
export { Node } from './node';
export { open, openNode, type OpenOptions } from './node-open';
export type { CompareRunOptions, ConsistencyReport, ResyncOptions } from './node-consistency';
export type { NodeQuarantine, QuarantinedPeer, ReleasedQuarantine } from './node-quarantine';
export type { AppliedEvent, NodeEvents, PeerEvent, QuarantineEvent } from './node-events';
export type { HealthCheck, NodeHealth } from './node-status';
export type {
  AuditStatus,
  ClockStatus,
  HealthState,
  NodeStatus,
  PeerStatus,
  QuarantineStatus,
  RecordedError,
} from './telemetry/node-status';
export {
  ConfigError,
  loadConfig,
  parseConfig,
  type Config,
  type ConfigInput,
  type ConfigIssue,
} from './config';
export type { AppendLinesOptions, AppendLinesResult, LineError } from './journal/append-lines';
export { conflictId, conflictToJson, parseConflictId } from './journal/conflict-json';
export { entryToJson, entryToLine } from './journal/entry-json';
export type { ImportOptions, ImportResult } from './journal/import';
export { OperationJsonError, operationFromJson } from './journal/operation-json';
export type { TailOptions } from './journal/tail';
export { walkTree, type TreeWalk, type WalkOptions, type WalkTotals } from './journal/walk-tree';
export {
  AppendError,
  BusyError,
  CFS_ERROR_CODES,
  CfsError,
  ClosedError,
  DataError,
  EvictedError,
  ExistsError,
  InvalidArgumentError,
  LockedError,
  NotFoundError,
  OpBatch,
  SequenceGapError,
  StaleEpochError,
  StoppedError,
  TreeError,
  TruncatedError,
  WrongClusterError,
  type AppendOptions,
  type AppendResult,
  type CfsErrorCode,
  type CollectOptions,
  type CollectResult,
  type ComparisonStatus,
  type Conflict,
  type ConflictSide,
  type DecodedEntry,
  type Digest,
  type EngineStatus,
  type InodeDifference,
  type InodeInfo,
  type Kind,
  type LinkIdentity,
  type LostWhat,
  type NamedInode,
  type OpName,
  type OpenProgress,
  type Operation,
  type OperationAttributes,
  type OriginCursor,
  type RecordedConflict,
  type RegisterDifference,
  type RegisterValue,
  type SettledHow,
  type ShardSeq,
} from '../bindings';
export { createLog, type Log, type LogLevel, type LogOptions } from './telemetry/log';
export { softwareVersion } from './telemetry/version';
