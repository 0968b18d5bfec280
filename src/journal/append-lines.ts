/**
 * A stream of JSON Lines into the journal, in order, in batches, at the journal's pace.
 *
 * Lines are read ahead by at most one batch while the one before is being made durable. A line that
 * cannot be applied (not JSON, not an operation, or refused by the engine: no such path, name taken)
 * stops the stream there: every line before it is durable, nothing of it or after it is applied. With
 * `keepGoing` it is counted and skipped.
 */
import {
  type AppendOptions,
  AppendError,
  type AppendResult,
  CfsError,
  OpBatch,
} from '../../bindings';
import { type Line, LINE_BYTES_MAX_DEFAULT, LineReader } from './line-reader';
import { operationFromJson } from './operation-json';

/** Where batches go: a Node or an Engine. */
export interface LineAppender {
  append(batch: OpBatch, options: AppendOptions): Promise<AppendResult>;
}

export interface LineError {
  /** From 1 (or `firstLine`), blank lines counted. */
  readonly line: number;
  /** Stable, such as CFS_INVALID_ARGUMENT or CFS_EXISTS. */
  readonly code: string;
  readonly message: string;
}

export interface AppendLinesOptions {
  /** Skip bad lines instead of stopping at the first. */
  readonly keepGoing?: boolean;
  readonly ack?: AppendOptions['ack'];
  readonly lineBytesMax?: number;
  /** The number of the first line, where the input is a part of something longer. Default 1. */
  readonly firstLine?: number;
  /** Ends it after the batch in flight, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after every batch with the totals so far. */
  readonly onProgress?: (progress: AppendLinesResult) => void;
}

export interface AppendLinesResult {
  /** Lines read, blank and bad ones included. */
  readonly lines: number;
  readonly appended: number;
  readonly duplicates: number;
  readonly unchanged: number;
  /** Bad lines. Without `keepGoing` 0 or 1, and then the last line read. */
  readonly refused: number;
  /** The first ERRORS_MAX of them. */
  readonly errors: readonly LineError[];
  /** 0 when nothing was appended. */
  readonly firstLsn: bigint;
  readonly lastLsn: bigint;
}

export const ERRORS_MAX = 1000;
const BATCH_OPERATIONS_MAX = 4096;
const BATCH_BYTES_MAX = 1024 * 1024;
const QUEUE_FULL_RETRY_MS = 2;

/** Operations and the lines they came from. */
class LineBatch {
  readonly operations = new OpBatch();
  readonly lines: number[] = [];

  get full(): boolean {
    return (
      this.lines.length >= BATCH_OPERATIONS_MAX || this.operations.byteLength >= BATCH_BYTES_MAX
    );
  }
}

class Totals {
  lines = 0;
  appended = 0;
  duplicates = 0;
  unchanged = 0;
  refused = 0;
  firstLsn = 0n;
  lastLsn = 0n;
  readonly errors: LineError[] = [];

  add(result: AppendResult): void {
    this.appended += result.appended;
    this.duplicates += result.duplicates;
    this.unchanged += result.unchanged;
    if (result.lastLsn === 0n) return;
    if (this.firstLsn === 0n) this.firstLsn = result.firstLsn;
    this.lastLsn = result.lastLsn;
  }

  refuse(error: LineError): void {
    this.refused++;
    if (this.errors.length < ERRORS_MAX) this.errors.push(error);
  }
}

class LineStream {
  readonly totals = new Totals();
  readonly #appender: LineAppender;
  readonly #options: AppendLinesOptions;
  readonly #reader: LineReader;
  #filling = new LineBatch();
  #draining: Promise<void> | undefined;
  #stopped = false;
  /** What the journal failed with while nobody was waiting for it. */
  #failure: { readonly error: unknown } | undefined;

