/**
 * The taking over of a peer's checkpoint, as the core carries it on: docs/conduit-protocol.md, "Taking over a
 * checkpoint". Somebody else carries its questions there and the answers back.
 */
import { checkBytes } from './arguments';
import { unflattenCursors } from './cursors';
import { type NativeTakeOverStep, type TakeOverHandle, native } from './native';
import type { OriginCursor } from './types';

export interface TakeOverStatus {
  /** The checkpoint is here, whole and durable: it is adopted when the data directory is next opened. */
  readonly done: boolean;
  readonly bytesDone: number;
  /** 0: not known yet. */
  readonly bytesTotal: number;
  /** What the checkpoint holds, once it is known. */
  readonly held: readonly OriginCursor[];
}

export interface TakeOverStep {
  /** For the peer; undefined at the end. */
  readonly question: Uint8Array | undefined;
  readonly status: TakeOverStatus;
}

/** Made by `Engine.takeOver`. One step at a time. */
export class TakeOver {
  readonly #handle: TakeOverHandle;
  /** A take-over in use keeps its engine from being closed as garbage. */
  readonly engine: object;

  /** @internal */
  constructor(handle: TakeOverHandle, engine: object) {
    this.#handle = handle;
    this.engine = engine;
  }

  /** The first question; later, the one that was not answered yet: a new session may go on with it. */
  async start(): Promise<TakeOverStep> {
    return toStep(await native.takeOverStep(this.#handle, undefined));
  }

  /**
   * Takes the answer to the question of the step before. Rejects with DataError when the answer is not a
   * sound one, or in the end (CFS_CORRUPT) when the checkpoint is not; BusyError (CFS_DISK_FULL), StoppedError
   * (CFS_IO), ClosedError. A peer that answers CFS_NOT_FOUND has the checkpoint no longer: begin another.
   */
  async next(answer: Uint8Array): Promise<TakeOverStep> {
    return toStep(await native.takeOverStep(this.#handle, checkBytes('answer', answer)));
  }
}

function toStep({ question, status }: NativeTakeOverStep): TakeOverStep {
  return { question, status: { ...status, held: unflattenCursors(status.held) } };
}
