/**
 * OriginCursors laid out flat for the border, one array instead of an object a shard:
 * site, incarnation, lsn, hlc (0: not known), number of shards, then shard, seq of each; and so on.
 */
import { U16_MAX, checkArray, checkInteger, checkObject, checkUnsigned } from './arguments';
import type { OriginCursor, ShardSeq } from './types';

const CURSOR_WORDS = 5;

export function flattenCursors(argument: string, cursors: unknown): BigUint64Array {
  const flat: bigint[] = [];
  checkArray(argument, cursors).forEach((value, index) => {
    const where = `${argument}[${index}]`;
    const cursor = checkObject(where, value) as Partial<OriginCursor>;
    const shards = checkArray(`${where}.shards`, cursor.shards);
    flat.push(
      BigInt(checkInteger(`${where}.site`, cursor.site, 1, U16_MAX)),
      checkUnsigned(`${where}.incarnation`, cursor.incarnation),
      checkUnsigned(`${where}.lsn`, cursor.lsn),
      checkUnsigned(`${where}.hlc`, cursor.hlc ?? 0n),
      BigInt(shards.length),
    );
    shards.forEach((mark, markIndex) => {
      const whereMark = `${where}.shards[${markIndex}]`;
      const { shard, seq } = checkObject(whereMark, mark) as Partial<ShardSeq>;
      flat.push(
        BigInt(checkInteger(`${whereMark}.shard`, shard, 0, U16_MAX)),
        checkUnsigned(`${whereMark}.seq`, seq),
      );
    });
  });
  return BigUint64Array.from(flat);
}

export function unflattenCursors(flat: BigUint64Array): OriginCursor[] {
  const cursors: OriginCursor[] = [];
  for (let at = 0; at < flat.length;) {
    const start = at + CURSOR_WORDS;
    const [site = 0n, incarnation = 0n, lsn = 0n, hlc = 0n, count = 0n] = flat.subarray(at, start);
    const end = start + 2 * Number(count);
    const shards = unflattenShards(flat.subarray(start, end));
    const cursor: OriginCursor = { site: Number(site), incarnation, lsn, shards };
    cursors.push(hlc === 0n ? cursor : { ...cursor, hlc });
    at = end;
  }
  return cursors;
}

export function unflattenShards(flat: BigUint64Array): ShardSeq[] {
  const shards: ShardSeq[] = [];
  for (let at = 0; at < flat.length; at += 2) {
    shards.push({ shard: Number(flat[at]), seq: flat[at + 1] ?? 0n });
  }
  return shards;
}
