/**
 * Takes one peer's frames, over one session, into the engine, and acks what is durable.
 *
 * Several frames are in the engine at once, in order, so that it can commit them as one group. What
 * waits here is bounded by the credit that the conduit granted; what is in the engine, over all peers,
 * by a shared budget below the engine's own bound. Credit goes back when a frame is durable.
 *
 * A frame with stamps from the future waits here, and those behind it: the quarantine says how long.
 */
import type { Engine, ReceiveResult } from '../../bindings';
import type { ByteBudget } from './byte-budget';
import { originKey } from './cursors';
import type { PeerCounters } from './peer-counters';
import type { PeerQuarantine } from './peer-quarantine';
import type { FrameStamp, SyncSession, WireCursor } from './session-port';

export type ReceiverEngine = Pick<Engine, 'receive'>;

export interface ReceiverOptions {
  readonly engine: ReceiverEngine;
  readonly session: SyncSession;
  readonly budget: ByteBudget;
  readonly quarantine: Pick<PeerQuarantine, 'admit' | 'drop'>;
  readonly counters: PeerCounters;
  /** A frame that was not held before is durable and merged. */
  readonly onApplied: (result: ReceiveResult) => void;
  /** A frame was refused and the session closed; `code` is stable. */
  readonly onRefused: (code: string, message: string) => void;
}

/**
 * What to tell the peer when the engine refuses a frame. Whatever it is, the session ends: the next
 * handshake goes on from what is durable here.
 */
const CLOSE_CODES: ReadonlyMap<string, string> = new Map([
  ['CFS_LSN_GAP', 'out_of_order'],
  ['CFS_STALE_EPOCH', 'stale_epoch'],
  ['CFS_WRONG_CLUSTER', 'wrong_cluster'],
  ['CFS_EVICTED', 'evicted'],
  ['CFS_MALFORMED', 'malformed'],
  ['CFS_CHECKSUM', 'malformed'],
  ['CFS_UNSUPPORTED', 'version'],
  ['CFS_TOO_LARGE', 'too_large'],
  ['CFS_INVALID_ARGUMENT', 'malformed'],
  ['CFS_QUEUE_FULL', 'busy'],
  ['CFS_DISK_FULL', 'busy'],
  ['CFS_CLOSED', 'shutting_down'],
]);

interface Waiting {
  readonly frame: Buffer;
  readonly stamp: FrameStamp;
}

export class PeerReceiver {
  readonly #options: ReceiverOptions;
  readonly #waiting: Waiting[] = [];
  /** Where the first of those that wait stands: it may be asked about only once. */
  #first: 'unasked' | 'held' | 'admitted' = 'unasked';
  #draining = false;
  readonly #ackDue = new Map<string, WireCursor>();
  #inEngine = 0;
  #ended = false;
  #idle: (() => void)[] = [];

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** A frame came. Its bytes are the receiver's. */
  onFrame(frame: Buffer, stamp: FrameStamp): void {
    if (this.#ended) return;
    this.#waiting.push({ frame, stamp });
    this.#submit();
  }

  /** The peer sends no more and waits for the end: what is held back is no reason to keep it waiting. */
  onDrain(): void {
    this.#draining = true;
    if (this.#first === 'held') this.#putBack();
  }

  /** The session is over; frames in the engine are finished, those waiting here dropped. */
  stop(): void {
    this.#ended = true;
    this.#forget();
  }

  /** What has come and is not in the engine yet. */
  get waiting(): { readonly frames: number; readonly bytes: number; readonly hlcMax: bigint } {
    let bytes = 0;
    let hlcMax = 0n;
    for (const { frame, stamp } of this.#waiting) {
      bytes += frame.length;
      if (stamp.hlcMax > hlcMax) hlcMax = stamp.hlcMax;
    }
    return { frames: this.#waiting.length, bytes, hlcMax };
  }

  /** Resolves when the engine has finished with every frame it was given. */
  drained(): Promise<void> {
    if (this.#inEngine === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  readonly #submit = (): void => {
    const { engine, session, budget } = this.#options;
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || !this.#mayTake(first.stamp)) return;
      const { frame } = first;
      if (!budget.take(frame.length, this.#submit)) return;
      this.#waiting.shift();
      this.#first = 'unasked';
      this.#inEngine++;
      void engine.receive(frame, session.peerSite, session.hello.origin.incarnation).then(
        (result) => this.#finished(frame, result),
        (error: unknown) => this.#failed(frame, error),
      );
    }
  };

  #mayTake(stamp: FrameStamp): boolean {
    if (this.#first !== 'unasked') return this.#first === 'admitted';
    const isAdmitted = this.#options.quarantine.admit(stamp, () => {
      this.#first = 'admitted';
      this.#submit();
    });
    this.#first = isAdmitted ? 'admitted' : 'held';
    if (!isAdmitted && this.#draining) this.#putBack();
    return isAdmitted;
  }

  /** Not acked, so the peer keeps what waits here, and sends it again. */
  #putBack(): void {
    const { frames, bytes } = this.waiting;
    this.#forget();
    this.#options.session.release(bytes, frames);
  }

  #forget(): void {
    if (this.#first === 'held') this.#options.quarantine.drop();
    this.#waiting.length = 0;
    this.#first = 'unasked';
  }

  #finished(frame: Buffer, result: ReceiveResult): void {
    const { session, counters, onApplied } = this.#options;
    counters.receive.frames++;
    counters.receive.bytes += frame.length;
    counters.receive.entries += result.entries;
    counters.receive.unknownEntries += result.unknownEntries;
    if (result.duplicate) counters.receive.duplicates++;
    if (!this.#ended) {
      session.release(frame.length, 1);
      this.#ackSoon(result);
    }
    this.#leave(frame);
    if (!result.duplicate) onApplied(result);
  }

  #failed(frame: Buffer, error: unknown): void {
    const code = codeOf(error);
    const message = error instanceof Error ? error.message : String(error);
    if (!this.#ended) {
      this.#options.counters.refused(code);
      this.stop();
      this.#options.session.close(CLOSE_CODES.get(code) ?? 'internal', message);
      this.#options.onRefused(code, message);
    }
    this.#leave(frame);
  }

  #leave(frame: Buffer): void {
    this.#inEngine--;
    this.#options.budget.give(frame.length);
    if (this.#inEngine > 0) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  /** Frames of one group become durable together: one ack tells of them all. */
  #ackSoon({ site, incarnation, lastLsn }: ReceiveResult): void {
    const first = this.#ackDue.size === 0;
    const key = originKey({ site, incarnation });
    const due = this.#ackDue.get(key);
    if (due === undefined || due.lsn < lastLsn) {
      this.#ackDue.set(key, { origin: { site, incarnation }, lsn: lastLsn, shards: [] });
    }
    if (first) queueMicrotask(() => this.#ack());
  }

  #ack(): void {
    const cursors = [...this.#ackDue.values()];
    this.#ackDue.clear();
    if (!this.#ended) this.#options.session.sendAck(cursors);
  }
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string')
    return error.code;
  return 'CFS_INTERNAL';
}
