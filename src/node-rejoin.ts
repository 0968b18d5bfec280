/**
 * The way back of a site that was evicted: everything anew from a peer, the primary, and what the old
 * journal had not sent on record. docs/convergence.md, "Eviction".
 *
 * In the snapshot phase a new, empty journal begins with an entry that closes the old one. When all sites
 * that count are known to hold it, and the primary has all of the old one that any of them has, nothing
 * more of it can appear anywhere, so a checkpoint that the primary writes after that is a fair start. The
 * node is then to be opened again, which takes it over; in the unsent phase it is a node like others, but
 * for what is still to go on record before anybody writes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import {
  CfsError,
  ClosedError,
  Engine,
  type EngineOptions,
  type Feed,
  type OriginCursor,
  type TakeOver,
  type TakeOverStatus,
  TruncatedError,
  makeError,
} from '../bindings';
import type { Session } from './conduit/types';
import { askPeer } from './node-ask';
import type { NodeAudit } from './node-audit';
import { messageOf } from './node-status';
import type { NodeSites } from './node-sites';
import { type RejoinMarker, removeMarker, setAsideFolder, writeMarker } from './rejoin-marker';
import type { WireCursor, WireOrigin } from './sync/session-port';
import type { Log } from './telemetry/log';
import type { RejoinStatus } from './telemetry/node-status';

/** Writing a checkpoint may take the primary so long. */
const ANSWER_TIMEOUT_MS = 600_000;
const POLL_MS = 200;
/** Each attempt may have the primary write its whole state. */
const RETRY_MS = 5_000;
/** What these say of the old directory does not change by trying again. */
const LOST_CODES: ReadonlySet<string> = new Set(['CFS_CORRUPT', 'CFS_TRUNCATED', 'CFS_NOT_FOUND']);

export interface NodeRejoinOptions {
  readonly engine: Engine;
  readonly engineOptions: EngineOptions;
  readonly origin: WireOrigin;
  readonly sites: NodeSites;
  readonly audit: NodeAudit;
  readonly log: Log;
  readonly session: (peer: number) => Pick<Session, 'ask'> | undefined;
  /** The node is to be closed and opened again. */
  readonly onReopen: () => void;
}

export class NodeRejoin {
  readonly #options: NodeRejoinOptions;
  readonly #stop = new AbortController();
  readonly #sinceUnixMs = Date.now();
  #marker: RejoinMarker | undefined;
  /** The site is back since this node was opened, by what that one had. */
  #backBy: number | undefined;
  #running: Promise<void> = Promise.resolve();
  #waitingFor: readonly number[] = [];
  #toBeHeld: readonly WireCursor[] | undefined;
  #takeOver: TakeOver | undefined;
  #taken: TakeOverStatus | undefined;
  #recorded = 0;
  #failed: string | undefined;

