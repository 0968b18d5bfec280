/**
 * What of a node's life goes into its audit trail, in which words. The node, its admin API and its agent
 * tell what happens; what is worth a line, what it is called, and how much of it, is decided here.
 *
 * docs/cli.md lists the kinds: whoever adds one adds it there.
 */
import { join } from 'node:path';
import {
  type EngineStatus,
  type InodeDifference,
  type Origin,
  type OwnerMap,
  makeError,
} from '../bindings';
import type { AuditQuery } from './admin/admin-target';
import type { AdminAction } from './admin/server';
import { type AuditEvent, type ChainHead, type Fields, ANCHOR_KIND } from './audit/line';
import { parseFilter } from './audit/query';
import { type TrailQuery, readTrail } from './audit/read';
import { RepeatGate } from './audit/repeats';
import type { Retention } from './audit/retention';
import { AuditTrail, type TrailOptions } from './audit/trail';
import type { KnownHead, VerifyReport } from './audit/verify';
import type { AuditHead, CloseReason, RefusedConnection, Session } from './conduit/types';
import type { Config, TakenOver } from './config';
import { parseSince } from './config/query';
import type { ConsistencyReport } from './node-consistency';
import { readQuestion } from './node-query';
import { repairEvents } from './node-repairs';
import { ORDERLY_ENDS, codeOf, messageOf } from './node-status';
import type { Closed } from './sync/evictions';
import type { Log } from './telemetry/log';
import type { AuditStatus, RecordedError } from './telemetry/node-status';

/** How often repeated events are summed up. */
const REPEATS_INTERVAL_MS = 1000;
const COLLECT_INTERVAL_MS = 60_000;
/** How often a peer is told where this trail ends, if anything has happened; and how often it may tell. */
const ANCHOR_INTERVAL_MS = 60_000;
const ANCHOR_INTERVAL_MS_MIN = 30_000;
const DAY_MS = 86_400_000;
/** Well below what may wait to be written. */
const REPAIRS_BEFORE_FLUSH = 1024;

/** Errors of the engine that are a peer's frame that was not taken. */
const FRAME_CODES: ReadonlySet<string> = new Set([
  'CFS_CHECKSUM',
  'CFS_INVALID_ARGUMENT',
  'CFS_LSN_GAP',
  'CFS_MALFORMED',
  'CFS_STALE_EPOCH',
  'CFS_TOO_LARGE',
  'CFS_UNSUPPORTED',
  'CFS_WRONG_CLUSTER',
]);

/** The journal's own troubles, which `journalTrouble` tells of once each. */
const JOURNAL_CODES: ReadonlySet<string> = new Set([
  'CFS_CORRUPT',
  'CFS_DISK_FULL',
  'CFS_IO',
  'CFS_STOPPED',
]);

/** The others that have names of their own. */
const KIND_OF_CODE: ReadonlyMap<string, string> = new Map([
  ['CFS_CORRUPT', 'journal.corrupt'],
  ['CFS_DIVERGED', 'journal.diverged'],
  ['CFS_EVICTED', 'journal.evicted'],
  ['CFS_ROLLED_BACK', 'journal.rolled_back'],
]);

const START_FAILED_KIND = 'node.start_failed';
const STOPPED_KIND = 'node.stopped';

/** Who had a configuration taken over: the agent's signal, its admin API, or a program it is part of. */
export type ConfigActor = 'SIGHUP' | 'admin' | 'program';

const CONFIG_ACTORS = {
  SIGHUP: { type: 'signal', signal: 'SIGHUP' },
  admin: { type: 'admin' },
  program: { type: 'program' },
} as const;

/** How one peer and we stand with each other's trails. */
interface PeerAnchors {
  toldAtMs: number;
  toldSeq: number;
  heardAtMs: number;
  heard: ChainHead | undefined;
}

function retentionOf({ audit }: Config): Retention {
  return { bytesMax: audit.retentionBytes, ageMsMax: audit.retentionDays * DAY_MS };
}

function trailOptions(config: Config, origin: Origin | undefined, log: Log): TrailOptions {
  return {
    directory: join(config.dataDir, 'audit'),
    ...(origin === undefined ? {} : { identity: { ...origin } }),
    fileBytesMax: config.audit.fileBytes,
    retention: retentionOf(config),
    nowUnixMs: () => Date.now(),
    onError: (error) => log.component('audit').error({ err: error }, 'cannot write; events wait'),
  };
}

/** The journal could not be opened. That is the error to report, whatever becomes of the trail. */
export async function auditFailedOpen(config: Config, error: unknown, log: Log): Promise<void> {
  // Another process has the directory, and its trail.
  if (codeOf(error) === 'CFS_LOCKED') return;
  try {
    const audit = await NodeAudit.open(config, undefined, log);
    await audit.startFailed(error);
  } catch (failure) {
    log.component('audit').error({ err: failure }, 'cannot record that the journal did not open');
  }
}

