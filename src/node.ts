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
import type { LocalStatus } from './conduit/types';
import { type Config, type TakenOver, takeOver } from './config';
import { ConflictLedger } from './conflicts/ledger';
import type { ConfigActor, NodeAudit } from './node-audit';
import {
  type CompareRunOptions,
  type ConsistencyReport,
  NodeConsistency,
  type ResyncOptions,
} from './node-consistency';
import { NodeErrors } from './node-errors';
import { NodeEvictions } from './node-evictions';
import { NodeIdMaps } from './node-id-maps';
import { NodeJournal } from './node-journal';
import { NodeQuarantine } from './node-quarantine';
import { NodePeers } from './node-peers';
import { NodeRejoin } from './node-rejoin';
import { conduitSettings, engineOptions } from './node-settings';
import { NodeSites } from './node-sites';
import { JournalStanding } from './node-standing';
import { type NodeHealth, codeOf, judgeNode, messageOf } from './node-status';
import type { RejoinMarker } from './rejoin-marker';
import { siteIdentityOf } from './security/identity';
import type { loadTlsMaterial } from './security/tls-material';
import { toWire } from './sync/cursors';
import { JournalCollector } from './sync/journal-collector';
import { JournalWatch } from './sync/journal-watch';
import { heldForWire } from './sync/peer';
import type { Closed } from './sync/evictions';
import { CpuMeter } from './telemetry/cpu-meter';
import type { Log } from './telemetry/log';
import { NodeMetrics } from './telemetry/metrics';
import type { NodeStatus } from './telemetry/node-status';
import { softwareVersion } from './telemetry/version';

