/**
 * The audit trail of one node: a directory of append-only files whose lines are chained by hashes.
 *
 * `record` never waits and never fails. Events are queued, written in order, several at a time, and
 * synced; on average 25 ms after they were recorded, and a disk is asked no more than some twenty times
 * a second. If the disk fails or is full, the same bytes are written to the same place again until it
 * takes them; the queue is bounded, and what finds it full is counted and the count recorded.
 *
 * Everything runs on the event loop and Node's thread pool. One writer a directory: who opens a trail
 * holds the lock of the data directory that it is in.
 */
import { type FileHandle, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type TrailFile, fileName, listFiles, readLines, syncDirectory } from './files';
import {
  type AuditEvent,
  type AuditLine,
  type ChainHead,
  ANCHOR_KIND,
  DELETED_KIND,
  FILE_KIND,
  type Fields,
  type LineFields,
  encodeLine,
  parseLine,
} from './line';
import { type TrailEnd, recoverEnd } from './recover';
import { type Retention, countDeletable, isFull } from './retention';
import { type KnownHead, type VerifyReport, verifyTrail } from './verify';

export interface TrailOptions {
  /** Made when missing; its parent must be there. */
  readonly directory: string;
  /** In the first line of each file. When it is another than in the newest file, a new file begins. */
  readonly identity?: Fields;
  readonly fileBytesMax: number;
  readonly retention: Retention;
  readonly nowUnixMs: () => number;
  /** The disk does not take it, said once until it does again; events wait. */
  readonly onError: (error: unknown) => void;
}

interface KnownFile extends TrailFile {
  /** By its first line, or if that is damaged, when it was last written to. */
  readonly startedUnixMs: number;
  /** What its first line chains to; undefined if that line is damaged. */
  readonly previous: string | undefined;
}

interface Queued {
  readonly event: AuditEvent;
  readonly unixMs: number;
  /** To be done once it is durable. */
  readonly then?: () => Promise<void>;
}

interface Batch {
  readonly bytes: Buffer;
  readonly head: ChainHead;
  readonly events: readonly Queued[];
}

const QUEUE_EVENTS_MAX = 4096;
const BATCH_EVENTS_MAX = 512;
/** How long events wait for company. */
const GATHER_MS = 50;
const RETRY_MS = 1000;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

export class AuditTrail {
  readonly directory: string;
  /** The last line that was there when it was opened. */
  readonly lastLine: AuditLine | undefined;
  /** The identity in the newest file when it was opened, if it was another one. */
  readonly formerIdentity: LineFields | undefined;
  readonly #options: TrailOptions;
  readonly #files: KnownFile[];
  readonly #queue: Queued[] = [];
  readonly #watchers = new Set<() => void>();
  /** Names of files whose end is decided. */
  readonly #doomed = new Set<string>();
  #retention: Retention;
  #handle: FileHandle | undefined;
  #head: ChainHead;
  #contentSeq = 0;
  #batch: Batch | undefined;
  #mustRotate: boolean;
  #running: Promise<void> | undefined;
  #cutPause: (() => void) | undefined;
  #flushes = 0;
  #verifying = 0;
  #failing = false;
  #closed = false;
  #eventsTotal = 0;
  #droppedTotal = 0;
  #dropped = 0;

  private constructor(options: TrailOptions, end: TrailEnd, files: KnownFile[]) {
    this.#options = options;
    this.directory = options.directory;
    this.#files = files;
    this.#retention = options.retention;
    this.#head = end.head;
    this.lastLine = end.lastLine;
    const isSame = options.identity === undefined || hasIdentity(end.fileLine, options.identity);
    this.formerIdentity = isSame ? undefined : end.fileLine?.fields;
    this.#mustRotate = !isSame || end.fault !== undefined;
  }

  /**
   * Finds the end of the trail, and cuts what a crash left unfinished there. Writes nothing: what there
   * is to say about it is recorded, so a full disk does not keep a trail from being opened.
   */
  static async open(options: TrailOptions): Promise<AuditTrail> {
    const { directory } = options;
    const made = await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    if (made !== undefined) await syncDirectory(dirname(made));
    const end = await recoverEnd(directory, await listFiles(directory));
    const files = await Promise.all(end.files.map((file) => knowFile(directory, file)));
    const trail = new AuditTrail(options, end, files);
    const { cut, fault, head } = end;
    if (cut !== undefined) {
      const fields = { file: cut.file, cut_bytes: cut.bytes, last_seq: head.seq };
      trail.record({ kind: 'audit.recovered', fields });
    }
    if (fault !== undefined) {
      trail.record({ kind: 'audit.damaged', outcome: 'failed', fields: { ...fault } });
    }
    return trail;
  }

  /** The last line that is durable. */
  get head(): ChainHead {
    return this.#head;
  }

