/** A node's peers: the session with each, what comes and goes over it, and what is known of the peer. */
import { type Engine, type ReceiveResult, makeError } from '../bindings';
import type {
  CloseReason,
  PeerCounters as ConduitCounters,
  PeerStatus as HeartbeatStatus,
  Session,
} from './conduit/types';
import type { Config, PeerConfig } from './config';
import type { NodeAudit } from './node-audit';
import type { PeerEvent } from './node-events';
import type { NodeIdMaps } from './node-id-maps';
import type { NodeQuarantine } from './node-quarantine';
import type { NodeRejoin } from './node-rejoin';
import { senderSettings } from './node-settings';
import type { NodeSites } from './node-sites';
import type { JournalStanding } from './node-standing';
import { ORDERLY_ENDS, peerStatusOf } from './node-status';
import { ByteBudget } from './sync/byte-budget';
import type { Closed } from './sync/evictions';
import { SyncPeer } from './sync/peer';
import type { WireOrigin } from './sync/session-port';
import type { Standing } from './sync/site-table';
import type { PeerStatus, RecordedError } from './telemetry/node-status';

/** Over all peers: below what the engine's own queue takes (kReceiveQueueBytesMax, 64 MiB). */
const RECEIVE_BUDGET_BYTES = 48 * 1024 * 1024;

export interface PeerParts {
  readonly config: PeerConfig;
  readonly sync: SyncPeer;
  session: Session | undefined;
  connectedSinceUnixMs: number | undefined;
  lastError: RecordedError | undefined;
}

export interface NodePeersOptions {
  readonly engine: Engine;
  readonly config: Config;
  /** This node's own. */
  readonly origin: WireOrigin;
  readonly audit: NodeAudit;
  readonly idMaps: NodeIdMaps;
  readonly quarantine: NodeQuarantine;
  readonly sites: NodeSites;
  readonly standing: JournalStanding;
  readonly rejoin: NodeRejoin;
  readonly idleCores: () => number;
  /** The other side of a comparison, or of a take-over. */
  readonly answer: (question: Uint8Array) => Promise<Uint8Array>;
  readonly counters: (site: number) => Readonly<ConduitCounters> | undefined;
  readonly onPeer: (event: PeerEvent) => void;
  readonly onApplied: (result: ReceiveResult) => void;
  readonly onError: (peerSite: number, code: string, message: string) => void;
}

export class NodePeers {
  readonly #options: NodePeersOptions;
  readonly #peers: ReadonlyMap<number, PeerParts>;

  constructor(options: NodePeersOptions) {
    this.#options = options;
    const budget = new ByteBudget(RECEIVE_BUDGET_BYTES);
    const { peers } = options.config;
    this.#peers = new Map(peers.map((peer) => [peer.site, this.#makePeer(peer, budget)]));
  }

  get all(): Iterable<PeerParts> {
    return this.#peers.values();
  }

  find(site: number): PeerParts | undefined {
    return this.#peers.get(site);
  }

