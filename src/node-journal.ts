/** A node's own journal and tree: what most of its users come for. `node.ts` has the rest of it. */
import { EventEmitter } from 'node:events';
import {
  type AppendOptions,
  type AppendResult,
  type CollectOptions,
  type CollectResult,
  type DecodedEntry,
  type Digest,
  type DumpOptions,
  type Engine,
  type InodeInfo,
  type NamedInode,
  type OpBatch,
  type Operation,
  type Text,
} from '../bindings';
import {
  type AppendLinesOptions,
  type AppendLinesResult,
  appendLines,
} from './journal/append-lines';
import { type ImportOptions, type ImportResult, importTree } from './journal/import';
import { type TailOptions, tailBatches, tailEntries } from './journal/tail';
import type { NodeEvents } from './node-events';

export abstract class NodeJournal extends EventEmitter<NodeEvents> {
  readonly #engine: Engine;
  readonly #tails = new AbortController();

  protected constructor(engine: Engine) {
    super();
    this.#engine = engine;
  }

  /** Why nothing may be written here; undefined if it may. */
  protected abstract refused(): Error | undefined;

  protected endTails(): void {
    this.#tails.abort();
  }

  // ---- journal

  /**
   * Appends one operation, several, or a batch, in order. Resolves when they are durable here (or as
   * `ack` says) and visible to lookups; replication to the peers follows by itself (`waitFor`). A batch
   * is a sequence, not a transaction.
   *
   * Rejects with AppendError at the first operation that is refused: those before it are appended, it
   * and those after it are not (`keepGoing` skips it instead). Rejects with BusyError when the queue or
   * the disk is full, with nothing appended.
   */
  append(
    operations: OpBatch | Operation | readonly Operation[],
    options?: AppendOptions,
  ): Promise<AppendResult> {
    const refused = this.refused();
    return refused === undefined
      ? this.#engine.append(operations, options)
      : Promise.reject(refused);
  }

  /** Appends lines of JSON; see journal/append-lines.ts. */
  appendLines(
    input: AsyncIterable<Uint8Array>,
    options?: AppendLinesOptions,
  ): Promise<AppendLinesResult> {
    return appendLines(input, this, options);
  }

  /** Imports a directory tree of this machine; see journal/import.ts. */
  importTree(root: string | Uint8Array, options?: ImportOptions): Promise<ImportResult> {
    return importTree(root, this, options);
  }

  /** The entries of this node's journal from an LSN, history first; see journal/tail.ts. */
  tail(options: TailOptions = {}): AsyncGenerator<DecodedEntry, void> {
    return tailEntries(this.#engine, this.#tailOptions(options));
  }

  /** The same in batches, for those who want speed. */
  tailBatches(options: TailOptions = {}): AsyncGenerator<DecodedEntry[], void> {
    return tailBatches(this.#engine, this.#tailOptions(options));
  }

  /** The number with which a source that numbers its own entries goes on in `shard`. */
  nextSeq(shard: number): bigint {
    return this.#engine.nextSeq(shard);
  }

  /** Deletes journal that nobody needs; happens by itself every 10 s. */
  collect(options?: CollectOptions): Promise<CollectResult> {
    return this.#engine.collect(options);
  }

  /** Writes a checkpoint now; happens by itself as the journal grows, and at close. */
  checkpoint(): Promise<void> {
    return this.#engine.checkpoint();
  }

  // ---- state

  /** An inode by number or absolute path. Rejects with NotFoundError, or TreeError on the way there. */
  lookup(object: bigint | Text): Promise<InodeInfo> {
    return typeof object === 'bigint'
      ? this.#engine.lookup(object)
      : this.#engine.lookupPath(object);
  }

  /** A page of a directory's names in byte order after `after` (undefined: from the first). */
  list(path: Text, after: Uint8Array | undefined, max: number): Promise<NamedInode[]> {
    return this.#engine.list(path, after, max);
  }

  /**
   * A page of all visible names in byte order of the whole path, after `after`. Owners are as written,
   * the same at every site, or with `localIds` as lookups show them.
   */
  dump(after: Uint8Array | undefined, max: number, options?: DumpOptions): Promise<NamedInode[]> {
    return this.#engine.dump(after, max, options);
  }

  /** Equal on two nodes that hold the same entries. `rescan` proves it by looking at everything. */
  digest(options?: { rescan?: boolean }): Promise<Digest> {
    return this.#engine.digest(options);
  }

  #tailOptions(options: TailOptions): TailOptions {
    const signals = [this.#tails.signal, ...(options.signal === undefined ? [] : [options.signal])];
    return { ...options, signal: AbortSignal.any(signals) };
  }
}
