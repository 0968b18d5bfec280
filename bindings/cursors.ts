/**
 * OriginCursors laid out flat for the border, one array instead of an object a shard:
 * site, incarnation, lsn, number of shards, then shard, seq of each; and so on.
 */
import { U16_MAX, checkArray, checkInteger, checkObject, checkUnsigned } from './arguments';
import type { OriginCursor, ShardSeq } from './types';

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
    const [site = 0n, incarnation = 0n, lsn = 0n, shardCount = 0n] = flat.subarray(at, at + 4);
    const end = at + 4 + 2 * Number(shardCount);
    const shards = unflattenShards(flat.subarray(at + 4, end));
    cursors.push({ site: Number(site), incarnation, lsn, shards });
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
