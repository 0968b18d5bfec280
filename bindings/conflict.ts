/**
 * Conflicts: two changes of one thing, neither made in knowledge of the other. docs/convergence.md says
 * what counts as one; native/schema/FORMAT.md, "Conflicts", how a record is laid out.
 */
import type { NativeConflict } from './native';
import { type LinkIdentity, type OpParts, decodePayload } from './op-parts';
import { OP_NAMES, type OpName } from './operation';
import { PayloadReader } from './payload-reader';
import type { Origin } from './types';

/**
 * What the loser no longer has: some attributes, an extended attribute, where a name is (or that it was
 * removed), the bare name, which another object has while this one shows as `name~…`, or what it is, when
 * two sites gave objects of theirs the same inode number. Or all of it: it was not sent before its
 * journal was closed.
 */
export type LostWhat = 'fields' | 'xattr' | 'link' | 'name' | 'existence' | 'unsent';

/** One of the two changes, as an operation that would make it again. */
export interface ConflictSide extends Origin, OpParts {
  lsn: bigint;
  hlc: bigint;
  inode: bigint;
  /** What is unsent lost to the `evict` that closed its journal. */
  op: OpName | 'evict';
  /** Of an evict: whose journals are closed, the last of them included. */
  evicts?: Origin;
  /** What its writer had seen of other origins; empty when that is no longer known. */
  seen: LinkIdentity[];
}

export interface Conflict {
  lost: LostWhat;
  loser: ConflictSide;
  winner: ConflictSide;
  /** Where it was found; empty if it had no path any more, the end of a path longer than 4096 bytes. */
  path: Uint8Array;
}

export type SettledHow = 'acknowledged' | 'restored';

/** A conflict in the ledger. */
export interface RecordedConflict extends Conflict {
  /** The entry that recorded it, at the site that lost. The same at every site. */
  id: LinkIdentity;
  hlc: bigint;
  /** undefined while nobody has decided about it. */
  settled: { how: SettledHow; hlc: bigint; site: number } | undefined;
  /** The how manieth that this engine learned of since it was opened. */
  arrival: number;
}

const LOST: readonly (LostWhat | undefined)[] = [
  undefined,
  'fields',
  'xattr',
  'link',
  'name',
  'existence',
  'unsent',
];
const OP_EVICT = 15;
const ROOT_INODE = 1n;
export const SETTLED: readonly (SettledHow | undefined)[] = [undefined, 'acknowledged', 'restored'];

export function settledHow(number: number): SettledHow {
  const how = SETTLED[number];
  if (how === undefined) throw new RangeError(`a conflict settled in way ${number}`);
  return how;
}

interface SideHead extends Origin {
  hlc: bigint;
  lsn: bigint;
  op: number;
  payloadBytes: number;
}

function readHead(reader: PayloadReader): SideHead {
  const hlc = reader.unsigned();
  const incarnation = reader.unsigned();
  const lsn = reader.unsigned();
  const site = reader.u16();
  const op = reader.u8();
  reader.u8(); // whether it asserted links
  return { hlc, incarnation, lsn, site, op, payloadBytes: reader.u32() };
}

function readSide(head: SideHead, inode: bigint, payload: Uint8Array): ConflictSide {
  const op = head.op === OP_EVICT ? 'evict' : OP_NAMES[head.op - 1];
  if (op === undefined) throw new RangeError(`op ${head.op} in a conflict`);
  const { site, incarnation, lsn, hlc } = head;
  const side: ConflictSide = { site, incarnation, lsn, hlc, inode, op, seen: [] };
  const reader = new PayloadReader(payload);
  if (op === 'evict') side.evicts = reader.evicted();
  else decodePayload(side, op, reader);
  return side;
}

/** @internal `payload` has been verified by native code, and is kept. */
export function decodeConflict(inode: bigint, payload: Uint8Array): Conflict {
  const reader = new PayloadReader(payload);
  const loserHead = readHead(reader);
  const winnerHead = readHead(reader);
  const loserInode = reader.unsigned();
  const lost = LOST[reader.u8()];
  if (lost === undefined) throw new RangeError('a conflict in which nothing known was lost');
  reader.u8();
  const pathBytes = reader.u16();
  const [loserSeen, winnerSeen] = [reader.u16(), reader.u16()];
  const loser = readSide(loserHead, loserInode, reader.bytes(loserHead.payloadBytes));
  const winnerInode = winnerHead.op === OP_EVICT ? ROOT_INODE : inode;
  const winner = readSide(winnerHead, winnerInode, reader.bytes(winnerHead.payloadBytes));
  const path = reader.bytes(pathBytes);
  for (let i = 0; i < loserSeen; i++) loser.seen.push(reader.linkIdentity());
  for (let i = 0; i < winnerSeen; i++) winner.seen.push(reader.linkIdentity());
  return { lost, loser, winner, path };
}

/** @internal */
export function fromNativeConflict(recorded: NativeConflict): RecordedConflict {
  const { hlc, site, incarnation, lsn, settledHlc, settledSite, arrival } = recorded;
  const how = SETTLED[recorded.settled];
  return {
    id: { site, incarnation, lsn },
    hlc,
    ...decodeConflict(recorded.inode, recorded.payload),
    settled: how === undefined ? undefined : { how, hlc: settledHlc, site: settledSite },
    arrival,
  };
}
