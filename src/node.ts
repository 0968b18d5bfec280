/**
 * One node: an engine, a conduit and what keeps them in step. The only file that knows all the parts;
 * what starts and stops, and in which order, is here.
 *
 * Start: certificates are checked, the engine opens and recovers, the conduit listens and dials. Stop:
 * sessions drain, frames in the engine finish, the engine checkpoints and closes.
 */
import {
  type Engine,
  type EngineStatus,
  type OriginCursor,
  type ReceiveResult,
  makeError,
  peekFrame,
  verifyControl,
} from '../bindings';
import { type Conduit, openConduit } from './conduit/conduit';
import type {
  CloseReason,
  LocalStatus,
  PeerStatus as HeartbeatStatus,
  Session,
} from './conduit/types';
import { type Config, type PeerConfig, type TakenOver, takeOver } from './config';
import { ConflictLedger } from './conflicts/ledger';
import type { ConfigActor, NodeAudit } from './node-audit';
import {
  type CompareRunOptions,
  type ConsistencyReport,
  NodeConsistency,
  type ResyncOptions,
} from './node-consistency';
import { NodeErrors } from './node-errors';
import { NodeIdMaps } from './node-id-maps';
import { NodeJournal } from './node-journal';
import { NodeQuarantine } from './node-quarantine';
import { conduitSettings, senderSettings } from './node-settings';
import { NodeSites } from './node-sites';
import { JournalStanding } from './node-standing';
import {
  type NodeHealth,
  ORDERLY_ENDS,
  codeOf,
  judgeNode,
  messageOf,
  peerStatusOf,
} from './node-status';
import { siteIdentityOf } from './security/identity';
import type { loadTlsMaterial } from './security/tls-material';
import { ByteBudget } from './sync/byte-budget';
import { toWire } from './sync/cursors';
import { JournalCollector } from './sync/journal-collector';
import { JournalWatch } from './sync/journal-watch';
import { SyncPeer, heldForWire } from './sync/peer';
import type { Standing } from './sync/site-table';
import { CpuMeter } from './telemetry/cpu-meter';
import type { Log } from './telemetry/log';
import { NodeMetrics } from './telemetry/metrics';
import type { NodeStatus, PeerStatus, RecordedError } from './telemetry/node-status';
import { softwareVersion } from './telemetry/version';

/** Over all peers: below what the engine's own queue takes (kReceiveQueueBytesMax, 64 MiB). */
const RECEIVE_BUDGET_BYTES = 48 * 1024 * 1024;
const COLLECT_INTERVAL_MS = 10_000;
const WATCH_INTERVAL_MS = 1_000;
const CONFLICTS_INTERVAL_MS = 100;
const DRAIN_MS = 3_000;

interface PeerParts {
  readonly config: PeerConfig;
  readonly sync: SyncPeer;
  session: Session | undefined;
  connectedSinceUnixMs: number | undefined;
  lastError: RecordedError | undefined;
}

export class Node extends NodeJournal {
  readonly log: Log;
  readonly metrics: NodeMetrics;
  /** @internal What happens goes into the trail by this. */
  readonly audit: NodeAudit;
  /** Concurrent changes that lost, of all sites. */
  readonly conflicts: ConflictLedger;
  /** @internal Whose ids are which. */
  readonly idMaps: NodeIdMaps;
  /** What of the peers is held back, as it is stamped too far in the future. */
  readonly quarantine: NodeQuarantine;
  readonly #engine: Engine;
  readonly #origin: { site: number; incarnation: bigint };
  readonly #peers: ReadonlyMap<number, PeerParts>;
  readonly #consistency: NodeConsistency;
  readonly #collector: JournalCollector;
  readonly #watch: JournalWatch;
  readonly #sites: NodeSites;
  readonly #cpu = new CpuMeter();
  readonly #startedUnixMs = Date.now();
  readonly #errors: NodeErrors;
  #config: Config;
  #conduit: Conduit | undefined;
  readonly #standing: JournalStanding;
  #closing: Promise<void> | undefined;

