/**
 * A request body as an async iterable with a bound on what waits in memory: when the reader falls
 * behind, the socket is paused, and resumed when it has caught up.
 */

/** More than this waiting pauses the socket. One read of the socket may exceed it by 512 KiB. */
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** How much of a body that nobody wants is waited for before its answer is ended regardless. */
const DISCARDED_BYTES_MAX = 64 * 1024 * 1024;

export interface BodySource {
  pause(): void;
  resume(): void;
}

export class BodyStream implements AsyncIterable<Uint8Array> {
  readonly #source: BodySource;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #paused = false;
  #ended = false;
  #discardedBytes: number | undefined;
  #onDiscarded: (() => void) | undefined;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(source: BodySource) {
    this.#source = source;
  }

  /** True when the last byte has arrived. */
  get complete(): boolean {
    return this.#ended;
  }

  /** Copies `chunk`, which the caller may reuse. */
  push(chunk: ArrayBuffer, isLast: boolean): void {
    if (this.#discardedBytes !== undefined) {
      this.#discardedBytes += chunk.byteLength;
    } else if (chunk.byteLength > 0) {
      this.#waiting.push(Buffer.from(new Uint8Array(chunk)));
      this.#waitingBytes += chunk.byteLength;
    }
    if (isLast) this.#ended = true;
    else if (this.#waitingBytes > WAITING_BYTES_MAX && !this.#paused) {
      this.#paused = true;
      this.#source.pause();
    }
    this.#notify();
  }

  /** The client is gone: readers get `error`. */
  fail(error: Error): void {
    this.#failure = error;
    this.#waiting = [];
    this.#notify();
  }

  /**
   * Nobody reads any more: what still comes is dropped. Resolves when all of it has come, the client is
   * gone, or it is too much.
   */
  async discard(): Promise<void> {
    this.#discardedBytes ??= 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#resume();
    if (this.#isDiscarded()) return;
    await new Promise<void>((resolve) => {
      this.#onDiscarded = resolve;
    });
  }

  #isDiscarded(): boolean {
    const tooMuch = (this.#discardedBytes ?? 0) > DISCARDED_BYTES_MAX;
    return this.#ended || this.#failure !== undefined || tooMuch;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#waiting.shift();
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.length;
        this.#resume();
        yield chunk;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #resume(): void {
    if (!this.#paused || this.#ended || this.#waitingBytes > WAITING_BYTES_MAX / 2) return;
    if (this.#failure !== undefined) return;
    this.#paused = false;
    this.#source.resume();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
    if (this.#isDiscarded()) this.#onDiscarded?.();
  }
}
