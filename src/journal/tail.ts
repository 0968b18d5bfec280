/**
 * The journal as a stream of entries: from an LSN, history first, then (if asked) what comes, live.
 * Any number of readers at once; each has its own place and its own pace, and a slow one costs nothing
 * but its place. Entries are as they were appended, each durable; what is told in them of other sites has
 * this site's user and group ids.
 */
import { type DecodedEntry, type Engine, type OriginCursor, decodeFrame } from '../../bindings';

export type TailEngine = Pick<Engine, 'openFeed' | 'onDurable' | 'status' | 'withLocalIds'>;

export interface TailOptions {
  /** The first LSN wanted, of this node's own journal. Default 1n. */
  readonly fromLsn?: bigint | number;
  /** Only these shards. Default all. */
  readonly shards?: readonly number[];
  /** Go on with what comes instead of ending with the last durable entry. Default false. */
  readonly follow?: boolean;
  /** Ends the stream, also while it waits. */
  readonly signal?: AbortSignal;
}

/** Frames are decoded one at a time; this much of the journal is in memory for each reader. */
const TAIL_FRAME_BYTES = 256 * 1024;

/** Opened by anybody at any time; lets one waiter through and is closed again. */
class Latch {
  #isOpen = false;
  #release: (() => void) | undefined;

  open(): void {
    this.#isOpen = true;
    this.#release?.();
  }

  async passed(): Promise<void> {
    if (!this.#isOpen) await new Promise<void>((resolve) => (this.#release = resolve));
    this.#release = undefined;
    this.#isOpen = false;
  }
}

/** What a reader has that wants this journal from `fromLsn`, and none of the site's earlier ones. */
function heldBefore(engine: TailEngine, fromLsn: bigint): OriginCursor[] {
  const { origin, held } = engine.status();
  const earlier = held.filter(
    ({ site, incarnation }) => site === origin.site && incarnation !== origin.incarnation,
  );
  return [{ ...origin, lsn: fromLsn - 1n, shards: [] }, ...earlier];
}

/**
 * Batches of entries in LSN order, as many as a frame had. Ends when all is read and `follow` is off,
 * or when `signal` aborts. Throws CFS_TRUNCATED if the journal no longer holds `fromLsn`, CFS_CLOSED
 * when the node closes.
 */
export async function* tailBatches(
  engine: TailEngine,
  options: TailOptions = {},
): AsyncGenerator<DecodedEntry[], void> {
  const fromLsn = BigInt(options.fromLsn ?? 1n);
  if (fromLsn < 1n) throw new RangeError(`fromLsn: expected 1 or more, got ${fromLsn}`);
  const { signal } = options;
  const shards = options.shards === undefined ? undefined : new Set(options.shards);
  const wanted = (entry: DecodedEntry): boolean =>
    entry.lsn >= fromLsn && (shards === undefined || shards.has(entry.shard));

  const more = new Latch();
  const open = (): void => more.open();
  const unsubscribe = engine.onDurable(open);
  signal?.addEventListener('abort', open);
  const feed = engine.openFeed(heldBefore(engine, fromLsn));
  try {
    while (signal?.aborted !== true) {
      const sealed = await feed.next({
        codec: 'none',
        compact: false,
        rawBytesTarget: TAIL_FRAME_BYTES,
      });
      if (sealed === undefined) {
        if (options.follow !== true) return;
        await more.passed();
        continue;
      }
      const entries = [...(await decodeFrame(sealed.bytes))].filter(wanted);
      if (entries.length > 0) yield entries.map((entry) => engine.withLocalIds(entry));
    }
  } finally {
    unsubscribe();
    signal?.removeEventListener('abort', open);
    feed.close();
  }
}

/** The same, entry by entry. */
export async function* tailEntries(
  engine: TailEngine,
  options: TailOptions = {},
): AsyncGenerator<DecodedEntry, void> {
  for await (const entries of tailBatches(engine, options)) yield* entries;
}
