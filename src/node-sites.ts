/**
 * What a node knows of all sites, put to use: what it tells its peers of it, whom entries are passed on
 * to, what may be forgotten, and whether this site must catch up first.
 */
import type { Engine, EngineStatus } from '../bindings';
import { hlcAtUnixMs } from '../bindings/hlc';
import type { PeerHello } from './conduit/types';
import { covers, raised, toWire } from './sync/cursors';
import {
  type Closed,
  countedReports,
  goneSites,
  isClosed,
  isEmptyHanded,
  withoutEntry,
} from './sync/evictions';
import { Horizon } from './sync/horizon';
import type { WireCursor, WireEntry, WireOrigin } from './sync/session-port';
import { SiteTable, type Standing } from './sync/site-table';

const STEP_INTERVAL_MS = 1_000;
/** Between two sweeps of the state; longer for a large one, so that they take a percent of a core. */
const SWEEP_INTERVAL_MS = 10_000;
const SWEEP_INTERVAL_MS_PER_INODE = 0.01;
/** A sweep may pass over what has just been removed. */
const IDLE_SWEEPS = 3;
const MS_PER_MINUTE = 60_000;

export interface NodeSitesOptions {
  readonly engine: Pick<Engine, 'held' | 'forget' | 'setPeers' | 'recordUnheard'> & {
    status(): Pick<EngineStatus, 'evictions' | 'unheard' | 'inodes' | 'lastHlc' | 'forgotten'>;
  };
  /** This node's own origin. */
  readonly origin: WireOrigin;
  readonly peers: readonly number[];
  /** What was removed is remembered so long at least. */
  readonly keepRemovedMinutes: number;
  /** A site's journals were closed since the node was opened. */
  readonly onEvicted: (closed: Closed) => void;
  /** What an evicted site lost without hearing of it is on record: so many changes. */
  readonly onRecorded: (site: number, conflicts: number) => void;
  readonly onError: (error: unknown) => void;
}

export class NodeSites {
  readonly #options: NodeSitesOptions;
  readonly #table: SiteTable;
  readonly #horizon = new Horizon();
  readonly #timer: NodeJS.Timeout;
  #sweptAtMs = -Infinity;
  #sweepTo: WireCursor[] | undefined;
  /** How many sweeps in a row could have found all there was, and found nothing. */
  #idleSweeps = 0;
  #sweptHlc = 0n;
  #forgotten = 0;
  /** What is to be held before anything is written here. */
  #catchUp: readonly WireCursor[] = [];
  #closed: readonly Closed[] = [];
  /** Whom the journal is kept for; undefined before that was said. */
  #keptFor: string | undefined;
  #recording: Promise<void> | undefined;

  constructor(options: NodeSitesOptions) {
    this.#options = options;
    this.#table = new SiteTable(options.origin, options.peers, performance.now());
    for (const { site } of options.engine.held()) this.#table.noteWriter(site);
    this.#closed = options.engine.status().evictions;
    this.#keepForThoseWhoAreHere();
    this.#timer = setInterval(() => this.#step(performance.now()), STEP_INTERVAL_MS);
    this.#timer.unref();
  }

