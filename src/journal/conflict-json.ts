/**
 * A conflict as JSON: what `cfs admin replication conflicts` and `cfs journal tail` print. Both sides
 * are whole: the operation that would make the change again, its stamp, and what its writer had seen.
 */
import type {
  Conflict,
  ConflictSide,
  LinkIdentity,
  Origin,
  RecordedConflict,
} from '../../bindings';
import { hlcToUnixMs } from '../../bindings/hlc';
import { putBytes } from './bytes-json';
import { linkObject, putParts } from './parts-json';

type JsonObject = Record<string, unknown>;

const ID = /^([0-9]{1,5})\.([0-9a-f]{1,16})\.([0-9]{1,15})$/;
const SITE_MAX = 65535;

/** SITE.INCARNATION.LSN of the entry that recorded it, the second in hexadecimal. */
export function conflictId({ site, incarnation, lsn }: LinkIdentity): string {
  return `${site}.${incarnation.toString(16)}.${lsn}`;
}

/** undefined if `text` is none. */
export function parseConflictId(text: string): LinkIdentity | undefined {
  const [, site = '', incarnation = '', lsn = ''] = ID.exec(text) ?? [];
  if (lsn === '' || Number(site) < 1 || Number(site) > SITE_MAX || BigInt(lsn) === 0n) {
    return undefined;
  }
  return { site: Number(site), incarnation: BigInt(`0x${incarnation}`), lsn: BigInt(lsn) };
}

function timeOf(hlc: bigint): string {
  return new Date(hlcToUnixMs(hlc)).toISOString();
}

function isLater(a: ConflictSide, b: ConflictSide): boolean {
  if (a.hlc !== b.hlc) return a.hlc > b.hlc;
  if (a.site !== b.site) return a.site > b.site;
  return a.incarnation === b.incarnation ? a.lsn > b.lsn : a.incarnation > b.incarnation;
}

/**
 * Why the loser lost: the later change wins, but for two rules that keep the tree a tree; or its journal
 * was closed before anybody else had it.
 */
export function decidedBy({
  lost,
  loser,
  winner,
}: Conflict): 'later' | 'cycle' | 'in_use' | 'evicted' {
  if (lost === 'unsent') return 'evicted';
  if (!isLater(loser, winner)) return 'later';
  return loser.op === 'rename' ? 'cycle' : 'in_use';
}

/** Of an evict. */
export function putEvicted(object: JsonObject, evicts: Origin | undefined): void {
  if (evicts === undefined) return;
  object['evicted_site'] = evicts.site;
  object['evicted_incarnation'] = String(evicts.incarnation);
}

function sideObject(side: ConflictSide): JsonObject {
  const object: JsonObject = {
    site: side.site,
    incarnation: String(side.incarnation),
    lsn: String(side.lsn),
    hlc: String(side.hlc),
    time: timeOf(side.hlc),
    op: side.op,
    inode: String(side.inode),
  };
  putParts(object, side);
  putEvicted(object, side.evicts);
  object['seen'] = side.seen.map(linkObject);
  return object;
}

export function putConflict(object: JsonObject, conflict: Conflict): void {
  object['lost'] = conflict.lost;
  object['decided'] = decidedBy(conflict);
  putBytes(object, 'path', conflict.path);
  object['loser'] = sideObject(conflict.loser);
  object['winner'] = sideObject(conflict.winner);
}

export function conflictToJson(recorded: RecordedConflict): JsonObject {
  const { settled } = recorded;
  const object: JsonObject = {
    id: conflictId(recorded.id),
    time: timeOf(recorded.hlc),
    state: settled?.how ?? 'open',
    ...(settled === undefined
      ? {}
      : { settled_by_site: settled.site, settled_time: timeOf(settled.hlc) }),
  };
  putConflict(object, recorded);
  return object;
}