export class NodeAudit {
  readonly #trail: AuditTrail;
  readonly #repeats = new RepeatGate();
  readonly #peers = new Map<number, PeerAnchors>();
  #timers: NodeJS.Timeout[] = [];

  private constructor(trail: AuditTrail) {
    this.#trail = trail;
  }

  /** The caller has locked the data directory. `origin` is not known when the journal did not open. */
  static async open(config: Config, origin: Origin | undefined, log: Log): Promise<NodeAudit> {
    const options = trailOptions(config, origin, log);
    try {
      return new NodeAudit(await AuditTrail.open(options));
    } catch (error) {
      const what = `audit: cannot open the trail in ${options.directory}: ${messageOf(error)}`;
      throw new Error(what, { cause: error });
    }
  }

  get status(): AuditStatus {
    const { head, failing, totals } = this.#trail;
    return { ...head, ...totals, failing };
  }

  // ---- the node

  /** The node is open. */
  started(engine: EngineStatus, version: string): void {
    const { lastLine, formerIdentity } = this.#trail;
    const { incarnation } = engine.origin;
    this.#record({
      kind: 'node.started',
      fields: {
        version,
        pid: process.pid,
        incarnation,
        epoch: engine.epoch,
        last_lsn: engine.lastLsn,
        io: engine.ioBackend,
        ended_before: endedBefore(lastLine?.kind),
        recovered_entries: engine.recoveredEntries,
        recovery_ms: Math.round(engine.recoveryNs / 1e6),
        torn_bytes: engine.recoveredTornBytes,
      },
    });
    if (formerIdentity !== undefined) {
      const former = String(formerIdentity['incarnation']);
      this.#record({ kind: 'node.new_incarnation', fields: { former, incarnation } });
    }
    const every = (ms: number, act: () => void): NodeJS.Timeout => setInterval(act, ms).unref();
    this.#timers = [
      every(REPEATS_INTERVAL_MS, () => this.#recordDue(performance.now())),
      every(COLLECT_INTERVAL_MS, () => this.#trail.collect()),
    ];
  }

  /** The node does not open. Closes the trail. */
  startFailed(error: unknown): Promise<void> {
    const fields = { code: codeOf(error), message: messageOf(error) };
    this.#record({ kind: START_FAILED_KIND, outcome: 'failed', fields });
    return this.close();
  }

  /** The journal has stopped, or its disk is full: once each. */
  journalTrouble(code: string, message: string): void {
    const ofJournal = KIND_OF_CODE.get(code) ?? 'journal.stopped';
    const kind = code === 'CFS_DISK_FULL' ? 'disk.full' : ofJournal;
    this.#record({ kind, outcome: 'failed', fields: { code, message } });
  }

  journalHasRoom(): void {
    this.#record({ kind: 'disk.has_space' });
  }

  /** Where the node notes its errors, it notes them here, too. Ends of sessions are `peerDown`'s. */
  error({ code, message, peer }: RecordedError): void {
    if (!code.startsWith('CFS_') || (JOURNAL_CODES.has(code) && peer === undefined)) return;
    const isFrame = peer !== undefined && FRAME_CODES.has(code);
    const kind = KIND_OF_CODE.get(code) ?? (isFrame ? 'frame.refused' : 'replication.failed');
    const event: AuditEvent = {
      kind,
      outcome: isFrame ? 'refused' : 'failed',
      ...(peer === undefined ? {} : { actor: { type: 'peer', site: peer } }),
      fields: { code, message },
    };
    this.#recordGated(event, `${code} ${peer ?? ''}`);
  }

  /** The last event; resolves when all that can be is on the disk. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#recordDue(Infinity);
    if (this.#timers.length > 0) this.#record({ kind: STOPPED_KIND, fields: { pid: process.pid } });
    await this.#trail.close();
  }

  // ---- peers

  peerUp({ peerSite, address, dialled, hello }: Session, name: string): void {
    const peer = this.#peerAnchors(peerSite);
    peer.toldAtMs = -Infinity;
    peer.toldSeq = 0;
    peer.heardAtMs = -Infinity;
    const { software, epoch, origin } = hello;
    const fields = { dialled, software, epoch, incarnation: origin.incarnation };
    const actor = { type: 'peer', site: peerSite, name, address };
    this.#recordGated({ kind: 'peer.connected', actor, fields }, String(peerSite));
  }

  peerDown(session: Session, name: string, { code, message, byPeer }: CloseReason): void {
    const { peerSite: site, address } = session;
    const outcome = ORDERLY_ENDS.has(code) ? 'ok' : 'failed';
    const actor = { type: 'peer', site, name, address };
    const fields = { code, message, by_peer: byPeer };
    this.#recordGated({ kind: 'peer.disconnected', outcome, actor, fields }, `${code} ${site}`);
  }

  refused({ code, message, address, site, dialled, byPeer }: RefusedConnection): void {
    const actor = site === undefined ? { type: 'stranger' } : { type: 'peer', site };
    const event: AuditEvent = {
      kind: 'peer.refused',
      outcome: 'refused',
      actor: { ...actor, address },
      fields: { code, message, dialled, by_peer: byPeer },
    };
    this.#recordGated(event, `${code} ${site ?? address.replace(/:\d+$/, '')}`);
  }

  /** Where this trail ends, when it is time to tell a peer: once it is connected, then every minute. */
  headFor(site: number): AuditHead | undefined {
    const nowMs = performance.now();
    const peer = this.#peerAnchors(site);
    const { head, contentSeq } = this.#trail;
    const isDue = nowMs - peer.toldAtMs >= ANCHOR_INTERVAL_MS;
    // Anchors of each other, written by two idle sites, are no news.
    const isNews = head.seq > 0 && (peer.toldSeq === 0 || contentSeq > peer.toldSeq);
    if (!isDue || !isNews) return undefined;
    peer.toldAtMs = nowMs;
    peer.toldSeq = head.seq;
    return head;
  }

  /** A peer says where its trail ends. One that says so too often is not listened to. */
  heard(site: number, name: string, head: AuditHead): void {
    const nowMs = performance.now();
    const peer = this.#peerAnchors(site);
    if (nowMs - peer.heardAtMs < ANCHOR_INTERVAL_MS_MIN) return;
    const contradiction = peer.heard === undefined ? undefined : contradictionOf(peer.heard, head);
    peer.heardAtMs = nowMs;
    peer.heard = head;
    const outcome = contradiction === undefined ? 'ok' : 'failed';
    const actor = { type: 'peer', site, name };
    const fields = { site, seq: head.seq, hash: head.hash, contradiction };
    this.#recordGated({ kind: ANCHOR_KIND, outcome, actor, fields }, `${outcome} ${site}`);
  }

  /** How its ids are shown here is another than before. */
  peerIdMap(site: number, name: string, { uid, gid, defaultUid, defaultGid }: OwnerMap): void {
    const actor = { type: 'peer', site, name };
    const fields = {
      uid_ranges: uid.length,
      gid_ranges: gid.length,
      default_uid: defaultUid,
      default_gid: defaultGid,
    };
    this.#recordGated({ kind: 'peer.id_map', actor, fields }, String(site));
  }

  /** Entries of a peer are held back: stamped too far ahead of this node's clock. */
  quarantined(
    site: number,
    name: string,
    held: { aheadMs: number; driftLimitMs: number; ofSite: number; hlc: bigint },
  ): void {
    const fields = {
      ahead_ms: held.aheadMs,
      drift_limit_ms: held.driftLimitMs,
      of_site: held.ofSite,
      hlc: held.hlc,
    };
    const actor = { type: 'peer', site, name };
    this.#recordGated({ kind: 'clock.quarantined', outcome: 'refused', actor, fields }, `${site}`);
  }

  quarantineEnded(site: number, name: string, released: boolean): void {
    const fields = { by: released ? 'release' : 'clock or drift limit' };
    const actor = { type: 'peer', site, name };
    this.#recordGated({ kind: 'clock.quarantine_ended', actor, fields }, `${site}`);
  }

  // ---- eviction

  /** The entry that closes a site's journals is held here. */
  siteEvicted({ site, incarnation, by }: Closed): void {
    const fields = { site, incarnation, by_site: by.site, by_lsn: by.lsn };
    this.#record({ kind: 'site.evicted', fields });
  }

  /** What an evicted site had sent and lost without hearing of it. */
  lossesRecorded(site: number, conflicts: number): void {
    this.#record({ kind: 'site.losses_recorded', fields: { site, conflicts } });
  }

  rejoinBegins(primary: number, incarnation: bigint): void {
    this.#record({ kind: 'rejoin.begun', fields: { primary, incarnation } });
  }

  /** `lost`: why the old journal could not be read to its end. */
  rejoined(end: {
    primary: number;
    recorded: number;
    kept: string;
    lost: string | undefined;
  }): void {
    const outcome = end.lost === undefined ? 'ok' : 'failed';
    this.#record({ kind: 'rejoin.finished', outcome, fields: end });
  }

  // ---- operators

  admin({ method, path, query, via, user, outcome, code, message }: AdminAction): void {
    const kind = `admin${path.replaceAll('/', '.')}`;
    const actor = { type: 'admin', via: via === 'unix' ? 'unix socket' : 'loopback', user };
    const fields = { method, path, query: query === '' ? undefined : query, code, message };
    const event: AuditEvent = { kind, outcome, actor, fields };
    if (outcome === 'ok') this.#record(event);
    else this.#recordGated(event, code ?? '');
  }

  /** Registers that a resync took from a peer, each with what was here before. Resolves when written. */
  async repaired(peer: number, differences: readonly InodeDifference[]): Promise<void> {
    let events = 0;
    for (const event of repairEvents(peer, differences)) {
      this.#record(event);
      if (++events % REPAIRS_BEFORE_FLUSH === 0) await this.#trail.flush();
    }
    await this.#trail.flush();
  }

  /** The end of a resync. */
  resynced(report: ConsistencyReport): void {
    const { peer, inodesDiffering, registersDiffering, registersRepaired, exchanges } = report;
    const outcome = registersDiffering === registersRepaired ? 'ok' : 'failed';
    const fields = {
      peer,
      inodes: inodesDiffering,
      registers: registersDiffering,
      repaired: registersRepaired,
      exchanges,
    };
    this.#record({ kind: 'resync.finished', outcome, fields });
  }

  /** Live keys were taken over: each is named with the old value and the new. */
  configReloaded(by: ConfigActor, { config, changed }: TakenOver): void {
    this.#trail.setRetention(retentionOf(config));
    const changes = changed.map(({ key, from, to }) => [key, `${from} -> ${to}`] as const);
    const fields: Fields = Object.fromEntries(changes);
    this.#record({ kind: 'config.reloaded', actor: CONFIG_ACTORS[by], fields });
  }

  configRefused(by: ConfigActor, error: unknown): void {
    const fields = { message: messageOf(error) };
    const actor = CONFIG_ACTORS[by];
    this.#record({ kind: 'config.refused', outcome: 'refused', actor, fields });
  }

  /** Whole lines of the trail, in order. Rejects with InvalidArgumentError for a bad question. */
  async *lines(query: AuditQuery): AsyncGenerator<string> {
    const trailQuery = trailQueryOf(query);
    await this.#trail.flush();
    yield* readTrail(this.#trail, trailQuery, query.signal);
  }

  /** `anchor`: what a peer has of this trail, "SEQ:HASH". */
  verify(anchor: string | undefined): Promise<VerifyReport> {
    return this.#trail.verify(anchor === undefined ? [] : [parseAnchor(anchor)]);
  }

  // ---- inside

  #record(event: AuditEvent): void {
    this.#trail.record(event);
  }

  /** For what others can make happen as often as they like. */
  #recordGated(event: AuditEvent, key: string): void {
    if (this.#repeats.admit(event, key, performance.now())) this.#record(event);
  }

  #recordDue(nowMs: number): void {
    for (const event of this.#repeats.due(nowMs)) this.#record(event);
  }

  #peerAnchors(site: number): PeerAnchors {
    let peer = this.#peers.get(site);
    if (peer === undefined) {
      peer = { toldAtMs: -Infinity, toldSeq: 0, heardAtMs: -Infinity, heard: undefined };
      this.#peers.set(site, peer);
    }
    return peer;
  }
}

