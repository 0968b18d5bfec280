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

/** The greater of each, by origin. */
export function raised(a: readonly WireCursor[], b: readonly WireCursor[]): WireCursor[] {
  const result = new Map<string, WireCursor>();
  for (const cursor of [...a, ...b]) {
    const key = originKey(cursor.origin);
    const known = result.get(key);
    if (known === undefined || known.lsn < cursor.lsn) result.set(key, cursor);
  }
  return [...result.values()];
}

/** True if whoever holds `held` has everything that `wanted` names. */
export function covers(held: readonly WireCursor[], wanted: readonly WireCursor[]): boolean {
  const lsns = new Map(held.map(({ origin, lsn }) => [originKey(origin), lsn]));
  return wanted.every(({ origin, lsn }) => (lsns.get(originKey(origin)) ?? 0n) >= lsn);
}

/** What all of them have. */
export function common(vectors: readonly (readonly WireCursor[])[]): WireCursor[] {
  const [first = [], ...others] = vectors.map(
    (cursors) => new Map(cursors.map((cursor) => [originKey(cursor.origin), cursor])),
  );
  const result: WireCursor[] = [];
  for (const [key, { origin, lsn }] of first) {
    const least = others.reduce((low, other) => {
      const here = other.get(key)?.lsn ?? 0n;
      return here < low ? here : low;
    }, lsn);
    if (least > 0n) result.push({ origin, lsn: least, shards: [] });
  }
  return result;
}

/** One string for each origin. */
export function originKey({ site, incarnation }: WireOrigin): string {
  return `${site}:${incarnation}`;
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
