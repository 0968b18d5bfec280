/**
 * What is on its way to one peer, and when the next frame should go. Pure: time comes in as an argument.
 *
 * Rule: a frame goes at once when nothing is in flight, so an idle link adds no delay. While frames are
 * in flight, what has become durable since is let grow to a full batch, or for `coalesceMs` at most, so
 * that a busy link carries few large frames. Never more than `framesMax` or about `bytesMax` in flight:
 * a slow peer costs journal space, not memory.
 */

export interface WindowLimits {
  readonly framesMax: number;
  readonly bytesMax: number;
  /** As many entries as fill a frame. */
  readonly batchEntries: number;
  readonly coalesceMs: number;
}

export interface FlyingFrame {
  readonly site: number;
  readonly incarnation: bigint;
  readonly lastLsn: bigint;
  readonly bytes: number;
  /** Before compression. */
  readonly rawBytes: number;
  readonly sentAtMs: number;
  readonly shards: readonly { readonly shard: number; readonly seq: bigint }[];
}

/** `rest`: until an ack or something durable; `wait`: that, or `ms`. */
export type SendDecision =
  | { readonly kind: 'send' }
  | { readonly kind: 'rest' }
  | { readonly kind: 'wait'; readonly ms: number };

export class SendWindow {
  readonly #limits: WindowLimits;
  readonly #flying: FlyingFrame[] = [];
  #bytes = 0;
  #pendingSinceMs: number | undefined;

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  get frames(): number {
    return this.#flying.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True if acks, not the journal, are what sending waits for. */
  get full(): boolean {
    return this.#flying.length >= this.#limits.framesMax || this.#bytes >= this.#limits.bytesMax;
  }

  /** What to do with `pendingEntries` durable entries that no frame carries yet. */
  decide(pendingEntries: bigint, nowMs: number): SendDecision {
    if (pendingEntries <= 0n) {
      this.#pendingSinceMs = undefined;
      return { kind: 'rest' };
    }
    this.#pendingSinceMs ??= nowMs;
    if (this.#flying.length === 0) return { kind: 'send' };
    if (this.full) return { kind: 'rest' };
    if (pendingEntries >= BigInt(this.#limits.batchEntries)) return { kind: 'send' };
    const leftMs = this.#limits.coalesceMs - (nowMs - this.#pendingSinceMs);
    return leftMs > 0 ? { kind: 'wait', ms: leftMs } : { kind: 'send' };
  }

  sent(frame: FlyingFrame): void {
    this.#flying.push(frame);
    this.#bytes += frame.bytes;
    this.#pendingSinceMs = undefined;
  }

  /** Takes out the frames that the peer now holds, in the order they were sent. */
  acked(cursor: { site: number; incarnation: bigint; lsn: bigint }): FlyingFrame[] {
    const covered = (frame: FlyingFrame): boolean =>
      frame.site === cursor.site &&
      frame.incarnation === cursor.incarnation &&
      frame.lastLsn <= cursor.lsn;
    const landed = this.#flying.filter(covered);
    if (landed.length === 0) return landed;
    this.#flying.splice(0, this.#flying.length, ...this.#flying.filter((frame) => !covered(frame)));
    for (const frame of landed) this.#bytes -= frame.bytes;
    return landed;
  }
}
