/**
 * Which conflicts must be in the ledger, from nothing but what was written, and what each writer held
 * when it wrote: docs/convergence.md, "Conflicts", once more and independently of the product.
 *
 * A write's site was asked what it held right before the write and right after it was answered. What it
 * held before, the writer knew; what it did not even hold after, the writer did not know; of what came in
 * between nobody can tell. So answers are yes, no and perhaps.
 */
import assert from 'node:assert/strict';

/** For each site, the LSN up to which its journal was held. */
export type Held = ReadonlyMap<number, bigint>;

/**
 * How two concurrent writes of one thing are decided: the later wins; of two renames that make a cycle
 * the later loses; a directory that got a name inside stays, so its rmdir loses.
 */
export type Rule = 'later' | 'cycle' | 'in_use';

export interface KnownWrite {
  readonly site: number;
  readonly lsn: bigint;
  readonly hlc: bigint;
  readonly op: string;
  /** Writes of one thing have the same. */
  readonly register: string;
  readonly rule: Rule;
  /** What its site held before the write, at least, and after it, at most. */
  readonly before: Held;
  readonly after: Held;
}

/** What the ledger says. */
export interface Recorded {
  readonly loser: KnownWrite;
  readonly winner: KnownWrite;
}

/** One write that lost: to one of these, whichever came to its site first. */
export interface Loss {
  readonly loser: KnownWrite;
  readonly winners: readonly KnownWrite[];
  /** False where it cannot be known whether it lost before its own site wrote over it, knowingly. */
  readonly certain: boolean;
}

type Answer = 'yes' | 'no' | 'perhaps';

export function knew(writer: KnownWrite, other: KnownWrite): Answer {
  if (writer.site === other.site) return other.lsn < writer.lsn ? 'yes' : 'no';
  if ((writer.before.get(other.site) ?? 0n) >= other.lsn) return 'yes';
  return (writer.after.get(other.site) ?? 0n) >= other.lsn ? 'perhaps' : 'no';
}

export function isLater(a: KnownWrite, b: KnownWrite): boolean {
  return a.hlc === b.hlc ? a.site > b.site : a.hlc > b.hlc;
}

/** Whether `a` loses if neither knew the other. */
function losesTo(a: KnownWrite, b: KnownWrite): boolean {
  if (a.rule === 'in_use') return a.op === 'rmdir';
  return a.rule === 'cycle' ? isLater(a, b) : isLater(b, a);
}

/**
 * A write is the value at its own site until something takes its place there: the site's next write, or
 * the first that arrives and wins. If that came from another site and was made without knowledge of it,
 * it was lost, once; by then it matters to no later one.
 */
function lossOf(write: KnownWrite, others: readonly KnownWrite[]): Loss | undefined {
  const next = others.find(({ site, lsn }) => site === write.site && lsn > write.lsn);
  const arrived = (other: KnownWrite): Answer => (next === undefined ? 'yes' : knew(next, other));
  const rivals = others.filter((other) => other.site !== write.site && losesTo(write, other));
  // What one site wrote arrives in its order, so of each site the first decides.
  const firsts = rivals.filter(
    (rival) => !rivals.some(({ site, lsn }) => site === rival.site && lsn < rival.lsn),
  );
  const contenders = firsts.filter((first) => arrived(first) !== 'no');
  if (contenders.every((first) => knew(first, write) === 'yes')) return undefined;
  return {
    loser: write,
    winners: rivals.filter((one) => arrived(one) !== 'no' && knew(one, write) !== 'yes'),
    certain:
      contenders.some((first) => arrived(first) === 'yes') &&
      contenders.every((first) => knew(first, write) === 'no'),
  };
}

/** All that lost or may have, of any number of registers. */
export function lossesOf(writes: readonly KnownWrite[]): Loss[] {
  const registers = new Map<string, KnownWrite[]>();
  for (const write of writes) {
    const same = registers.get(write.register);
    if (same === undefined) registers.set(write.register, [write]);
    else same.push(write);
  }
  return [...registers.values()].flatMap((same) => {
    const inOrder = same.sort((a, b) => Number(a.lsn - b.lsn)); // of each site; between sites no matter
    return inOrder.flatMap((write) => lossOf(write, inOrder) ?? []);
  });
}

export function describe(write: KnownWrite): string {
  const list = (held: Held): string => [...held].map(([site, lsn]) => `${site}:${lsn}`).join(' ');
  return (
    `site ${write.site} LSN ${write.lsn} ${write.op} of ${write.register}, hlc ${write.hlc}, ` +
    `knew ${list(write.before)} to ${list(write.after)}`
  );
}

/** Every certain loss is recorded, once, and nothing is that was not a loss. */
export function assertRecorded(losses: readonly Loss[], records: readonly Recorded[]): void {
  const faults: string[] = [];
  const found = new Set<KnownWrite>();
  for (const { loser, winner } of records) {
    const pair = `\n  lost ${describe(loser)}\n  won  ${describe(winner)}`;
    const loss = losses.find((one) => one.loser === loser);
    if (loss?.winners.includes(winner) !== true) faults.push(`recorded, but no conflict:${pair}`);
    if (found.has(loser)) faults.push(`recorded twice:${pair}`);
    found.add(loser);
  }
  for (const { loser, winners, certain } of losses) {
    if (!certain || found.has(loser)) continue;
    const won = winners.map((winner) => `\n  won  ${describe(winner)}`).join('');
    faults.push(`not recorded:\n  lost ${describe(loser)}${won}`);
  }
  assert.equal(faults.length, 0, faults.join('\n'));
}
