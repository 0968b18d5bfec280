/**
 * Sites that the others go on without: what operators and embedders do about a site that does not come
 * back, and what is known of it.
 */
import { type Engine, type EngineStatus, makeError } from '../bindings';
import { hlcToUnixMs, incarnationAtUnixMs } from '../bindings/hlc';
import type { NodeSites } from './node-sites';
import type { Closed } from './sync/evictions';
import type { EvictionStatus } from './telemetry/node-status';

export interface Evicted {
  readonly site: number;
  /** Its journals are closed up to and including this. */
  readonly incarnation: bigint;
  /** The entry that says so, durable here. */
  readonly lsn: bigint;
  /** Sites that are not known to have heard of it yet. */
  readonly waitingFor: readonly number[];
}

export interface NodeEvictionsOptions {
  readonly engine: Pick<Engine, 'evict'> & { status(): Pick<EngineStatus, 'evictions'> };
  readonly site: number;
  readonly sites: NodeSites;
  /** Why nothing may be written here; undefined if it may. */
  readonly refused: () => Error | undefined;
}

export class NodeEvictions {
  readonly #options: NodeEvictionsOptions;

  /** @internal */
  constructor(options: NodeEvictionsOptions) {
    this.#options = options;
  }

  /** By site, those that came back included. */
  list(): EvictionStatus[] {
    const { engine, sites } = this.#options;
    const { gone } = sites;
    return engine.status().evictions.map(({ site, incarnation, by }) => ({
      site,
      incarnation,
      bySite: by.site,
      unixMs: hlcToUnixMs(by.hlc),
      gone: gone.has(site),
      waitingFor: gone.has(site) ? sites.without(by) : [],
    }));
  }

  /**
   * Closes a site's journals, here and at every site that hears of it: nothing is taken from it, kept for
   * it, or remembered for its sake any more, until it comes back as a new incarnation with
   * `Node.rejoin`. What it had sent to anybody stays. Resolves when that is durable here.
   *
   * Rejects with InvalidArgumentError for this node's own site and, unless `force`, for one that is
   * connected; NotFoundError for a site that was never heard of; ExistsError for one that is gone.
   */
  async evict(site: number, options: { readonly force?: boolean } = {}): Promise<Evicted> {
    const { engine, sites, refused } = this.#options;
    const refusal = refused();
    if (refusal !== undefined) throw refusal;
    const incarnation = this.#incarnationOf(site);
    if (sites.isUp(site) && options.force !== true) {
      const message = `site ${site} is connected: stop its agent first, or force it`;
      throw makeError('CFS_INVALID_ARGUMENT', message);
    }
    const lsn = await engine.evict(site, incarnation);
    sites.look();
    const { by } = sites.closed.find((one) => one.site === site) as Closed;
    return { site, incarnation, lsn, waitingFor: sites.without(by) };
  }

  #incarnationOf(site: number): bigint {
    const { sites, site: own } = this.#options;
    if (site === own) {
      const message = `site: ${site} is this node's own, expected another to evict`;
      throw makeError('CFS_INVALID_ARGUMENT', message);
    }
    const latest = sites.latestOf(site);
    if (latest === undefined) {
      throw makeError(
        'CFS_NOT_FOUND',
        `site ${site} is no peer of this node, and has written nothing`,
      );
    }
    if (sites.isClosed(latest) && sites.gone.has(site)) {
      throw makeError('CFS_EXISTS', `site ${site} was evicted already`);
    }
    // One that was only ever configured: whatever it was until now.
    return latest.incarnation > 0n ? latest.incarnation : incarnationAtUnixMs(Date.now());
  }
}