  /** The last durable line that is more than a peer's anchor. */
  get contentSeq(): number {
    return this.#contentSeq;
  }

  get totals(): { events: number; dropped: number; bytes: number; files: number } {
    const bytes = this.#files.reduce((sum, file) => sum + file.bytes, 0);
    const { length: files } = this.#files;
    return { events: this.#eventsTotal, dropped: this.#droppedTotal, bytes, files };
  }

  /** True while the disk does not take what is recorded. */
  get failing(): boolean {
    return this.#failing;
  }

  record(event: AuditEvent): void {
    if (this.#closed) return;
    if (this.#queue.length >= QUEUE_EVENTS_MAX) {
      this.#dropped++;
      this.#droppedTotal++;
      return;
    }
    this.#tellDropped();
    this.#queue.push({ event, unixMs: this.#options.nowUnixMs() });
    this.#start();
  }

  /** Writes what has been recorded now. True if all of it is durable; false if the disk did not take it. */
  async flush(): Promise<boolean> {
    this.#flushes++;
    this.#cutPause?.();
    try {
      // What is under way may have met the disk as it was before.
      await this.#running;
      this.#start();
      await this.#running;
      return !this.#hasWork();
    } finally {
      this.#flushes--;
      this.#start();
    }
  }

  /** Writes what can be written and closes. Nothing is recorded afterwards. */
  async close(): Promise<void> {
    if (!(await this.flush())) {
      this.#options.onError(new Error(`audit: ${this.#queue.length} events are lost at the end`));
    }
    this.#closed = true;
    this.#cutPause?.();
    for (const wake of this.#watchers) wake();
    await this.#running;
    await this.#handle?.close();
    this.#handle = undefined;
  }

  setRetention(retention: Retention): void {
    this.#retention = retention;
    this.collect();
  }

  /**
   * Deletes files beyond the retention, each after a line that says so has become durable. Happens by
   * itself when a file is full; call it now and then for those that grow old while nothing happens.
   */
  collect(): void {
    if (this.#verifying > 0 || this.#closed) return;
    const nowUnixMs = this.#options.nowUnixMs();
    const count = countDeletable(this.#files, this.#retention, nowUnixMs);
    for (let index = 0; index < count; index++) this.#deleteLater(index, nowUnixMs);
    this.#start();
  }

  /** The files and what of them is durable, oldest first. */
  files(): TrailFile[] {
    return this.#files.map(({ name, firstSeq, bytes }) => ({ name, firstSeq, bytes }));
  }

  /** Resolves with true when more than `seq` is durable; with false when it is closed or `signal` aborts. */
  changed(seq: number, signal: AbortSignal): Promise<boolean> {
    if (this.#closed || signal.aborted) return Promise.resolve(false);
    if (this.#head.seq > seq) return Promise.resolve(true);
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#watchers.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve(!this.#closed && !signal.aborted);
      };
      this.#watchers.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** The whole trail against itself, its writer's memory, and `known` heads. Nothing is deleted meanwhile. */
  async verify(known: readonly KnownHead[] = []): Promise<VerifyReport> {
    this.#verifying++;
    try {
      await this.flush();
      const own = { ...this.#head, source: 'the running agent' };
      return await verifyTrail(this.directory, this.files(), [...known, own]);
    } finally {
      this.#verifying--;
    }
  }

  // ---- the writer

  #hasWork(): boolean {
    return this.#queue.length > 0 || this.#batch !== undefined || this.#dropped > 0;
  }

  #start(): void {
    if (this.#running !== undefined || this.#closed || !this.#hasWork()) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#flushes === 0) this.#start();
    });
  }

  /** Until nothing is left; a flush is also done with when the disk does not take it. */
  async #run(): Promise<void> {
    while (this.#hasWork()) {
      await this.#pause(this.#failing ? RETRY_MS : GATHER_MS);
      if (this.#closed) return;
      try {
        await this.#writeBatch();
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) this.#options.onError(error);
        this.#failing = true;
        if (this.#flushes > 0) return;
      }
    }
  }

  #pause(ms: number): Promise<void> {
    if (this.#flushes > 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#cutPause = undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      // A process that ends waits for its last events, but not for a disk.
      if (this.#failing) timer.unref();
      this.#cutPause = end;
    });
  }

  async #writeBatch(): Promise<void> {
    if (this.#batch === undefined) await this.#prepareFile();
    const { bytes, head, events } = (this.#batch ??= this.#takeBatch());
    const [handle, file] = [await this.#openFile(), this.#currentFile()];
    await writeAt(handle, bytes, file.bytes);
    await handle.datasync();
    this.#batch = undefined;
    this.#advance(file, bytes.length, head, events.length);
    for (const { event } of events) if (event.kind !== ANCHOR_KIND) this.#contentSeq = head.seq;
    for (const { then } of events) await then?.();
    for (const wake of this.#watchers) wake();
  }

  /** From here on it may be said to be there. */
  #advance(file: KnownFile, bytes: number, head: ChainHead, events: number): void {
    this.#files[this.#files.length - 1] = { ...file, bytes: file.bytes + bytes };
    this.#head = head;
    this.#eventsTotal += events;
  }

  #takeBatch(): Batch {
    if (this.#queue.length < QUEUE_EVENTS_MAX) this.#tellDropped();
    const events = this.#queue.splice(0, BATCH_EVENTS_MAX);
    let head = this.#head;
    const texts = events.map(({ event, unixMs }) => {
      const line = encodeLine(head, event, unixMs);
      head = line.head;
      return line.text;
    });
    return { bytes: Buffer.from(texts.join('')), head, events };
  }

  /** What was dropped stood behind everything that was queued then. */
  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const fields = { count: this.#dropped };
    const unixMs = this.#options.nowUnixMs();
    this.#queue.push({ event: { kind: 'audit.dropped', outcome: 'failed', fields }, unixMs });
    this.#dropped = 0;
  }

  /** A new file when there is none, the last is full or another identity's. */
  async #prepareFile(): Promise<void> {
    const current = this.#files.at(-1);
    const nowUnixMs = this.#options.nowUnixMs();
    const { fileBytesMax, identity = {} } = this.#options;
    const isNeeded =
      current === undefined ||
      this.#mustRotate ||
      isFull(current, fileBytesMax, this.#retention, nowUnixMs);
    if (!isNeeded) return;
    const { hash: previous } = this.#head;
    const firstSeq = this.#head.seq + 1;
    const event = { kind: FILE_KIND, fields: { previous, ...identity } };
    const { text, head } = encodeLine(this.#head, event, nowUnixMs);
    const name = fileName(firstSeq);
    // The handle of the file before stays until there is a new one: what fails here is tried again.
    const handle = await open(join(this.directory, name), 'w', FILE_MODE);
    try {
      await writeAt(handle, Buffer.from(text), 0);
      await handle.sync();
      await syncDirectory(this.directory);
    } catch (error) {
      await handle.close();
      throw error;
    }
    await this.#handle?.close();
    this.#handle = handle;
    this.#mustRotate = false;
    const file = { name, firstSeq, bytes: 0, startedUnixMs: nowUnixMs, previous };
    this.#files.push(file);
    this.#advance(file, Buffer.byteLength(text), head, 1);
    this.collect();
  }

  #currentFile(): KnownFile {
    const file = this.#files.at(-1);
    if (file === undefined) throw new Error('audit: no file was prepared');
    return file;
  }

  async #openFile(): Promise<FileHandle> {
    this.#handle ??= await open(join(this.directory, this.#currentFile().name), 'r+');
    return this.#handle;
  }

  #deleteLater(index: number, unixMs: number): void {
    const [file, next] = [this.#files[index], this.#files[index + 1]];
    if (file === undefined || next === undefined || this.#doomed.has(file.name)) return;
    this.#doomed.add(file.name);
    const fields = {
      file: file.name,
      bytes: file.bytes,
      first_kept_file: next.name,
      first_kept_seq: next.firstSeq,
      previous: next.previous,
    };
    const then = (): Promise<void> => this.#delete(file.name);
    this.#queue.push({ event: { kind: DELETED_KIND, fields }, unixMs, then });
  }

  /** One that cannot be deleted now is found again later, and told of again. */
  async #delete(name: string): Promise<void> {
    this.#doomed.delete(name);
    try {
      await unlink(join(this.directory, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#options.onError(error);
        return;
      }
    }
    const index = this.#files.findIndex((file) => file.name === name);
    if (index >= 0) this.#files.splice(index, 1);
  }
}

function hasIdentity(line: AuditLine | undefined, identity: Fields): boolean {
  if (line === undefined) return true;
  return Object.entries(identity).every(
    ([name, value]) => String(line.fields[name]) === String(value),
  );
}

/** What the first line of a file says of it. */
async function knowFile(directory: string, file: TrailFile): Promise<KnownFile> {
  const path = join(directory, file.name);
  let line: AuditLine | undefined;
  for await (const { bytes } of readLines(path, file.bytes)) {
    line = parseLine(bytes);
    break;
  }
  const previous = line?.fields['previous'];
  const startedUnixMs = Date.parse(line?.time ?? '');
  return {
    ...file,
    startedUnixMs: Number.isNaN(startedUnixMs) ? (await stat(path)).mtimeMs : startedUnixMs,
    previous: typeof previous === 'string' ? previous : undefined,
  };
}

async function writeAt(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