  /** `marker`: undefined for a site that is not on its way back. */
  constructor(options: NodeRejoinOptions, marker: RejoinMarker | undefined) {
    this.#options = options;
    this.#marker = marker;
    // Taken over already, and killed before that was noted.
    if (marker?.phase === 'snapshot' && this.#holdsOthers())
      this.#enter({ ...marker, phase: 'unsent' });
  }

  /** Undefined when the site is where it belongs, and was when the node was opened. */
  get status(): RejoinStatus | undefined {
    const primary = this.#marker?.primary ?? this.#backBy;
    if (primary === undefined) return undefined;
    return {
      phase: this.#marker?.phase ?? 'done',
      primary,
      sinceUnixMs: this.#sinceUnixMs,
      waitingFor: this.#waitingFor,
      bytesDone: this.#taken?.bytesDone ?? 0,
      bytesTotal: this.#taken?.bytesTotal ?? 0,
      recorded: this.#recorded,
      lastFailure: this.#failed,
    };
  }

  get isUnderWay(): boolean {
    return this.#marker !== undefined;
  }

  /** False: frames of peers are passed over, as what they follow on is not here yet. */
  get takesFrames(): boolean {
    return this.#marker === undefined || this.#marker.phase === 'unsent';
  }

  /** Why nothing may be written here yet. */
  get refusal(): string | undefined {
    if (this.#marker === undefined) return undefined;
    return `this site is on its way back, by what site ${this.#marker.primary} has, and may not write yet`;
  }

  /**
   * Asks for the way back: the next opening begins it. While nothing has been taken over yet, it may be asked
   * for again, from another primary; if the site was evicted once more meanwhile, as the next incarnation.
   * Throws InvalidArgumentError when it is too late for that.
   */
  begin(primary: number, isEvicted: boolean): void {
    const { origin, audit, onReopen } = this.#options;
    const { incarnation } = origin;
    const marker = this.#marker;
    if (marker?.phase === 'unsent') {
      const message = `this site has taken over what site ${marker.primary} had: it is almost back`;
      throw makeError('CFS_INVALID_ARGUMENT', message);
    }
    this.#stop.abort(); // what is under way must not say afterwards that it is done
    if (marker === undefined) {
      this.#enter({ phase: 'set-aside', primary, previous: incarnation, last: incarnation });
    } else if (isEvicted && marker.phase === 'snapshot') {
      this.#enter({ ...marker, phase: 'set-aside', primary, last: incarnation });
    } else {
      this.#enter({ ...marker, primary });
    }
    audit.rejoinBegins(primary, incarnation);
    onReopen();
  }

  start(): void {
    if (this.#marker !== undefined) this.#running = this.#run(this.#marker);
  }

  /** Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(marker: RejoinMarker): Promise<void> {
    while (!this.#stopped) {
      try {
        await (marker.phase === 'snapshot' ? this.#takeSnapshot(marker) : this.#finish(marker));
        return;
      } catch (error) {
        this.#failed = messageOf(error);
        this.#options.log.component('rejoin').warn({ err: error }, 'trying again');
        await this.#pause(RETRY_MS);
      }
    }
  }

  get #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  #enter(marker: RejoinMarker): void {
    writeMarker(this.#options.engineOptions.dataDir, marker);
    this.#marker = marker;
  }

  #holdsOthers(): boolean {
    const { engine, origin } = this.#options;
    return engine
      .held()
      .some(({ site, incarnation }) => site !== origin.site || incarnation !== origin.incarnation);
  }

  // ---- snapshot

  async #takeSnapshot(marker: RejoinMarker): Promise<void> {
    const { engine, origin, onReopen } = this.#options;
    if (engine.status().durableLsn === 0n) await engine.evict(origin.site, marker.last);
    while (!this.#everybodyKnows(marker.primary)) {
      await this.#pause(POLL_MS);
      if (this.#stopped) return;
    }
    await this.#takeCheckpoint(marker.primary);
    if (this.#stopped) return;
    this.#enter({ ...marker, phase: 'unsent' });
    onReopen();
  }

  /**
   * That the old journal is closed, and the primary has all of it that anybody has; and since then everybody
   * has got what the primary had.
   */
  #everybodyKnows(primary: number): boolean {
    const { sites, origin } = this.#options;
    const missing = sites.notReady(primary, { ...origin, lsn: 1n });
    if (missing.length === 0) this.#toBeHeld ??= sites.reportOf(primary);
    this.#waitingFor =
      this.#toBeHeld === undefined ? missing : sites.lacking(primary, this.#toBeHeld);
    return missing.length === 0 && this.#waitingFor.length === 0;
  }

  async #takeCheckpoint(primary: number): Promise<void> {
    const { engine, session } = this.#options;
    const { signal } = this.#stop;
    const respondent = {
      peer: primary,
      session: () => session(primary),
      timeoutMs: ANSWER_TIMEOUT_MS,
      signal,
    };
    this.#takeOver ??= engine.takeOver(primary);
    try {
      let step = await this.#takeOver.start();
      while (step.question !== undefined && !this.#stopped) {
        step = await this.#takeOver.next(await askPeer(respondent, step.question));
        this.#taken = step.status;
      }
    } catch (error) {
      // Where only the connection was lost, it goes on from there.
      if (!(error instanceof ClosedError)) this.#takeOver = undefined;
      throw error;
    }
  }

  // ---- unsent

  async #finish(marker: RejoinMarker): Promise<void> {
    const { audit, log, engineOptions } = this.#options;
    const kept = setAsideFolder(marker.previous);
    let lost: string | undefined;
    try {
      await this.#recordUnsent(join(engineOptions.dataDir, kept));
    } catch (error) {
      if (!(error instanceof CfsError) || !LOST_CODES.has(error.code)) throw error;
      lost = error.message;
      log
        .component('rejoin')
        .error({ err: error, kept }, 'the old journal cannot be read to its end');
    }
    if (this.#stopped) return;
    removeMarker(engineOptions.dataDir);
    this.#marker = undefined;
    this.#backBy = marker.primary;
    this.#failed = undefined;
    const recorded = this.#recorded;
    audit.rejoined({ primary: marker.primary, recorded, kept, lost });
    log
      .component('rejoin')
      .info({ primary: marker.primary, recorded, kept }, 'back among the sites');
  }

  async #recordUnsent(dataDir: string): Promise<void> {
    const { engine, engineOptions, origin, sites } = this.#options;
    const old = await Engine.open({ ...engineOptions, dataDir });
    try {
      old.setPeers([origin.site]); // nobody but us will ever hear of it
      const held = engine.held().map((cursor) => ({ ...cursor, shards: [] }));
      const { feed, forward } = openFeedOf(old, held);
      try {
        for (;;) {
          const frame = await feed.next({ codec: 'none', compact: true, forward });
          if (frame === undefined || this.#stopped) return;
          // What sites that are here have written comes from themselves; not so what only we had heard.
          if (!sites.isClosed(frame.summary)) continue;
          this.#recorded += await engine.recordUnsent(frame.bytes, old);
        }
      } finally {
        feed.close();
      }
    } finally {
      await old.close({ checkpoint: false });
    }
  }
}

/** What others had written that is in no journal here any more must not keep our own from being read. */
function openFeedOf(old: Engine, held: readonly OriginCursor[]): { feed: Feed; forward: boolean } {
  try {
    return { feed: old.openFeed(held, { forward: true }), forward: true };
  } catch (error) {
    if (!(error instanceof TruncatedError)) throw error;
    return { feed: old.openFeed(held), forward: false };
  }
}
