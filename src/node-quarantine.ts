/**
 * What a node knows and does about clocks: how far stamps may be ahead of its own, and what becomes of
 * peers whose entries are further. The decision itself is sync/quarantine.ts.
 */
import { type EngineStatus, makeError } from '../bindings';
import { hlcToUnixMs } from '../bindings/hlc';
import type { Session } from './conduit/types';
import { DRIFT_LIMIT_MS, type PeerConfig } from './config';
import type { NodeAudit } from './node-audit';
import type { QuarantineEvent } from './node-events';
import type { SyncPeer, SyncPeerOptions } from './sync/peer';
import type { Clocks } from './sync/peer-quarantine';
import type { Log } from './telemetry/log';
import type { ClockStatus } from './telemetry/node-status';

/** One peer of which something is held back. */
export interface QuarantinedPeer {
  readonly site: number;
  readonly name: string;
  readonly frames: number;
  readonly bytes: number;
  /** Whose entries the first frame has: the peer's, or another site's that it passes on. */
  readonly ofSite: number;
  /** The greatest of the first frame, and how far that is ahead of this node's clock. */
  readonly hlc: bigint;
  readonly aheadMs: number;
  /** The peer's clock minus ours; undefined until measured. */
  readonly clockSkewMs: number | undefined;
  readonly sinceUnixMs: number;
}

export interface ReleasedQuarantine {
  readonly site: number;
  readonly name: string;
  /** What the peer sends is accepted up to this HLC. */
  readonly acceptedHlc: bigint;
  /** The same as a time. */
  readonly acceptedUnixMs: number;
}

interface QuarantinePeer {
  readonly config: PeerConfig;
  readonly sync: SyncPeer;
  readonly session: Session | undefined;
}

export interface NodeQuarantineOptions {
  readonly driftLimitMs: number;
  readonly audit: NodeAudit;
  readonly log: Log;
  readonly peers: () => Iterable<QuarantinePeer>;
  /** Throws for a site that is no peer. */
  readonly peer: (site: number) => QuarantinePeer;
  readonly onQuarantine: (event: QuarantineEvent) => void;
}

/** `node.quarantine`. */
export class NodeQuarantine implements Clocks {
  readonly #options: NodeQuarantineOptions;
  #driftLimitMs: number;

  constructor(options: NodeQuarantineOptions) {
    this.#options = options;
    this.#driftLimitMs = options.driftLimitMs;
  }

  /** The peers of which something is held back, as it is stamped too far ahead of this node's clock. */
  list(): QuarantinedPeer[] {
    return [...this.#options.peers()].flatMap(({ config, sync, session }) => {
      const { waiting } = sync.quarantine;
      if (waiting === undefined) return [];
      const { site: ofSite, ...rest } = waiting;
      return [
        { site: config.site, name: config.name, ofSite, ...rest, clockSkewMs: skewMsOf(session) },
      ];
    });
  }

  /**
   * Takes what of a peer is held back, and what it has written by now. Throws NotFoundError for a site
   * that is no peer, and if nothing of it is held back.
   */
  release(peerSite: number): ReleasedQuarantine {
    const { config, sync, session } = this.#options.peer(peerSite);
    const { site, name } = config;
    const acceptedHlc = sync.releaseQuarantine(skewMsOf(session) ?? 0);
    if (acceptedHlc === undefined) {
      throw makeError('CFS_NOT_FOUND', `nothing of site ${site} is in quarantine`);
    }
    return { site, name, acceptedHlc, acceptedUnixMs: hlcToUnixMs(acceptedHlc) };
  }

  /**
   * How far ahead of this node's clock a stamp may be, from now on: `clock.drift_limit_ms`. Throws
   * InvalidArgumentError when it is not 1 to a day.
   */
  setDriftLimit(ms: number): void {
    const { min, max } = DRIFT_LIMIT_MS;
    if (!(ms >= min && ms <= max)) {
      const message = `drift limit: ${ms} ms: expected ${min} to ${max}`;
      throw makeError('CFS_INVALID_ARGUMENT', message);
    }
    this.#driftLimitMs = ms;
    for (const { sync } of this.#options.peers()) sync.noteDriftLimit();
  }

  // ---- for the node

  /** @internal */
  readonly wallUnixMs = (): number => Date.now();
  /** @internal */
  readonly monoMs = (): number => performance.now();
  /** @internal */
  readonly driftLimitMs = (): number => this.#driftLimitMs;

  /** @internal */
  status({ lastHlc }: EngineStatus): ClockStatus {
    const hlcAheadMs = Math.max(0, hlcToUnixMs(lastHlc) - this.wallUnixMs());
    return { driftLimitMs: this.#driftLimitMs, hlcAheadMs };
  }

  /** @internal */
  forPeer({
    site,
    name,
  }: PeerConfig): Pick<SyncPeerOptions, 'clocks' | 'onQuarantine' | 'onQuarantineEnd'> {
    const { audit, log } = this.#options;
    // Later, so that whoever is told may release it at once.
    const tell = (event: QuarantineEvent): void =>
      queueMicrotask(() => this.#options.onQuarantine(event));
    return {
      clocks: this,
      onQuarantine: (held) => {
        const aheadMs = Math.round(held.aheadMs);
        const { site: ofSite, hlcMax } = held.stamp;
        const { driftLimitMs } = held;
        audit.quarantined(site, name, { aheadMs, driftLimitMs, ofSite, hlc: hlcMax });
        log
          .component('sync')
          .warn(
            { peer: name, aheadMs, driftLimitMs, ofSite, hlc: String(hlcMax) },
            `entries of ${name} are held back: stamped ${aheadMs} ms ahead of this node's clock`,
          );
        tell({ site, name, held: true, aheadMs });
      },
      onQuarantineEnd: (released) => {
        audit.quarantineEnded(site, name, released);
        log.component('sync').info({ peer: name, released }, 'entries are held back no longer');
        tell({ site, name, held: false });
      },
    };
  }
}

function skewMsOf(session: Session | undefined): number | undefined {
  const us = session?.health().clockSkewUs;
  return us === undefined ? undefined : us / 1000;
}
