/** The typed face of the native core: all of it that src/ may use. */
import './initialize';
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
export * from './types';

/** Of the core and of the libraries inside it. */
export const nativeVersions: NativeVersions = native.versions();