  /** Throws NotFoundError for a site that is no peer. */
  get(site: number): PeerParts {
    const peer = this.#peers.get(site);
    if (peer !== undefined) return peer;
    const known = [...this.#peers.keys()].join(', ') || 'none';
    throw makeError(
      'CFS_NOT_FOUND',
      `site ${site} is no peer of this node, expected one of: ${known}`,
    );
  }

  status(): PeerStatus[] {
    const { gone } = this.#options.sites;
    return [...this.#peers.values()].map((peer) => this.statusOf(peer, gone));
  }

  /** `gone`: the evicted sites that are not back. */
  statusOf(peer: PeerParts, gone = this.#options.sites.gone): PeerStatus {
    const { config, counters, quarantine } = this.#options;
    return peerStatusOf({
      ...peer,
      isGone: gone.has(peer.config.site),
      counters: counters(peer.config.site),
      heartbeatTimeoutMs: config.conduit.heartbeatTimeoutMs,
      driftLimitMs: quarantine.driftLimitMs(),
      nowUnixMs: Date.now(),
    });
  }

  /** What the next heartbeat to a peer says. */
  heartbeat(site: number): HeartbeatStatus {
    const { engine, audit, sites } = this.#options;
    const { epoch, durableLsn } = engine.status();
    const lag = this.#peers.get(site)?.sync.lag(BigInt(Date.now()) * 1000n);
    const auditHead = audit.headFor(site);
    const standing = sites.tell(site);
    return {
      epoch,
      headLsn: durableLsn,
      oldestUnackedUs: Math.round((lag?.ms ?? 0) * 1000),
      ...(auditHead && { auditHead }),
      ...(standing && { standing }),
    };
  }

  /** Something became durable here. */
  noteDurable(): void {
    for (const { sync } of this.#peers.values()) sync.noteDurable();
  }

  onSession(session: Session): void {
    const { audit, idMaps, rejoin, sites, standing, onPeer, answer } = this.#options;
    const peer = this.get(session.peerSite);
    peer.session = session;
    peer.connectedSinceUnixMs = Date.now();
    const { site, name } = peer.config;
    audit.peerUp(session, name);
    if (sites.isClosed(session.hello.origin)) {
      turnAway(session);
      return;
    }
    if (standing.bars(session)) return;
    sites.sessionUp(site, session.hello);
    const onPeerStatus = ({ auditHead, standing: told }: HeartbeatStatus): void => {
      if (auditHead !== undefined) audit.heard(site, name, auditHead);
      if (told !== undefined) this.#onStanding(peer, told);
    };
    const handlers = peer.sync.attach(session);
    session.attach({
      ...handlers,
      // On the way back nothing is taken yet: it stays with the peer, unacked.
      ...(rejoin.takesFrames ? {} : { onFrame: () => undefined }),
      onPeerStatus,
      onIdMap: idMaps.attach(session, (map) => audit.peerIdMap(site, name, map)),
      onQuestion: answer,
    });
    onPeer({ site, name, up: true });
  }

  onDown(session: Session, reason: CloseReason): void {
    const { audit, sites, standing, onError, onPeer } = this.#options;
    const { code, message, byPeer } = reason;
    if (code === 'diverged' && byPeer) standing.onDiverged(session.peerSite, undefined);
    if (code === 'evicted' && byPeer) standing.onEvicted(session.peerSite);
    const peer = this.get(session.peerSite);
    const { site, name } = peer.config;
    audit.peerDown(session, name, reason);
    if (peer.session === session) {
      peer.session = undefined;
      sites.sessionDown(site);
    }
    peer.connectedSinceUnixMs = undefined;
    if (!ORDERLY_ENDS.has(code)) onError(site, code, message);
    onPeer({ site, name, up: false, code, message });
  }

  /** A site's journals have been closed. */
  onEvicted({ site }: Closed): void {
    const session = this.#peers.get(site)?.session;
    if (session === undefined || !this.#options.sites.isClosed(session.hello.origin)) return;
    turnAway(session);
  }

  /** Resolves when the engine has finished with what came from the peers. */
  async close(): Promise<void> {
    await Promise.all([...this.#peers.values()].map(({ sync }) => sync.close()));
  }

  #makePeer(config: PeerConfig, budget: ByteBudget): PeerParts {
    const { engine, origin, quarantine, sites, standing, ...options } = this.#options;
    const sync = new SyncPeer({
      engine,
      site: config.site,
      origin,
      settings: senderSettings(options.config, config),
      budget,
      nowMs: () => performance.now(),
      ...quarantine.forPeer(config),
      idleCores: options.idleCores,
      unreached: () => sites.unreachedBy(config.site),
      onApplied: options.onApplied,
      onForks: (session, forks) => standing.onForks(session, forks),
      onError: (code, message) => options.onError(config.site, code, message),
    });
    return {
      config,
      sync,
      session: undefined,
      connectedSinceUnixMs: undefined,
      lastError: undefined,
    };
  }

  #onStanding(peer: PeerParts, standing: Standing): void {
    for (const said of this.#options.sites.hear(peer.config.site, standing)) {
      this.get(said.site).sync.noteHeld(said.incarnation, said.cursors);
    }
    peer.sync.noteUnreached();
  }
}

function turnAway(session: Session): void {
  const { site, incarnation } = session.hello.origin;
  session.close(
    'evicted',
    `the journal of site ${site}'s incarnation ${incarnation.toString(16)} was closed by an eviction`,
  );
}
