/**
 * Takes one peer's frames, over one session, into the engine, and acks what is durable.
 *
 * Several frames are in the engine at once, in order, so that it can commit them as one group. What
 * waits here is bounded by the credit that the conduit granted; what is in the engine, over all peers,
 * by a shared budget below the engine's own bound. Credit goes back when a frame is durable.
 */
import type { Engine, ReceiveResult } from '../../bindings';
import type { ByteBudget } from './byte-budget';
import type { PeerCounters } from './peer-counters';
import type { SyncSession, WireCursor } from './session-port';

export type ReceiverEngine = Pick<Engine, 'receive'>;

export interface ReceiverOptions {
  readonly engine: ReceiverEngine;
  readonly session: SyncSession;
  readonly budget: ByteBudget;
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
  ['CFS_MALFORMED', 'malformed'],
  ['CFS_CHECKSUM', 'malformed'],
  ['CFS_UNSUPPORTED', 'version'],
  ['CFS_TOO_LARGE', 'too_large'],
  ['CFS_INVALID_ARGUMENT', 'malformed'],
  ['CFS_QUEUE_FULL', 'busy'],
  ['CFS_DISK_FULL', 'busy'],
  ['CFS_CLOSED', 'shutting_down'],
]);

export class PeerReceiver {
  readonly #options: ReceiverOptions;
  readonly #waiting: Buffer[] = [];
  readonly #ackDue = new Map<string, WireCursor>();
  #inEngine = 0;
  #ended = false;
  #idle: (() => void)[] = [];

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  /** A frame came. Its bytes are the receiver's. */
  onFrame(frame: Buffer): void {
    if (this.#ended) return;
    this.#waiting.push(frame);
    this.#submit();
  }

  /** The session is over; frames in the engine are finished, those waiting here dropped. */
  stop(): void {
    this.#ended = true;
    this.#waiting.length = 0;
  }

  /** Resolves when the engine has finished with every frame it was given. */
  drained(): Promise<void> {
    if (this.#inEngine === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  readonly #submit = (): void => {
    const { engine, session, budget } = this.#options;
    for (;;) {
      const frame = this.#waiting[0];
      if (frame === undefined || !budget.take(frame.length, this.#submit)) return;
      this.#waiting.shift();
      this.#inEngine++;
      void engine.receive(frame, session.peerSite).then(
        (result) => this.#finished(frame, result),
        (error: unknown) => this.#failed(frame, error),
      );
    }
  };

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
    const key = `${site}:${incarnation}`;
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