const COLLECT_INTERVAL_MS = 10_000;
const WATCH_INTERVAL_MS = 1_000;
const CONFLICTS_INTERVAL_MS = 100;
const DRAIN_MS = 3_000;

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
  /** Sites that the others go on without. */
  readonly evictions: NodeEvictions;
  readonly #rejoin: NodeRejoin;
  readonly #engine: Engine;
  readonly #origin: { site: number; incarnation: bigint };
  readonly #peers: NodePeers;
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

  /** @internal Use `open`. Engine and audit become the node's. `marker`: of a site on its way back. */
  constructor(
    config: Config,
    engine: Engine,
    audit: NodeAudit,
    log: Log,
    marker: RejoinMarker | undefined,
  ) {
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
        this.#peers.find(peerSite)?.sync.counters.refused(code);
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
      peers: () => this.#peers.all,
      peer: (site) => this.#peers.get(site),
      onQuarantine: (event) => this.emit('quarantine', event),
    });
    this.#consistency = new NodeConsistency({
      engine,
      audit,
      session: (site) => this.#peers.get(site).session,
      refusal: () => this.#standing.refusal,
    });
    this.#sites = new NodeSites({
      engine,
      origin: this.#origin,
      peers: config.peers.map((peer) => peer.site),
      keepRemovedMinutes: config.state.keepRemovedMinutes,
      onEvicted: (closed) => this.#onEvicted(closed),
      onRecorded: (site, conflicts) => audit.lossesRecorded(site, conflicts),
      onError,
    });
    this.evictions = new NodeEvictions({
      engine,
      site: config.site.id,
      sites: this.#sites,
      refused: () => this.refused(),
    });
    this.#rejoin = new NodeRejoin(
      {
        engine,
        engineOptions: engineOptions(config),
        origin: this.#origin,
        sites: this.#sites,
        audit,
        log,
        session: (site) => this.#peers.get(site).session,
        onReopen: () => setImmediate(() => this.emit('reopen')),
      },
      marker,
    );
    this.#peers = new NodePeers({
      engine,
      config,
      origin: this.#origin,
      audit,
      idMaps: this.idMaps,
      quarantine: this.quarantine,
      sites: this.#sites,
      standing: this.#standing,
      rejoin: this.#rejoin,
      idleCores: () => this.#cpu.idleCores(),
      answer: (question) => engine.answer(question),
      counters: (site) => this.#conduit?.counters(site),
      onPeer: (event) => this.emit('peer', event),
      onApplied: (result) => this.#onApplied(result),
      onError: (site, code, message) => this.#noteError(site, code, message),
    });
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
      this.#peers.noteDurable();
    });
    try {
      const conduit = await openConduit({
        ...conduitSettings(this.config, softwareVersion()),
        tls,
        status: () => this.#handshakeStatus(),
        peerStatus: (site) => this.#peers.heartbeat(site),
        peekFrame,
        verifyControl,
        identityOf: (certificate) => siteIdentityOf(certificate, new Date()),
        log: this.log.component('conduit'),
      });
      // Sessions need a handshake, so none can have come up in between.
      conduit.on('session', (session) => this.#peers.onSession(session));
      conduit.on('down', (session, reason) => this.#peers.onDown(session, reason));
      conduit.on('refused', (refused) => this.audit.refused(refused));
      this.#conduit = conduit;
    } catch (error) {
      await this.#stopParts();
      throw error;
    }
    this.audit.started(this.#engine.status(), softwareVersion());
    const closed = this.#sites.closed.find(({ site }) => site === this.#origin.site);
    if (closed !== undefined && this.#sites.isClosed(this.#origin)) {
      this.#standing.onEvicted(closed.by.site); // killed before that was noted
    }
    this.#rejoin.start();
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

  /**
   * Brings this site back after it was evicted: its journal is set aside, and everything is taken from
   * `primary` anew; what had not been sent becomes conflicts that can be restored. `force`: also if it was
   * not evicted. The node then emits `reopen`: close it and open it again, which goes on from there, and
   * once more when it does so again. `status().rejoin` tells how far it is.
   *
   * Throws NotFoundError for a site that is no peer, InvalidArgumentError for a site that was not evicted
   * or is on its way back, StoppedError for a journal whose name another has: see docs/durability.md.
   */
  rejoin(primary: number, options: { readonly force?: boolean } = {}): void {
    this.#peers.get(primary);
    const force = options.force === true;
    const { isEvicted } = this.#standing;
    const refusal = this.#standing.refusalToRejoin(force || this.#rejoin.isUnderWay);
    if (refusal !== undefined) throw refusal;
    if (this.#sites.gone.has(primary) && !force) {
      const message = `site ${primary} was evicted itself: take another, or force it`;
      throw makeError('CFS_INVALID_ARGUMENT', message);
    }
    this.#rejoin.begin(primary, isEvicted);
  }

  /** What is known to be durable at a peer, of every origin. Throws for a site that is no peer. */
  cursor(peer: number): OriginCursor[] {
    return this.#peers.get(peer).sync.held();
  }

  /** Resolves when `lsn` of this node's journal is durable at `peer`; rejects when the node closes. */
  waitFor(peer: number, lsn: bigint): Promise<void> {
    return this.#peers.get(peer).sync.waitFor(lsn);
  }

  /** How a peer is doing; of this node's own site: how its journal is. */
  siteHealth(site: number): { state: NodeHealth['state']; detail: string } {
    if (site !== this.config.site.id) {
      const { health, detail } = this.#peers.statusOf(this.#peers.get(site));
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
      peers: this.#peers.status(),
      evictions: this.evictions.list(),
      rejoin: this.#rejoin.status,
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
    await this.#rejoin.stop();
    await this.#sites.stop();
    this.conflicts.stop();
    await this.#collector.stop();
    await this.#conduit?.close({ drainMs: DRAIN_MS });
    await this.#peers.close();
    this.metrics.close();
  }

  /** Why nothing may be written here; undefined if it may. */
  protected override refused(): Error | undefined {
    const { refusal } = this.#standing;
    if (refusal !== undefined) return makeError('CFS_STOPPED', refusal);
    const behind = this.#rejoin.refusal ?? this.#sites.refusal;
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

  /** Held here now, whoever wrote it. */
  #onEvicted(closed: Closed): void {
    this.audit.siteEvicted(closed);
    if (closed.site !== this.#origin.site) this.#peers.onEvicted(closed);
    else if (this.#sites.isClosed(this.#origin)) this.#standing.onEvicted(closed.by.site);
  }

  #onApplied(result: ReceiveResult): void {
    const { site, incarnation, firstLsn, lastLsn, entries, hlcMax } = result;
    this.#sites.noteWriter(site);
    this.emit('applied', { site, incarnation, firstLsn, lastLsn, entries, hlcMax });
  }

  #noteError(peerSite: number | undefined, code: string, message: string): void {
    const peer = peerSite === undefined ? undefined : this.#peers.find(peerSite);
    const error = this.#errors.note(code, message, peerSite, peer?.config.name);
    if (peer !== undefined) peer.lastError = error;
    if (this.listenerCount('error') > 0) this.emit('error', error);
  }
}
