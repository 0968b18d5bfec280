/**
 * A comparison of this site with a peer, as the core carries it on: docs/conduit-protocol.md,
 * "Comparison". Somebody else carries its questions there and the answers back.
 */
import { checkBytes } from './arguments';
import { unflattenCursors } from './cursors';
import { type ComparisonHandle, type NativeComparisonStep, native } from './native';
import type { OriginCursor } from './types';

/** Which entry wrote a register, and what is in it, as text for people. */
export interface RegisterValue {
  readonly hlc: bigint;
  readonly site: number;
  readonly incarnation: bigint;
  readonly lsn: bigint;
  /** At most 256 characters. */
  readonly value: string;
}

/** A register that differs though both sites hold all entries that wrote it. */
export interface RegisterDifference {
  /** A register of docs/convergence.md, such as "mode" or "link". */
  readonly register: string;
  /** Of an xattr. */
  readonly key?: Uint8Array;
  /** Of a link: the entry that made it. */
  readonly link?: { readonly site: number; readonly incarnation: bigint; readonly lsn: bigint };
  /** Undefined if it was never written there. */
  readonly here: RegisterValue | undefined;
  readonly there: RegisterValue | undefined;
  /** Where a repair makes them equal. */
  readonly mendAt: 'here' | 'there';
  readonly repaired: boolean;
}

/** An inode that differs. */
export interface InodeDifference {
  readonly inode: bigint;
  /** Undefined if no name of it is known. */
  readonly path?: Uint8Array;
  /** Whether it has a visible name. */
  readonly liveHere: boolean;
  readonly liveThere: boolean;
  /** It has more registers than one answer may hold: they were not compared. */
  readonly tooLarge: boolean;
  /** None, and not too large: it shows differently because of what another inode has. */
  readonly registers: readonly RegisterDifference[];
}

export interface ComparisonStatus {
  /** Meaningful in the end. */
  readonly equal: boolean;
  readonly exchanges: number;
  /** Live ones; 0 when a single one is compared. */
  readonly inodesHere: number;
  readonly inodesThere: number;
  /** Whose hashes the peer gave. */
  readonly inodesListed: number;
  /** Whose registers were looked at. */
  readonly inodesCompared: number;
  /** Of those: they differ by entries that one side does not hold yet. */
  readonly inodesInFlight: number;
  readonly inodesDiffering: number;
  readonly registersDiffering: number;
  readonly registersRepaired: number;
  /** Up to here both sites hold everything. */
  readonly common: readonly OriginCursor[];
}

export interface ComparisonStep {
  /** For the peer; undefined at the end. */
  readonly question: Uint8Array | undefined;
  readonly status: ComparisonStatus;
  /** Found since the step before. */
  readonly differences: readonly InodeDifference[];
}

/** Made by `Engine.compare`. One step at a time. */
export class Comparison {
  readonly #handle: ComparisonHandle;
  /** A comparison in use keeps its engine from being closed as garbage. */
  readonly engine: object;

  /** @internal */
  constructor(handle: ComparisonHandle, engine: object) {
    this.#handle = handle;
    this.engine = engine;
  }

  /** The first question. */
  async start(): Promise<ComparisonStep> {
    return toStep(await native.comparisonStep(this.#handle, undefined));
  }

  /**
   * Takes the answer to the question of the step before. What a repair mends by it is durable when this
   * resolves. Rejects with DataError when the answer is not a sound one, ClosedError, StoppedError.
   */
  async next(answer: Uint8Array): Promise<ComparisonStep> {
    return toStep(await native.comparisonStep(this.#handle, checkBytes('answer', answer)));
  }
}

function toStep({ question, status, reports }: NativeComparisonStep): ComparisonStep {
  const common = unflattenCursors(status.common);
  return { question, status: { ...status, common }, differences: reports };
}