/** How the run before this one ended, by the last line that it wrote. */
function endedBefore(lastKind: string | undefined): string {
  if (lastKind === undefined) return 'never ran';
  if (lastKind === START_FAILED_KIND) return 'did not start';
  return lastKind === STOPPED_KIND ? 'in good order' : 'without a word';
}

function contradictionOf(before: ChainHead, now: ChainHead): string | undefined {
  if (now.seq < before.seq) return `it ended at event ${before.seq} before: lines were cut off`;
  if (now.seq === before.seq && now.hash !== before.hash) {
    return `event ${now.seq} had the hash ${before.hash} before: lines were changed`;
  }
  return undefined;
}

function trailQueryOf({ since, filter, tail, oldest, follow }: AuditQuery): TrailQuery {
  return readQuestion(() => ({
    sinceUnixMs: since === undefined ? undefined : parseSince(since, Date.now()),
    filter: filter === undefined ? undefined : parseFilter(filter),
    ...(tail === undefined && !oldest
      ? {}
      : { limit: { from: oldest ? 'oldest' : 'newest', lines: tail ?? 1 } }),
    follow,
  }));
}

function parseAnchor(text: string): KnownHead {
  const [, seq, hash] = /^([0-9]{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (hash !== undefined) return { seq: Number(seq), hash, source: 'the anchor' };
  const message = `anchor: "${text}": expected SEQ:HASH, as an audit.anchor event of a peer has them`;
  throw makeError('CFS_INVALID_ARGUMENT', message);
}
