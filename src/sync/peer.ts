/**
 * Everything that sync knows and does about one peer, over all its sessions: the sender and receiver of
 * the session that is up, what the peer is known to hold, counters, and who waits for it.
 */
import {
  CfsError,
  type Engine,
  type OriginCursor,
  type ReceiveResult,
  makeError,
} from '../../bindings';
import type { ByteBudget } from './byte-budget';
import { fromWire, lsnOf, toWire } from './cursors';
import { PeerCounters } from './peer-counters';
import { type Clocks, type Held, PeerQuarantine } from './peer-quarantine';
import type { QuarantineStatus } from '../telemetry/node-status';
import { PeerReceiver } from './receiver';
import { PeerSender, type SenderSettings } from './sender';
import type { SyncHandlers, SyncSession, WireCursor, WireOrigin } from './session-port';

export type SyncEngine = Pick<
  Engine,
  'openFeed' | 'setPeerCursor' | 'peerCursor' | 'held' | 'receive' | 'backlogFrom' | 'findForks'
>;

export interface SyncPeerOptions {
  readonly engine: SyncEngine;
  readonly site: number;
  /** This node's own origin. */
  readonly origin: WireOrigin;
  readonly settings: SenderSettings;
  /** What all receivers of a node may have in the engine. */
  readonly budget: ByteBudget;
  readonly nowMs: () => number;
  readonly idleCores: () => number;
  /** Sites whose journals this peer gets through this node alone. */
  readonly unreached: () => ReadonlySet<number>;
  readonly onApplied: (result: ReceiveResult) => void;
  /**
   * Here and at the peer these name entries that differ: journals that share a name and not a history.
   * False: nothing is sent, and the session is closed.
   */
  readonly onForks: (session: SyncSession, forks: readonly OriginCursor[]) => boolean;
  readonly clocks: Clocks;
  /** Entries of the peer are held back, as they are stamped too far ahead of this node's clock. */
  readonly onQuarantine: (held: Held) => void;
  /** Nothing is held back any more: an operator has accepted it, or it has been quiet for a minute. */
  readonly onQuarantineEnd: (released: boolean) => void;
  /** `code` is stable. The session may be over or go on, receiving only. */
  readonly onError: (code: string, message: string) => void;
}

export interface Lag {
  /** Own entries that the peer lacks. */
  readonly entries: bigint;
  /** Age of the oldest of them; 0 when there is none. */
  readonly ms: number;
}

interface Waiter {
  readonly lsn: bigint;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Link {
  readonly session: SyncSession;
  readonly sender: PeerSender;
  readonly receiver: PeerReceiver;
  readonly running: Promise<void>;
}

export class SyncPeer {
  readonly counters = new PeerCounters();
  readonly #options: SyncPeerOptions;
  readonly #quarantine: PeerQuarantine;
  readonly #waiters = new Set<Waiter>();
  /** Links whose session is over but whose work in the engine may not be. */
  readonly #ending = new Set<Promise<void>>();
  #link: Link | undefined;
  #ackedLsn: bigint;
  /** Of the peer, as of its last session. */
  #incarnation: bigint | undefined;
  #blocked: string | undefined;
  #closed = false;

