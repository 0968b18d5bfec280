/**
 * Who talks to whom, and who holds what, as far as is known here.
 *
 * Nodes tell each other now and then, so that each knows what to pass on to a peer that does not talk to
 * the site it comes from, and from when on every site has seen something. A chain of sites works by it,
 * and so does a mesh of which a part has died.
 */
import { raised } from './cursors';
import type { Report } from './evictions';
import type { WireCursor, WireOrigin } from './session-port';

/** What one node tells another. */
export interface Standing {
  readonly reached: readonly number[];
  readonly known: readonly (Report & { readonly site: number })[];
}

const TELL_INTERVAL_MS = 1000;
/** A session that ended so lately may come back before it is worth passing things on. */
const REACHED_GRACE_MS = 2000;
/** Of all sites together, told in one message. Beyond it only one's own are. */
const CURSORS_TOLD_MAX = 2048;

const NO_SITES: ReadonlySet<number> = new Set();
const NO_REPORT: Report = { incarnation: 0n, cursors: [] };

interface PeerRow {
  up: boolean;
  downSinceMs: number;
  toldAtMs: number;
  /** What the peer reaches; undefined until it says so. */
  reached: ReadonlySet<number> | undefined;
  /** Of which sites it told in this session, itself among them. */
  told: readonly number[];
}

/** Time is passed in: monotonic milliseconds. */
export class SiteTable {
  readonly #own: WireOrigin;
  readonly #startedMs: number;
  readonly #peers: ReadonlyMap<number, PeerRow>;
  /** Sites, this one left out, that have written anything. */
  readonly #writers = new Set<number>();
  /** What every other site held at one moment, by its own word, however it came here. */
  readonly #reports = new Map<number, Report>();

  constructor(own: WireOrigin, peers: readonly number[], nowMs: number) {
    this.#own = own;
    this.#startedMs = nowMs;
    this.#peers = new Map(
      peers.map((peer) => [
        peer,
        { up: false, downSinceMs: nowMs, toldAtMs: -Infinity, reached: undefined, told: [] },
      ]),
    );
    for (const peer of peers) this.#reports.set(peer, NO_REPORT);
  }

  sessionUp(peer: number, incarnation: bigint): void {
    const row = this.#peers.get(peer);
    if (row === undefined) return;
    this.#note(peer, { incarnation, cursors: [] });
    row.up = true;
    row.toldAtMs = -Infinity;
    row.reached = undefined;
    row.told = [];
  }

  sessionDown(peer: number, nowMs: number): void {
    const row = this.#peers.get(peer);
    if (row === undefined || !row.up) return;
    row.up = false;
    row.downSinceMs = nowMs;
  }

  /** Something of that site's journals is held here. */
  noteWriter(site: number): void {
    if (site !== this.#own.site) this.#writers.add(site);
  }

  /**
   * What `peer` is to be told now, if it is time: it asks for the rest only then. `held`: what is durable
   * here; `counted`: the sites that count for one who holds that, all by default.
   */
  tell(
    peer: number,
    nowMs: number,
    held: () => readonly WireCursor[],
    counted?: (held: readonly WireCursor[]) => Pick<ReadonlySet<number>, 'has'>,
  ): Standing | undefined {
    const row = this.#peers.get(peer);
    if (row === undefined || nowMs - row.toldAtMs < TELL_INTERVAL_MS) return undefined;
    // Just started: that nobody is reached yet says nothing.
    if (nowMs - this.#startedMs < REACHED_GRACE_MS) return undefined;
    row.toldAtMs = nowMs;
    const own = { ...this.#own, cursors: held() };
    const who = counted?.(own.cursors) ?? this.#reports;
    const others = [...this.#reports]
      .filter(([site]) => who.has(site))
      .map(([site, report]) => ({ site, ...report }));
    const count = others.reduce((sum, { cursors }) => sum + cursors.length, own.cursors.length);
    return {
      reached: this.#reached(nowMs),
      known: count > CURSORS_TOLD_MAX ? [own] : [own, ...others],
    };
  }

  /** Gives back what the standing says of peers of this node, to be noted as their acks are. */
  hear(peer: number, standing: Standing): Standing['known'] {
    const row = this.#peers.get(peer);
    if (row === undefined) return [];
    row.reached = new Set(standing.reached);
    row.told = standing.known.map(({ site }) => site);
    const others = standing.known.filter(({ site }) => site !== this.#own.site);
    for (const { site, ...report } of others) this.#note(site, report);
    return others.filter(({ site }) => this.#peers.has(site));
  }

  /** What each site held at some moment, of all sites there are; of one that has not said so, nothing. */
  reports(held: readonly WireCursor[]): Map<number, Report> {
    const { site: own, incarnation } = this.#own;
    const reports = new Map(this.#reports).set(own, { incarnation, cursors: held });
    for (const site of this.#writers) if (!reports.has(site)) reports.set(site, NO_REPORT);
    return reports;
  }

  /** Of which sites that count a peer told in the session that is up; none until it does. */
  toldBy(peer: number): readonly number[] {
    const row = this.#peers.get(peer);
    return row?.up === true ? row.told : [];
  }

  isUp(peer: number): boolean {
    return this.#peers.get(peer)?.up === true;
  }

  /**
   * Sites whose journals `peer` does not get from themselves. None while it has not said whom it
   * reaches.
   */
  unreachedBy(peer: number): ReadonlySet<number> {
    const reached = this.#peers.get(peer)?.reached;
    if (reached === undefined) return NO_SITES;
    const sites = new Set<number>();
    for (const site of this.#writers) if (site !== peer && !reached.has(site)) sites.add(site);
    return sites;
  }

  #note(site: number, report: Report): void {
    const heard = { incarnation: incarnationOf(site, report), cursors: report.cursors };
    this.#reports.set(site, later(this.#reports.get(site) ?? NO_REPORT, heard));
  }

  #reached(nowMs: number): number[] {
    return [...this.#peers]
      .filter(([, { up, downSinceMs }]) => up || nowMs - downSinceMs < REACHED_GRACE_MS)
      .map(([site]) => site);
  }
}

/** A data directory that was put back to an older copy holds less than it did, as a new incarnation. */
function later(a: Report, b: Report): Report {
  if (a.incarnation !== b.incarnation) return a.incarnation > b.incarnation ? a : b;
  return { incarnation: a.incarnation, cursors: raised(a.cursors, b.cursors) };
}

/** By a version that does not say it: the latest of its site's that it held itself. */
function incarnationOf(site: number, { incarnation, cursors }: Report): bigint {
  if (incarnation > 0n) return incarnation;
  return cursors.reduce(
    (latest, { origin }) =>
      origin.site === site && origin.incarnation > latest ? origin.incarnation : latest,
    0n,
  );
}
