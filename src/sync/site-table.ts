/**
 * Who talks to whom, and who holds what, as far as is known here.
 *
 * Nodes tell each other now and then, so that each knows what to pass on to a peer that does not talk to
 * the site it comes from, and from when on every site has seen something. A chain of sites works by it,
 * and so does a mesh of which a part has died.
 */
import type { WireCursor } from './session-port';

/** What one node tells another. */
export interface Standing {
  readonly reached: readonly number[];
  readonly known: readonly { readonly site: number; readonly cursors: readonly WireCursor[] }[];
}

const TELL_INTERVAL_MS = 1000;
/** A session that ended so lately may come back before it is worth passing things on. */
const REACHED_GRACE_MS = 2000;
/** Of all sites together, told in one message. Beyond it only one's own are. */
const CURSORS_TOLD_MAX = 2048;

const NO_SITES: ReadonlySet<number> = new Set();

interface PeerRow {
  up: boolean;
  downSinceMs: number;
  toldAtMs: number;
  /** What the peer reaches; undefined until it says so. */
  reached: ReadonlySet<number> | undefined;
}

/** Time is passed in: monotonic milliseconds. */
export class SiteTable {
  readonly #site: number;
  readonly #startedMs: number;
  readonly #peers: ReadonlyMap<number, PeerRow>;
  /** Sites, this one left out, that have written anything. */
  readonly #writers = new Set<number>();
  /** What others said of sites that are neither peers nor this one. */
  readonly #heard = new Map<number, WireCursor[]>();

  constructor(site: number, peers: readonly number[], nowMs: number) {
    this.#site = site;
    this.#startedMs = nowMs;
    this.#peers = new Map(
      peers.map((peer) => [
        peer,
        { up: false, downSinceMs: nowMs, toldAtMs: -Infinity, reached: undefined },
      ]),
    );
  }

  sessionUp(peer: number): void {
    const row = this.#peers.get(peer);
    if (row === undefined) return;
    row.up = true;
    row.toldAtMs = -Infinity;
    row.reached = undefined;
  }

  sessionDown(peer: number, nowMs: number): void {
    const row = this.#peers.get(peer);
    if (row === undefined || !row.up) return;
    row.up = false;
    row.downSinceMs = nowMs;
  }

  /** Something of that site's journals is held here. */
  noteWriter(site: number): void {
    if (site !== this.#site) this.#writers.add(site);
  }

  /** What `peer` is to be told now, if it is time. `heldBy` answers for this site and its peers. */
  tell(
    peer: number,
    nowMs: number,
    heldBy: (site: number) => readonly WireCursor[],
  ): Standing | undefined {
    const row = this.#peers.get(peer);
    if (row === undefined || nowMs - row.toldAtMs < TELL_INTERVAL_MS) return undefined;
    // Just started: that nobody is reached yet says nothing.
    if (nowMs - this.#startedMs < REACHED_GRACE_MS) return undefined;
    row.toldAtMs = nowMs;
    const own = { site: this.#site, cursors: heldBy(this.#site) };
    const others = this.#sites().map((site) => ({
      site,
      cursors: this.#peers.has(site) ? heldBy(site) : (this.#heard.get(site) ?? []),
    }));
    const count = others.reduce((sum, { cursors }) => sum + cursors.length, own.cursors.length);
    return {
      reached: this.#reached(nowMs),
      known: count > CURSORS_TOLD_MAX ? [own] : [own, ...others],
    };
  }

  /** Gives back what the standing says of peers of this node, to be noted as their acks are. */
  hear(peer: number, standing: Standing): { site: number; cursors: readonly WireCursor[] }[] {
    const row = this.#peers.get(peer);
    if (row === undefined) return [];
    row.reached = new Set(standing.reached);
    const ofPeers: { site: number; cursors: readonly WireCursor[] }[] = [];
    for (const { site, cursors } of standing.known) {
      if (site === this.#site) continue;
      if (this.#peers.has(site)) ofPeers.push({ site, cursors });
      else this.#heard.set(site, raised(this.#heard.get(site) ?? [], cursors));
    }
    return ofPeers;
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

  #reached(nowMs: number): number[] {
    return [...this.#peers]
      .filter(([, { up, downSinceMs }]) => up || nowMs - downSinceMs < REACHED_GRACE_MS)
      .map(([site]) => site);
  }

  #sites(): number[] {
    return [...this.#peers.keys(), ...this.#heard.keys()];
  }
}

/** The greater of each. */
function raised(a: readonly WireCursor[], b: readonly WireCursor[]): WireCursor[] {
  const result = new Map<string, WireCursor>();
  for (const cursor of [...a, ...b]) {
    const { site, incarnation } = cursor.origin;
    const key = `${site}:${incarnation}`;
    const known = result.get(key);
    if (known === undefined || known.lsn < cursor.lsn) result.set(key, cursor);
  }
  return [...result.values()];
}
