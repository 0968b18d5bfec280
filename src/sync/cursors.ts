/** Version vectors as the engine and as the wire write them, and questions about them. */
import type { OriginCursor } from '../../bindings';
import type { WireCursor, WireOrigin } from './session-port';

export function toWire(held: readonly OriginCursor[]): WireCursor[] {
  return held.map(({ site, incarnation, ...rest }) => ({ origin: { site, incarnation }, ...rest }));
}

export function fromWire(cursors: readonly WireCursor[]): OriginCursor[] {
  return cursors.map(({ origin, shards, ...rest }) => ({
    site: origin.site,
    incarnation: origin.incarnation,
    ...rest,
    shards: shards.map(({ shard, seq }) => ({ shard, seq })),
  }));
}

/** How far `held` goes in one origin's journal; 0 if it has none of it. */
export function lsnOf(held: readonly OriginCursor[], origin: WireOrigin): bigint {
  for (const cursor of held) {
    if (cursor.site === origin.site && cursor.incarnation === origin.incarnation) return cursor.lsn;
  }
  return 0n;
}

/** The highest number per shard; raising is the only change. */
export class ShardCursors {
  readonly #seqs = new Map<number, bigint>();

  raise(marks: readonly { readonly shard: number; readonly seq: bigint }[]): void {
    for (const { shard, seq } of marks) {
      if (seq > (this.#seqs.get(shard) ?? 0n)) this.#seqs.set(shard, seq);
    }
  }

  /** In ascending order of shard. */
  list(): { shard: number; seq: bigint }[] {
    return [...this.#seqs]
      .map(([shard, seq]) => ({ shard, seq }))
      .sort((a, b) => a.shard - b.shard);
  }
}