  /** @internal Use `open`. Engine and audit become the node's. */
  constructor(config: Config, engine: Engine, audit: NodeAudit, log: Log) {
    super(engine);
    this.#config = config;
    this.audit = audit;
    this.log = log;
    this.#engine = engine;
    this.#errors = new NodeErrors(audit, log);
    this.#origin = engine.status().origin;
    const onError = (error: unknown): void =>
      this.#noteError(undefined, codeOf(error), messageOf(error));
    this.#standing = new JournalStanding({
      engine,
      dataDir: config.dataDir,
      origin: this.#origin,
      onTrouble: (peerSite, code, message) => {
        this.#peer(peerSite).sync.counters.refused(code);
        this.#noteError(peerSite, code, message);
      },
      onError,
    });
    this.idMaps = new NodeIdMaps({ engine, config, onError });
    this.conflicts = new ConflictLedger({
      engine,
      intervalMs: CONFLICTS_INTERVAL_MS,
      onConflict: (conflict) => this.emit('conflict', conflict),
      isHeard: () => this.listenerCount('conflict') > 0,
      onError,
      refused: () => this.refused(),
    });
    this.quarantine = new NodeQuarantine({
      driftLimitMs: config.clock.driftLimitMs,
      audit,
      log,
      peers: () => this.#peers.values(),
      peer: (site) => this.#peer(site),
      onQuarantine: (event) => this.emit('quarantine', event),
    });
    this.#consistency = new NodeConsistency({
      engine,
      audit,
      session: (site) => this.#peer(site).session,
      refusal: () => this.#standing.refusal,
    });
    const budget = new ByteBudget(RECEIVE_BUDGET_BYTES);
    const peerSites = config.peers.map((peer) => peer.site);
    engine.setPeers(peerSites);
    this.#sites = new NodeSites({
      engine,
      site: config.site.id,
      peers: peerSites,
      keepRemovedMinutes: config.state.keepRemovedMinutes,
    });
    this.#peers = new Map(config.peers.map((peer) => [peer.site, this.#makePeer(peer, budget)]));
    this.#collector = new JournalCollector({
      engine,
      intervalMs: COLLECT_INTERVAL_MS,
      onCollected: (result) => log.component('journal').info(result, 'collected journal'),
      onError,
    });
    this.#watch = new JournalWatch({
      status: () => engine.status(),
      intervalMs: WATCH_INTERVAL_MS,
      onTrouble: (code, message) => {
        audit.journalTrouble(code, message);
        this.#noteError(undefined, code, message);
      },
      onRoom: () => {
        audit.journalHasRoom();
        log.component('journal').info('the disk has space again');
      },
    });
    this.metrics = new NodeMetrics(() => this.status());
  }

  /** @internal */
  async start(tls: ReturnType<typeof loadTlsMaterial>): Promise<void> {
    this.#engine.onDurable(() => {
      for (const { sync } of this.#peers.values()) sync.noteDurable();
    });
    try {
      const conduit = await openConduit({
        ...conduitSettings(this.config, softwareVersion()),
        tls,
        status: () => this.#handshakeStatus(),
        peerStatus: (site) => this.#heartbeatStatus(site),
        peekFrame,
        verifyControl,
        identityOf: (certificate) => siteIdentityOf(certificate, new Date()),
        log: this.log.component('conduit'),
      });
      // Sessions need a handshake, so none can have come up in between.
      conduit.on('session', (session) => this.#onSession(session));
      conduit.on('down', (session, reason) => this.#onDown(session, reason));
      conduit.on('refused', (refused) => this.audit.refused(refused));
      this.#conduit = conduit;
    } catch (error) {
      await this.#stopParts();
      throw error;
    }
    this.audit.started(this.#engine.status(), softwareVersion());
    const { host, port } = this.listening ?? { host: '', port: 0 };
    const { lastLsn, ioBackend } = this.#engine.status();
    this.log
      .component('node')
      .info({ host, port, lastLsn: String(lastLsn), io: ioBackend }, 'node is open');
  }

  /** What is in force. */
  get config(): Config {
    return this.#config;
  }

  /**
   * Takes over the live keys of a configuration, as `loadConfig` and `parseConfig` give it, and says
   * which; the others keep what the node was opened with.
   */
  reload(next: Config, by: ConfigActor = 'program'): TakenOver {
    const taken = takeOver(this.#config, next);
    const { config } = taken;
    if (config.log.level !== this.#config.log.level) this.log.setLevel(config.log.level);
    this.#config = config;
    this.audit.configReloaded(by, taken);
    this.idMaps.configure(config);
    this.quarantine.setDriftLimit(config.clock.driftLimitMs);
    return taken;
  }

  /** Where peers connect; undefined before and after. */
  get listening(): { readonly host: string; readonly port: number } | undefined {
    return this.#closing === undefined ? this.#conduit?.endpoint : undefined;
  }

  // ---- comparing

  /**
   * Compares this node's state with a peer's. Equal, also under writes: whatever differs is of entries that
   * one of them does not hold yet. Rejects with ClosedError when the peer is not connected or `signal`
   * aborts, NotFoundError for a site that is no peer, BusyError when it does not answer.
   */
  consistencyCheck(peer: number, options: CompareRunOptions = {}): Promise<ConsistencyReport> {
    return this.#consistency.check(peer, options);
  }

  /**
   * Makes what really differs as the peer has it: of two stamps the greater is taken, so where this node
   * has it the peer is to be mended; of two values under one stamp, the peer's is taken. Durable
   * when it resolves. Rejects as `consistencyCheck`, and as an append when nothing can be written.
   */
  resync(peer: number, options: ResyncOptions = {}): Promise<ConsistencyReport> {
    return this.#consistency.resync(peer, options);
  }

  // ---- peers

  /** What is known to be durable at a peer, of every origin. Throws for a site that is no peer. */
  cursor(peer: number): OriginCursor[] {
    return this.#peer(peer).sync.held();
  }

  /** Resolves when `lsn` of this node's journal is durable at `peer`; rejects when the node closes. */
  waitFor(peer: number, lsn: bigint): Promise<void> {
    return this.#peer(peer).sync.waitFor(lsn);
  }

  /** How a peer is doing; of this node's own site: how its journal is. */
  siteHealth(site: number): { state: NodeHealth['state']; detail: string } {
    if (site !== this.config.site.id) {
      const { health, detail } = this.#peerStatus(this.#peer(site));
      return { state: health, detail };
    }
    const [{ state, detail }] = judgeNode(this.status()).checks;
    return { state, detail };
  }

  /** This node and its peers, each with a word and a reason; the whole is as bad as its worst part. */
  health(): NodeHealth {
    return judgeNode(this.status());
  }

  /** Everything this node knows of itself at this moment. Costs some tens of microseconds. */
  status(): NodeStatus {
    const { config } = this;
    const engine = this.#engineStatus();
    return {
      site: config.site.id,
      name: config.site.name,
      clusterUuid: config.cluster.uuid,
      clusterName: config.cluster.name,
      version: softwareVersion(),
      dataDir: config.dataDir,
      listening: this.listening,
      startedUnixMs: this.#startedUnixMs,
      unixMs: Date.now(),
      engine,
      clock: this.quarantine.status(engine),
      peers: [...this.#peers.values()].map((peer) => this.#peerStatus(peer)),
      audit: this.audit.status,
      strangersRefused: this.#conduit?.refusals() ?? new Map<string, number>(),
      recentErrors: this.#errors.recent,
    };
  }

  /**
   * Stops: tails end, sessions drain, what was received is made durable, the engine checkpoints.
   * Resolves when nothing of the node is left. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  // ---- inside

  async #close(): Promise<void> {
    this.endTails();
    await this.#stopParts();
    // While the engine still has the data directory locked.
    await this.idMaps.close();
    await this.audit.close();
    await this.#engine.close({ checkpoint: true });
    this.log.component('node').info('node is closed');
  }

  /** Everything but the engine. */
  async #stopParts(): Promise<void> {
    this.#watch.stop();
    this.#sites.stop();
    this.conflicts.stop();
    await this.#collector.stop();
    await this.#conduit?.close({ drainMs: DRAIN_MS });
    await Promise.all([...this.#peers.values()].map(({ sync }) => sync.close()));
    this.metrics.close();
  }

  #makePeer(config: PeerConfig, budget: ByteBudget): PeerParts {
    const sync = new SyncPeer({
      engine: this.#engine,
      site: config.site,
      origin: this.#origin,
      settings: senderSettings(this.config, config),
      budget,
      nowMs: () => performance.now(),
      ...this.quarantine.forPeer(config),
      idleCores: () => this.#cpu.idleCores(),
      unreached: () => this.#sites.unreachedBy(config.site),
      onApplied: (result) => this.#onApplied(result),
      onForks: (session, forks) => this.#standing.onForks(session, forks),
      onError: (code, message) => this.#noteError(config.site, code, message),
    });
    return {
      config,
      sync,
      session: undefined,
      connectedSinceUnixMs: undefined,
      lastError: undefined,
    };
  }

  #peer(site: number): PeerParts {
    const peer = this.#peers.get(site);
    if (peer !== undefined) return peer;
    const known = [...this.#peers.keys()].join(', ') || 'none';
    throw makeError(
      'CFS_NOT_FOUND',
      `site ${site} is no peer of this node, expected one of: ${known}`,
    );
  }

  /** Why nothing may be written here; undefined if it may. */
  protected override refused(): Error | undefined {
    const { refusal } = this.#standing;
    if (refusal !== undefined) return makeError('CFS_STOPPED', refusal);
    const behind = this.#sites.refusal;
    return behind === undefined ? undefined : makeError('CFS_CATCHING_UP', behind);
  }

  #engineStatus(): EngineStatus {
    const status = this.#engine.status();
    const { refusal } = this.#standing;
    if (refusal === undefined || status.stopped !== undefined) return status;
    return { ...status, stopped: makeError('CFS_STOPPED', refusal) };
  }

  #handshakeStatus(): LocalStatus {
    const { epoch, forgottenHorizon } = this.#engine.status();
    const { incarnation } = this.#origin;
    const forgotten = toWire(forgottenHorizon);
    return { incarnation, epoch, cursors: heldForWire(this.#engine), forgotten };
  }

  #heartbeatStatus(site: number): HeartbeatStatus {
    const { epoch, durableLsn } = this.#engine.status();
    const lag = this.#peers.get(site)?.sync.lag(BigInt(Date.now()) * 1000n);
    const auditHead = this.audit.headFor(site);
    const standing = this.#sites.tell(site);
    return {
      epoch,
      headLsn: durableLsn,
      oldestUnackedUs: Math.round((lag?.ms ?? 0) * 1000),
      ...(auditHead && { auditHead }),
      ...(standing && { standing }),
    };
  }

  #onStanding(peer: PeerParts, standing: Standing): void {
    for (const { site, cursors } of this.#sites.hear(peer.config.site, standing)) {
      this.#peer(site).sync.noteHeld(cursors);
    }
    peer.sync.noteUnreached();
  }

  #peerStatus(peer: PeerParts): PeerStatus {
    return peerStatusOf({
      ...peer,
      counters: this.#conduit?.counters(peer.config.site),
      heartbeatTimeoutMs: this.config.conduit.heartbeatTimeoutMs,
      driftLimitMs: this.quarantine.driftLimitMs(),
      nowUnixMs: Date.now(),
    });
  }

  #onSession(session: Session): void {
    const peer = this.#peer(session.peerSite);
    peer.session = session;
    peer.connectedSinceUnixMs = Date.now();
    const { site, name } = peer.config;
    this.audit.peerUp(session, name);
    if (this.#standing.bars(session)) return;
    this.#sites.sessionUp(site, session.hello);
    const onPeerStatus = ({ auditHead, standing }: HeartbeatStatus): void => {
      if (auditHead !== undefined) this.audit.heard(site, name, auditHead);
      if (standing !== undefined) this.#onStanding(peer, standing);
    };
    const onIdMap = this.idMaps.attach(session, (map) => this.audit.peerIdMap(site, name, map));
    const onQuestion = (body: Uint8Array): Promise<Uint8Array> => this.#consistency.answer(body);
    session.attach({ ...peer.sync.attach(session), onPeerStatus, onIdMap, onQuestion });
    this.emit('peer', { site, name, up: true });
  }

  #onDown(session: Session, reason: CloseReason): void {
    const { code, message, byPeer } = reason;
    if (code === 'diverged' && byPeer) this.#standing.onDiverged(session.peerSite, undefined);
    const peer = this.#peer(session.peerSite);
    this.audit.peerDown(session, peer.config.name, reason);
    if (peer.session === session) {
      peer.session = undefined;
      this.#sites.sessionDown(session.peerSite);
    }
    peer.connectedSinceUnixMs = undefined;
    const { site, name } = peer.config;
    if (!ORDERLY_ENDS.has(code)) this.#noteError(site, code, message);
    this.emit('peer', { site, name, up: false, code, message });
  }

  #onApplied(result: ReceiveResult): void {
    const { site, incarnation, firstLsn, lastLsn, entries, hlcMax } = result;
    this.#sites.noteWriter(site);
    this.emit('applied', { site, incarnation, firstLsn, lastLsn, entries, hlcMax });
  }

  #noteError(peerSite: number | undefined, code: string, message: string): void {
    const peer = peerSite === undefined ? undefined : this.#peers.get(peerSite);
    const error = this.#errors.note(code, message, peerSite, peer?.config.name);
    if (peer !== undefined) peer.lastError = error;
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}