  constructor(options: SyncPeerOptions) {
    this.#options = options;
    this.#ackedLsn = lsnOf(options.engine.peerCursor(options.site), options.origin);
    this.#quarantine = new PeerQuarantine({
      engine: options.engine,
      clocks: options.clocks,
      onAlarm: options.onQuarantine,
      onClear: options.onQuarantineEnd,
    });
  }

  /** The last LSN of our own journal that is known to be durable there. */
  get ackedLsn(): bigint {
    return this.#ackedLsn;
  }

  get sender(): PeerSender | undefined {
    return this.#link?.sender;
  }

  /** Why nothing is sent there though it is connected; undefined if it is. */
  get blocked(): string | undefined {
    return this.#blocked;
  }

  /** All that is known to be durable there, of every origin. */
  held(): OriginCursor[] {
    return this.#options.engine.peerCursor(this.#options.site);
  }

  get quarantine(): QuarantineStatus {
    return this.#quarantine.status(this.#link?.receiver.waiting ?? { frames: 0, bytes: 0 });
  }

  /**
   * Takes what is held back, and what the peer may have written until now, to the HLC that is returned;
   * undefined if nothing is held back. `skewMs` is the peer's clock minus ours.
   */
  releaseQuarantine(skewMs: number): bigint | undefined {
    return this.#quarantine.release(this.#link?.receiver.waiting.hlcMax ?? 0n, skewMs);
  }

  /** The drift limit may have changed. */
  noteDriftLimit(): void {
    this.#quarantine.look();
  }

  lag(nowUnixUs: bigint): Lag {
    const { entries, oldestUnixUs } = this.#options.engine.backlogFrom(this.#ackedLsn);
    if (entries === 0n || oldestUnixUs === 0n) return { entries, ms: 0 };
    return { entries, ms: Math.max(0, Number(nowUnixUs - oldestUnixUs) / 1000) };
  }

  /**
   * A session is up: gives back what the session is to call, and starts sending once it is clear that
   * what the peer holds is of the same history.
   */
  attach(session: SyncSession): SyncHandlers {
    const { engine, origin, settings, budget, nowMs, idleCores, unreached } = this.#options;
    const { counters } = this;
    this.#detach();
    this.#blocked = undefined;
    const { incarnation } = session.hello.origin;
    // A site that came back may hold less than it did.
    if (this.#incarnation !== undefined && incarnation > this.#incarnation) this.#ackedLsn = 0n;
    this.#incarnation = incarnation;
    const sender = new PeerSender({
      engine,
      session,
      origin,
      settings,
      counters,
      nowMs,
      idleCores,
      unreached,
      onLimited: (message) => this.#block(message),
    });
    const receiver = new PeerReceiver({
      engine,
      session,
      budget,
      quarantine: this.#quarantine,
      counters,
      onApplied: this.#options.onApplied,
      onRefused: this.#options.onError,
    });
    const running = this.#compareAndRun(session, sender).catch((error: unknown) =>
      this.#onSendError(session, error),
    );
    const link = { session, sender, receiver, running };
    this.#link = link;
    return {
      onFrame: (frame, stamp) => receiver.onFrame(frame, stamp),
      onDrain: () => receiver.onDrain(),
      onAck: (cursors) => {
        sender.noteAck(cursors);
        this.#raise(sender.ackedLsn);
      },
      onClose: () => {
        if (this.#link === link) this.#detach();
      },
    };
  }

  /** Something became durable here. */
  noteDurable(): void {
    this.#link?.sender.noteDurable();
  }

  /** What the peer, or another node, says is durable at the peer in one of its incarnations. */
  noteHeld(incarnation: bigint, cursors: readonly WireCursor[]): void {
    this.#options.engine.setPeerCursor(this.#options.site, incarnation, fromWire(cursors));
  }

  /** `unreached` may have changed. */
  noteUnreached(): void {
    this.#link?.sender.noteUnreached();
  }

  /** Resolves when `lsn` of our own journal is durable at the peer; rejects when the node closes. */
  waitFor(lsn: bigint): Promise<void> {
    if (this.#ackedLsn >= lsn) return Promise.resolve();
    if (this.#closed) return Promise.reject(closedError(this.#options.site, lsn));
    return new Promise((resolve, reject) => this.#waiters.add({ lsn, resolve, reject }));
  }

  /** Ends sending and receiving; resolves when the engine has finished with this peer's frames. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#detach();
    this.#quarantine.close();
    for (const { lsn, reject } of this.#waiters) reject(closedError(this.#options.site, lsn));
    this.#waiters.clear();
    await Promise.all(this.#ending);
  }

  async #compareAndRun(session: SyncSession, sender: PeerSender): Promise<void> {
    const { engine, onForks } = this.#options;
    const forks = await engine.findForks(fromWire(session.hello.cursors));
    if (this.#link?.session !== session) return;
    if (forks.length > 0 && !onForks(session, forks)) return;
    // As an ack would.
    this.noteHeld(session.hello.origin.incarnation, session.hello.cursors);
    this.#raise(sender.ackedLsn);
    await sender.run();
  }

  #detach(): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    link.sender.stop();
    link.receiver.stop();
    const ended = Promise.all([link.running, link.receiver.drained()]).then(() => {
      this.#ending.delete(ended);
    });
    this.#ending.add(ended);
  }

  #raise(lsn: bigint): void {
    if (lsn <= this.#ackedLsn) return;
    this.#ackedLsn = lsn;
    for (const waiter of this.#waiters) {
      if (waiter.lsn > lsn) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  #onSendError(session: SyncSession, error: unknown): void {
    if (this.#link?.session !== session) return; // its end is the reason
    const code = error instanceof CfsError ? error.code : 'CFS_INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    if (code === 'CFS_TRUNCATED') {
      this.#block(message); // it can still send to us
      return;
    }
    this.counters.refused(code);
    session.close('internal', message);
    this.#options.onError(code, message);
  }

  /** What the peer lacks must come to it another way. */
  #block(message: string): void {
    this.#blocked = `it lacks journal that has been collected here: ${message}`;
    this.counters.refused('CFS_TRUNCATED');
    this.#options.onError('CFS_TRUNCATED', message);
  }
}

function closedError(site: number, lsn: bigint): Error {
  return makeError('CFS_CLOSED', `the node was closed before site ${site} had LSN ${lsn}`);
}

/** What this node says of itself in a handshake. */
export function heldForWire(engine: Pick<Engine, 'held'>): WireCursor[] {
  return toWire(engine.held(true));
}