  constructor(appender: LineAppender, options: AppendLinesOptions) {
    this.#appender = appender;
    this.#options = options;
    this.#reader = new LineReader(
      options.lineBytesMax ?? LINE_BYTES_MAX_DEFAULT,
      options.firstLine ?? 1,
    );
  }

  async run(input: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of input) {
      this.#options.signal?.throwIfAborted();
      for (const line of this.#reader.push(chunk)) {
        if (!(await this.#take(line))) return;
      }
      this.#startDraining();
    }
    const last = this.#reader.end();
    if (last === undefined || (await this.#take(last))) await this.#drained();
  }

  /** False when the stream is to stop here. */
  async #take(line: Line): Promise<boolean> {
    if (this.#hasStopped()) {
      await this.#drained();
      return false;
    }
    this.totals.lines = this.#count(line.number);
    const fault = this.#parse(line);
    if (fault !== undefined) {
      if (this.#options.keepGoing === true) {
        this.totals.refuse(fault);
        return true;
      }
      await this.#drained();
      // A line before this one may turn out to be the first bad one.
      if (!this.#hasStopped()) this.totals.refuse(fault);
      return false;
    }
    if (this.#filling.full) await this.#drained();
    return true;
  }

  #hasStopped(): boolean {
    return this.#stopped;
  }

  /** How many lines were read when line `number` was the last. */
  #count(number: number): number {
    return number - (this.#options.firstLine ?? 1) + 1;
  }

  #parse(line: Line): LineError | undefined {
    if ('fault' in line) {
      return { line: line.number, code: 'CFS_INVALID_ARGUMENT', message: line.fault };
    }
    if (line.text.trim() === '') return undefined;
    try {
      this.#filling.operations.add(operationFromJson(JSON.parse(line.text)));
      this.#filling.lines.push(line.number);
      return undefined;
    } catch (error) {
      return lineError(line.number, error);
    }
  }

  #startDraining(): void {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
    });
    // Whoever waits for #drained(), now or later, sees the failure.
    this.#draining.catch((error: unknown) => (this.#failure ??= { error }));
  }

  async #drained(): Promise<void> {
    this.#startDraining();
    await this.#draining;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #drain(): Promise<void> {
    while (this.#filling.lines.length > 0 && !this.#hasStopped()) {
      const batch = this.#filling;
      this.#filling = new LineBatch();
      await this.#append(batch);
      this.#options.onProgress?.(this.totals);
    }
  }

  async #append(batch: LineBatch): Promise<void> {
    const options: AppendOptions = {
      keepGoing: this.#options.keepGoing === true,
      ...(this.#options.ack === undefined ? {} : { ack: this.#options.ack }),
    };
    try {
      const result = await appendWhenRoom(this.#appender, batch.operations, options);
      this.totals.add(result);
      for (const { index, error } of result.errors) {
        this.totals.refuse(lineError(batch.lines[index] ?? 0, error));
      }
      this.totals.refused += result.refused - result.errors.length;
    } catch (error) {
      this.#stopped = true;
      if (!(error instanceof AppendError)) throw error;
      if (error.index === undefined) throw error;
      const line = batch.lines[error.index] ?? 0;
      this.totals.add(error.result);
      this.totals.lines = this.#count(line);
      this.totals.refuse(lineError(line, error));
    }
  }
}

/** A full queue is other writers' work in progress: this one waits its turn. */
async function appendWhenRoom(
  appender: LineAppender,
  batch: OpBatch,
  options: AppendOptions,
): Promise<AppendResult> {
  for (;;) {
    try {
      return await appender.append(batch, options);
    } catch (error) {
      if (!(error instanceof CfsError) || error.code !== 'CFS_QUEUE_FULL') throw error;
      await new Promise((resolve) => setTimeout(resolve, QUEUE_FULL_RETRY_MS));
    }
  }
}

function lineError(line: number, error: unknown): LineError {
  if (error instanceof SyntaxError) {
    return { line, code: 'CFS_INVALID_ARGUMENT', message: `not JSON: ${error.message}` };
  }
  if (error instanceof Error) {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : 'CFS_INTERNAL';
    return { line, code, message: error.message };
  }
  return { line, code: 'CFS_INTERNAL', message: String(error) };
}

/**
 * Appends every line of `input`. Resolves with the totals, also when a bad line stopped it (`refused`
 * is 1 then). Rejects when the journal fails (stopped, disk full) or `input` does; lines before are
 * applied then, in order, up to some line.
 */
export async function appendLines(
  input: AsyncIterable<Uint8Array>,
  appender: LineAppender,
  options: AppendLinesOptions = {},
): Promise<AppendLinesResult> {
  const stream = new LineStream(appender, options);
  await stream.run(input);
  return stream.totals;
}
