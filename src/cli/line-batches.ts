/**
 * Input cut into batches of whole lines: each is one request, answered when it is durable. So a pause
 * of the input, such as a person typing, keeps no request waiting.
 */

/** A batch is sent when it has this much, or when the input has nothing more to give just now. */
const BATCH_BYTES = 1024 * 1024;
/** The agent takes lines of up to 1 MiB; of a longer one it needs only enough to see that. */
const LINE_BYTES_KEPT_MAX = 1024 * 1024 + 1;
const LF = 0x0a;

export interface LineBatch {
  /** Whole lines; only the last of the input may end without a newline. */
  readonly bytes: Buffer;
  /** The number of its first line, from 1. */
  readonly firstLine: number;
}

/** Pure: push what is read, take batches out. */
export class LineBatcher {
  #whole: Buffer[] = [];
  #wholeBytes = 0;
  #wholeLines = 0;
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #firstLine = 1;

  push(chunk: Buffer): void {
    const end = chunk.lastIndexOf(LF);
    if (end < 0) {
      this.#keepPartial(chunk);
      return;
    }
    // The first newline ends what was kept of an earlier line, even one that was cut short.
    const firstEnd = chunk.indexOf(LF);
    this.#keepPartial(chunk.subarray(0, firstEnd));
    this.#keepWhole(Buffer.concat([...this.#partial, chunk.subarray(firstEnd, end + 1)]));
    this.#partial = [];
    this.#partialBytes = 0;
    this.#keepPartial(chunk.subarray(end + 1));
  }

  get hasWhole(): boolean {
    return this.#wholeBytes > 0;
  }

  /** True when a batch should go even if more input is there. */
  get full(): boolean {
    return this.#wholeBytes >= BATCH_BYTES;
  }

  /** The whole lines so far. */
  take(): LineBatch | undefined {
    if (this.#wholeBytes === 0) return undefined;
    const batch = { bytes: Buffer.concat(this.#whole), firstLine: this.#firstLine };
    this.#firstLine += this.#wholeLines;
    this.#whole = [];
    this.#wholeBytes = 0;
    this.#wholeLines = 0;
    return batch;
  }

  /** The end of the input ends its last line too. */
  end(): void {
    if (this.#partialBytes > 0) this.#keepWhole(Buffer.concat(this.#partial));
    this.#partial = [];
    this.#partialBytes = 0;
  }

  #keepWhole(bytes: Buffer): void {
    this.#whole.push(bytes);
    this.#wholeBytes += bytes.length;
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) this.#wholeLines++;
  }

  #keepPartial(bytes: Buffer): void {
    const kept = bytes.subarray(0, Math.max(0, LINE_BYTES_KEPT_MAX - this.#partialBytes));
    if (kept.length === 0) return;
    this.#partial.push(kept);
    this.#partialBytes += kept.length;
  }
}

/** Batches of `input`: whatever whole lines are there when the consumer asks for more. */
export async function* lineBatches(input: AsyncIterable<Uint8Array>): AsyncGenerator<LineBatch> {
  const batcher = new LineBatcher();
  const iterator = input[Symbol.asyncIterator]();
  let pending = iterator.next();
  try {
    for (;;) {
      const result = await firstOf(pending, batcher);
      if (result === 'idle') {
        const batch = batcher.take();
        if (batch !== undefined) yield batch;
        continue;
      }
      if (result.done === true) break;
      batcher.push(Buffer.from(result.value));
      pending = iterator.next();
      if (!batcher.full) continue;
      const batch = batcher.take();
      if (batch !== undefined) yield batch;
    }
    batcher.end();
    const last = batcher.take();
    if (last !== undefined) yield last;
  } finally {
    void iterator.return?.();
  }
}

/** How long to wait for more input while whole lines are waiting. */
const IDLE_MS = 5;

async function firstOf<T>(
  pending: Promise<IteratorResult<T>>,
  batcher: LineBatcher,
): Promise<IteratorResult<T> | 'idle'> {
  if (!batcher.hasWhole) return pending;
  let timer: NodeJS.Timeout | undefined;
  const idle = new Promise<'idle'>((resolve) => {
    timer = setTimeout(() => resolve('idle'), IDLE_MS);
  });
  try {
    return await Promise.race([pending, idle]);
  } finally {
    clearTimeout(timer);
  }
}
