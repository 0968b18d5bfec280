/** The typed face of the native core: all of it that src/ may use. */
import './initialize';
import { checkString } from './arguments';
import { type NativeVersions, native } from './native';

export type { Integer, Text } from './arguments';
export {
  Comparison,
  type ComparisonStatus,
  type ComparisonStep,
  type InodeDifference,
  type RegisterDifference,
  type RegisterValue,
} from './comparison';
export type { Conflict, ConflictSide, LostWhat, RecordedConflict, SettledHow } from './conflict';
export {
  DecodedFrame,
  type DecodedEntry,
  type SeenSection,
  type ShardRange,
  decodeFrame,
  peekFrame,
  verifyControl,
} from './decode';
export { Engine } from './engine';
export * from './errors';
export { Feed } from './feed';
export { ID_MAX, type IdRange, type OwnerMap, type SiteIdMap } from './id-maps';
export { BATCH_BYTES_MAX, OpBatch } from './op-batch';
export type { LinkIdentity, OpParts } from './op-parts';
export * from './operation';
export { TakeOver, type TakeOverStatus, type TakeOverStep } from './takeover';
export * from './types';

/**
 * Moves the journal in a data directory that nobody has open (and all that belongs to it) into another
 * directory below it. May be called again after a crash. Rejects with LockedError, StoppedError (CFS_IO).
 */
export function setAside(dataDir: string, into: string): Promise<void> {
  checkString('dataDir', dataDir);
  checkString('into', into);
  return native.setAside(dataDir, into);
}

/** Of the core and of the libraries inside it. */
export const nativeVersions: NativeVersions = native.versions();
