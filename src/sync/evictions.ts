/**
 * Who still counts: sites whose journals were closed, and those of them that are gone.
 *
 * An eviction closes a site's journals up to an incarnation. It is an entry like any other, and each node
 * takes nothing from that site any more once it has it; so when every site that counts holds the entry,
 * what all of them will ever hold of the closed journals is what they hold by then. A site is gone until
 * an entry of a later incarnation is held: it writes one as it comes back. docs/convergence.md, "Eviction".
 */
import { covers } from './cursors';
import type { WireCursor, WireEntry, WireOrigin } from './session-port';

/** Journals of `site` up to and including `incarnation` are closed. */
export interface Closed {
  readonly site: number;
  readonly incarnation: bigint;
  /** The entry that says so. */
  readonly by: WireEntry;
}

/** What a site said that it held at one moment, in one of its incarnations; nothing: it has not yet. */
export interface Report {
  readonly incarnation: bigint;
  readonly cursors: readonly WireCursor[];
}

export function isClosed(closed: readonly Closed[], { site, incarnation }: WireOrigin): boolean {
  return closed.some((one) => one.site === site && incarnation <= one.incarnation);
}

/** The evicted sites that have not come back, as far as `held` tells. */
export function goneSites(
  closed: readonly Closed[],
  held: readonly WireCursor[],
): ReadonlyMap<number, Closed> {
  const isBack = ({ site, incarnation }: Closed): boolean =>
    held.some(({ origin }) => origin.site === site && origin.incarnation > incarnation);
  return new Map(closed.filter((one) => !isBack(one)).map((one) => [one.site, one]));
}

/**
 * What the sites that count said. One that is gone counts, as one that holds nothing, until all the others
 * are known to hold its eviction; one that is back, until it says what it holds now.
 */
export function countedReports(
  reports: ReadonlyMap<number, Report>,
  closed: readonly Closed[],
  held: readonly WireCursor[],
): Map<number, readonly WireCursor[]> {
  const gone = goneSites(closed, held);
  const counted = new Map<number, readonly WireCursor[]>();
  for (const [site, { incarnation, cursors }] of reports) {
    if (!gone.has(site)) counted.set(site, isClosed(closed, { site, incarnation }) ? [] : cursors);
  }
  // One that holds nothing of others can have nothing of the closed journals, and knows of no eviction.
  const others = [...counted]
    .filter(([site, cursors]) => !isEmptyHanded(site, cursors))
    .map(([, cursors]) => cursors);
  for (const [site, one] of gone) {
    if (!others.every((cursors) => holds(cursors, one.by))) counted.set(site, []);
  }
  return counted;
}

/** The sites that are not known to hold an entry, of those that count and hold anything of others. */
export function withoutEntry(
  counted: ReadonlyMap<number, readonly WireCursor[]>,
  entry: WireEntry,
): number[] {
  return [...counted]
    .filter(([site, cursors]) => !isEmptyHanded(site, cursors) && !holds(cursors, entry))
    .map(([site]) => site);
}

/** What it said shows that it is on its way back, or new; one that has said nothing may have anything. */
export function isEmptyHanded(site: number, cursors: readonly WireCursor[]): boolean {
  return cursors.length > 0 && cursors.every(({ origin }) => origin.site === site);
}

function holds(cursors: readonly WireCursor[], { lsn, ...origin }: WireEntry): boolean {
  return covers(cursors, [{ origin, lsn, shards: [] }]);
}