  /** Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#recording;
  }

  /** Why nothing may be written here yet; undefined when it may. */
  get refusal(): string | undefined {
    if (this.#catchUp.length === 0) return undefined;
    const held = this.#held();
    if (covers(held, this.#catchUp)) {
      this.#catchUp = [];
      return undefined;
    }
    const missing = this.#catchUp.filter((cursor) => !covers(held, [cursor]));
    return (
      'this site lacks entries from before what the others have forgotten, and may not write before it ' +
      `has them: LSN ${missing.map(({ origin, lsn }) => `${lsn} of site ${origin.site}`).join(', ')}`
    );
  }

  sessionUp(peer: number, hello: PeerHello): void {
    this.#table.sessionUp(peer, hello.origin.incarnation);
    // A site that is new, or was put back to an older copy. What it wrote now of what is gone elsewhere
    // could not be told from a change of something that never was.
    if (covers(this.#held(), hello.forgotten)) return;
    this.#catchUp = raised(this.#catchUp, hello.cursors);
  }

  sessionDown(peer: number): void {
    this.#table.sessionDown(peer, performance.now());
  }

  noteWriter(site: number): void {
    this.#table.noteWriter(site);
  }

  unreachedBy(peer: number): ReadonlySet<number> {
    return this.#table.unreachedBy(peer);
  }

  tell(peer: number): Standing | undefined {
    return this.#table.tell(
      peer,
      performance.now(),
      () => this.#held(),
      (held) => this.#counted(held),
    );
  }

  /** Gives back what it says of peers of this node. */
  hear(peer: number, standing: Standing): Standing['known'] {
    return this.#table.hear(peer, standing).filter((known) => !isClosed(this.#closed, known));
  }

  // ---- eviction

  /** Sites whose journals were closed. */
  get closed(): readonly Closed[] {
    return this.#closed;
  }

  /** The closed sites that have not come back. */
  get gone(): ReadonlySet<number> {
    return new Set(goneSites(this.#closed, this.#held()).keys());
  }

  isClosed(origin: WireOrigin): boolean {
    return isClosed(this.#closed, origin);
  }

  isUp(peer: number): boolean {
    return this.#table.isUp(peer);
  }

  /** Undefined for a site that was never heard of; 0 as its incarnation if only the configuration knows it. */
  latestOf(site: number): WireOrigin | undefined {
    const report = this.#table.reports(this.#held()).get(site);
    if (report === undefined) return undefined;
    const latest = (a: bigint, { origin }: WireCursor): bigint =>
      origin.site === site && origin.incarnation > a ? origin.incarnation : a;
    return { site, incarnation: this.#held().reduce(latest, report.incarnation) };
  }

  /** The sites that are here and not known to hold an entry. */
  without(entry: WireEntry): number[] {
    return withoutEntry(this.#ofThoseWhoAreHere(this.#held()), entry);
  }

  /**
   * For a site that comes back with `entry`, which closes its old journals: the sites that are not known to
   * hold it, of those that `primary` tells of; or else `primary`, while it lacks anything of the old
   * journals that another has. Nobody when it may be taken over from.
   */
  notReady(primary: number, entry: WireEntry): number[] {
    const counted = this.#seenFrom(primary);
    if (!counted.has(primary)) return [primary];
    const missing = withoutEntry(counted, entry);
    if (missing.length > 0) return missing;
    const old = [...counted.values()]
      .flat()
      .filter(({ origin }) => origin.site === entry.site && origin.incarnation < entry.incarnation);
    return covers(this.reportOf(primary), old) ? [] : [primary];
  }

  /** What `primary` said last that it holds. */
  reportOf(primary: number): readonly WireCursor[] {
    return this.#seenFrom(primary).get(primary) ?? [];
  }

  /**
   * The sites that do not hold all of `cursors`, of those that `primary` tells of. What they lack they could
   * not get from who took over from the primary, if that died: such a one has no journal of it.
   */
  lacking(primary: number, cursors: readonly WireCursor[]): number[] {
    return [...this.#seenFrom(primary)]
      .filter(([site, held]) => !isEmptyHanded(site, held) && !covers(held, cursors))
      .map(([site]) => site);
  }

  /** The other sites that count for one that takes over from `primary`, with what each said. */
  #seenFrom(primary: number): Map<number, readonly WireCursor[]> {
    const told = new Set(this.#table.toldBy(primary));
    if (told.size === 0) return new Map();
    for (const peer of this.#options.peers) if (this.#table.isUp(peer)) told.add(peer);
    told.delete(this.#options.origin.site);
    const reports = this.#table.reports(this.#held());
    return new Map([...told].map((site) => [site, reports.get(site)?.cursors ?? []]));
  }

  /** Looks for sites whose journals have been closed since it was last called. Every second, too. */
  look(): void {
    const { engine, onEvicted } = this.#options;
    const before = this.#closed;
    this.#closed = engine.status().evictions;
    for (const closed of this.#closed) if (!isClosed(before, closed)) onEvicted(closed);
    this.#keepForThoseWhoAreHere();
  }

  #held(): WireCursor[] {
    return toWire(this.#options.engine.held());
  }

  /** One evicted site at a time: what it lost without hearing of it, once all of its journals is here. */
  #recordUnheard(): void {
    const { engine, onRecorded, onError } = this.#options;
    if (this.#recording !== undefined) return;
    const { unheard } = engine.status();
    const closed = this.#closed.find((one) => unheard.includes(one.site) && this.#hasAllOf(one));
    if (closed === undefined) return;
    this.#recording = engine
      .recordUnheard(closed.site)
      .then((conflicts) => onRecorded(closed.site, conflicts))
      .catch(onError)
      .finally(() => (this.#recording = undefined));
  }

  /** All that any site will ever hold of the closed journals. */
  #hasAllOf({ site, incarnation, by }: Closed): boolean {
    const held = this.#held();
    const reports = this.#ofThoseWhoAreHere(held);
    if (withoutEntry(reports, by).some((one) => one !== site)) return false;
    const known = [...reports.values()].flat();
    return covers(
      held,
      known.filter(({ origin }) => origin.site === site && origin.incarnation <= incarnation),
    );
  }

  #keepForThoseWhoAreHere(): void {
    const { engine, peers } = this.#options;
    const { gone } = this;
    const keptFor = peers.filter((peer) => !gone.has(peer));
    if (keptFor.join() === this.#keptFor) return;
    this.#keptFor = keptFor.join();
    engine.setPeers(keptFor);
  }

  #ofThoseWhoAreHere(held: readonly WireCursor[]): Map<number, readonly WireCursor[]> {
    const gone = goneSites(this.#closed, held);
    return new Map([...this.#counted(held)].filter(([site]) => !gone.has(site)));
  }

  #counted(held: readonly WireCursor[]): Map<number, readonly WireCursor[]> {
    return countedReports(this.#table.reports(held), this.#closed, held);
  }

  #step(nowMs: number): void {
    const { engine, keepRemovedMinutes } = this.#options;
    this.look();
    this.#recordUnheard();
    const held = this.#held();
    const horizon = this.#horizon.step(held, this.#counted(held));
    if (horizon !== undefined) this.#sweepTo = horizon;
    const { inodes, lastHlc, forgotten } = engine.status();
    const dueMs = Math.max(SWEEP_INTERVAL_MS, inodes * SWEEP_INTERVAL_MS_PER_INODE);
    if (this.#sweepTo === undefined || nowMs - this.#sweptAtMs < dueMs) return;
    const before = hlcAtUnixMs(Date.now() - keepRemovedMinutes * MS_PER_MINUTE);
    if (lastHlc !== this.#sweptHlc || forgotten !== this.#forgotten) this.#idleSweeps = 0;
    if (this.#idleSweeps === IDLE_SWEEPS) return;
    if (before > lastHlc && covers(this.#sweepTo, held)) this.#idleSweeps++;
    this.#sweptHlc = lastHlc;
    this.#forgotten = forgotten;
    this.#sweptAtMs = nowMs;
    const cursors = this.#sweepTo.map(({ origin, lsn }) => ({ ...origin, lsn, shards: [] }));
    engine.forget(cursors, before);
  }
}
