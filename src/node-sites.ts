/**
 * What a node knows of all sites, put to use: what it tells its peers of it, whom entries are passed on
 * to, what may be forgotten, and whether this site must catch up first.
 */
import type { Engine } from '../bindings';
import { hlcAtUnixMs } from '../bindings/hlc';
import type { PeerHello } from './conduit/types';
import { covers, raised, toWire } from './sync/cursors';
import { Horizon } from './sync/horizon';
import type { WireCursor } from './sync/session-port';
import { SiteTable, type Standing } from './sync/site-table';

const STEP_INTERVAL_MS = 1_000;
/** Between two sweeps of the state; longer for a large one, so that they take a percent of a core. */
const SWEEP_INTERVAL_MS = 10_000;
const SWEEP_INTERVAL_MS_PER_INODE = 0.01;
/** A sweep may pass over what has just been removed. */
const IDLE_SWEEPS = 3;
const MS_PER_MINUTE = 60_000;

export interface NodeSitesOptions {
  readonly engine: Pick<Engine, 'held' | 'forget' | 'status'>;
  readonly site: number;
  readonly peers: readonly number[];
  /** What was removed is remembered so long at least. */
  readonly keepRemovedMinutes: number;
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

  constructor(options: NodeSitesOptions) {
    this.#options = options;
    this.#table = new SiteTable(options.site, options.peers, performance.now());
    for (const { site } of options.engine.held()) this.#table.noteWriter(site);
    this.#timer = setInterval(() => this.#step(performance.now()), STEP_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
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
    this.#table.sessionUp(peer);
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
    return this.#table.tell(peer, performance.now(), () => this.#held());
  }

  /** Gives back what it says of peers of this node. */
  hear(peer: number, standing: Standing): Standing['known'] {
    return this.#table.hear(peer, standing);
  }

  #held(): WireCursor[] {
    return toWire(this.#options.engine.held());
  }

  #step(nowMs: number): void {
    const { engine, keepRemovedMinutes } = this.#options;
    const held = this.#held();
    const horizon = this.#horizon.step(held, this.#table.reports(held));
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
