/**
 * Sends one peer, over one session, what it lacks of the journal, in order, and follows its acks.
 *
 * Reads the feed from what the peer said it holds; so after any interruption the next session's sender
 * goes on exactly there. Memory is what is in flight: `send-window.ts` bounds it.
 */
import {
  type CodecName,
  type Engine,
  type Feed,
  type OriginCursor,
  type SealedFrame,
  TruncatedError,
} from '../../bindings';
import { CodecChooser, type ChooserReport } from './codec-chooser';
import { ShardCursors, fromWire, lsnOf, originKey } from './cursors';
import type { PeerCounters } from './peer-counters';
import { type FlyingFrame, SendWindow } from './send-window';
import type { SyncSession, WireCursor, WireOrigin } from './session-port';
import { Wakeup } from './wakeup';

export interface SenderSettings {
  /** A frame is cut at this many bytes before compression. */
  readonly batchBytes: number;
  /** How long a busy link may let a small batch grow. An idle link does not wait. */
  readonly coalesceMs: number;
  readonly codec: CodecName | 'auto';
  /** The codec's own; 0 is its default. */
  readonly codecLevel: number;
  readonly framesInFlightMax: number;
  readonly bytesInFlightMax: number;
}

export type SenderEngine = Pick<Engine, 'openFeed' | 'setPeerCursor' | 'peerCursor' | 'held'>;

export interface SenderOptions {
  readonly engine: SenderEngine;
  readonly session: SyncSession;
  /** This node's own origin. */
  readonly origin: WireOrigin;
  readonly settings: SenderSettings;
  readonly counters: PeerCounters;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Cores of this machine that nobody uses, lately. */
  readonly idleCores: () => number;
  /** Sites whose journals the peer gets through this node alone; their entries are passed on. */
  readonly unreached: () => ReadonlySet<number>;
  /** The peer lost journal of its own that cannot be given back from here. */
  readonly onLimited: (message: string) => void;
}

/** Bytes of an entry's header: what a frame has room for is guessed with it. */
const TYPICAL_ENTRY_BYTES = 128;
const REVIEW_MS = 1000;
const LSN_MAX = (1n << 48n) - 1n;
/** Room in a frame for its header and the vectors that go with the entries. */
const FRAME_OVERHEAD_BYTES = 256 * 1024;

const CODEC_BITS: readonly (readonly [CodecName, number])[] = [
  ['none', 1 << 0],
  ['lz4', 1 << 1],
  ['zstd', 1 << 2],
];

/** The next frame, if there is one, and what was durable here before it was asked for. */
interface FeedAnswer {
  readonly frame: SealedFrame | undefined;
  readonly heldBefore: readonly OriginCursor[];
}

export class PeerSender {
  readonly #options: SenderOptions;
  readonly #window: SendWindow;
  readonly #chooser: CodecChooser;
  readonly #allowed: ReadonlySet<CodecName>;
  readonly #wakeup = new Wakeup();
  readonly #shards = new ShardCursors();
  #stopped = false;
  /** The journal no longer holds what would have to be forwarded. */
  #limited = false;
  /** The peer's own site among them if it is to get back what it has lost. */
  #forwarded: ReadonlySet<number>;
  /** Of each origin that goes to this peer: what is in a frame, or was held by the peer. */
  readonly #sealed = new Map<string, bigint>();
  #acked: bigint;
  #reviewedAtMs: number;
  #ackedBytesSinceReview = 0;
  #ackedRawBytesSinceReview = 0;
  #fullMsAtReview = 0;
  #fullSinceMs: number | undefined;
  #awaitingCredit = false;

  constructor(options: SenderOptions) {
    const { session, settings, counters } = options;
    this.#options = options;
    this.#window = new SendWindow({
      framesMax: settings.framesInFlightMax,
      bytesMax: settings.bytesInFlightMax,
      batchEntries: Math.max(1, Math.floor(settings.batchBytes / TYPICAL_ENTRY_BYTES)),
      coalesceMs: settings.coalesceMs,
    });
    this.#allowed = new Set(
      CODEC_BITS.filter(([, bit]) => (session.agreed.codecs & bit) !== 0).map(([codec]) => codec),
    );
    this.#chooser = new CodecChooser(this.#allowed);
    this.#reviewedAtMs = options.nowMs();
    this.#fullMsAtReview = counters.send.windowFullMs;
    const held = fromWire(session.hello.cursors);
    this.#acked = lsnOf(held, options.origin);
    this.#forwarded = this.#toForward(held);
    for (const cursor of held) {
      this.#sealed.set(originKey(cursor), cursor.lsn);
      if (isOwn(cursor, options.origin)) this.#shards.raise(cursor.shards);
    }
  }

  /** The last LSN of our own origin that is durable at the peer. */
  get ackedLsn(): bigint {
    return this.#acked;
  }

  /** The source's own numbers that are durable at the peer, per shard. */
  get ackedShards(): { shard: number; seq: bigint }[] {
    return this.#shards.list();
  }

  get inFlight(): { frames: number; bytes: number } {
    return { frames: this.#window.frames, bytes: this.#window.bytes };
  }

  get codec(): ChooserReport {
    return this.#chooser.report();
  }

  /** Something became durable here. */
  noteDurable(): void {
    this.#wakeup.wake();
  }

  /** The peer holds this durably. */
  noteAck(cursors: readonly WireCursor[]): void {
    const { engine, session, counters, origin, nowMs } = this.#options;
    const now = nowMs();
    const held = fromWire(cursors);
    for (const cursor of held) {
      const own = isOwn(cursor, origin);
      if (own) this.#shards.raise(cursor.shards);
      for (const frame of this.#window.acked(cursor)) {
        counters.acked(now - frame.sentAtMs);
        counters.send.framesAcked++;
        this.#ackedBytesSinceReview += frame.bytes;
        this.#ackedRawBytesSinceReview += frame.rawBytes;
        if (own) this.#shards.raise(frame.shards);
        cursor.shards = mergeMarks(cursor.shards, frame.shards);
      }
      if (!own || cursor.lsn <= this.#acked) continue;
      counters.send.entriesAcked += Number(cursor.lsn - this.#acked);
      this.#acked = cursor.lsn;
    }
    engine.setPeerCursor(session.peerSite, session.hello.origin.incarnation, held);
    this.#noteFull(now);
    this.#wakeup.wake();
  }

  /** `unreached` may have changed. */
  noteUnreached(): void {
    if (this.#mustForwardMore()) this.#wakeup.wake();
  }

  /** The session is over: `run` ends at its next step. */
  stop(): void {
    this.#stopped = true;
    this.#wakeup.wake();
  }

  /**
   * Sends until the session ends. Rejects with CFS_TRUNCATED when the peer is so far behind that the
   * journal no longer holds what it lacks, and with whatever stops the engine.
   */
  async run(): Promise<void> {
    let feed = this.#openFeed(fromWire(this.#options.session.hello.cursors));
    let ahead: Promise<FeedAnswer> | undefined;
    try {
      while (!this.#isOver()) {
        if (this.#mustForwardMore()) {
          // This feed has passed over what is to be forwarded now.
          await ahead?.catch(() => undefined);
          ahead = undefined;
          feed.close();
          feed = this.#reopenFeed();
        }
        if (ahead === undefined) {
          if (!(await this.#due())) continue;
        } else if (this.#window.full) {
          await this.#wakeup.wait();
          continue;
        }
        const { frame, heldBefore } = await (ahead ?? this.#next(feed));
        ahead = undefined;
        if (this.#isOver()) return;
        if (frame === undefined) {
          // All that was durable when it was asked for is behind it, sent or not for this peer.
          for (const cursor of heldBefore) this.#sealed.set(originKey(cursor), cursor.lsn);
          // A peer that had lost its own has it back; what others write now, they may send themselves.
          this.#forwarded = this.#toForward(heldBefore);
          continue;
        }
        this.#noteSealed(frame);
        if (this.#worthSealingAhead()) {
          ahead = this.#next(feed);
          ahead.catch(() => undefined); // awaited above; not unhandled until then
        }
        if (!(await this.#credit(frame.bytes.length)) || this.#isOver()) return;
        this.#send(frame);
      }
    } finally {
      await ahead?.catch(() => undefined);
      feed.close();
    }
  }

  #isOver(): boolean {
    return this.#stopped;
  }

  /** Waits for the peer's credit; that is time in which the link is what sending waits for. */
  async #credit(frameBytes: number): Promise<boolean> {
    this.#awaitingCredit = true;
    this.#noteFull(this.#options.nowMs());
    const granted = await this.#options.session.credit(frameBytes);
    this.#awaitingCredit = false;
    this.#noteFull(this.#options.nowMs());
    return granted;
  }

  get #forward(): boolean {
    return this.#forwarded.size > 0;
  }

  #openFeed(held: readonly OriginCursor[]): Feed {
    const { engine, onLimited } = this.#options;
    try {
      return engine.openFeed([...held, ...this.#notForwarded()], { forward: this.#forward });
    } catch (error) {
      if (!this.#forward || !(error instanceof TruncatedError)) throw error;
      // What the peer lacks of others is gone here, too; what is ours may still go there.
      this.#forwarded = new Set();
      this.#limited = true;
      onLimited(error.message);
      return engine.openFeed(held);
    }
  }

  /** From what the peer is known to hold by now. Some frames in flight go twice, which does no harm. */
  #reopenFeed(): Feed {
    const { engine, session, origin } = this.#options;
    const held = engine.peerCursor(session.peerSite);
    this.#forwarded = this.#toForward(held);
    this.#sealed.clear();
    for (const cursor of held) this.#sealed.set(originKey(cursor), cursor.lsn);
    this.#acked = lsnOf(held, origin);
    return this.#openFeed(held);
  }

  /** A feed passes over these as if the peer had them. */
  #notForwarded(): OriginCursor[] {
    if (!this.#forward) return [];
    return this.#options.engine
      .held()
      .filter(({ site }) => site !== this.#options.origin.site && !this.#forwarded.has(site))
      .map(({ site, incarnation }) => ({ site, incarnation, lsn: LSN_MAX, shards: [] }));
  }

  #mustForwardMore(): boolean {
    if (this.#limited || !this.#options.session.agreed.capabilities.has('forward')) return false;
    for (const site of this.#options.unreached()) if (!this.#forwarded.has(site)) return true;
    return false;
  }

  /** True when the next frame should be made now; otherwise waits for a reason to ask again. */
  async #due(): Promise<boolean> {
    const decision = this.#window.decide(this.#pendingEntries(), this.#options.nowMs());
    if (decision.kind === 'send') return true;
    await this.#wakeup.wait(decision.kind === 'wait' ? decision.ms : undefined);
    return false;
  }

  /** Entries that are durable here, go to this peer, and are in no frame yet. */
  #pendingEntries(): bigint {
    const { engine, origin } = this.#options;
    let pending = 0n;
    for (const cursor of engine.held()) {
      if (cursor.site !== origin.site && !this.#forwarded.has(cursor.site)) continue;
      const sealed = this.#sealed.get(originKey(cursor)) ?? 0n;
      if (cursor.lsn > sealed) pending += cursor.lsn - sealed;
    }
    return pending;
  }

  /**
   * Each site sends its own, and what the peer cannot get from whoever wrote it. A peer that holds less
   * of its own site's journals than we do has lost its disk, or part of it: it gets back all we have.
   */
  #toForward(held: readonly OriginCursor[]): ReadonlySet<number> {
    const { engine, session, origin, unreached } = this.#options;
    if (!session.agreed.capabilities.has('forward')) return new Set();
    if (!this.#peerLostItsOwn(held)) return new Set(unreached());
    return new Set(
      engine
        .held()
        .map(({ site }) => site)
        .filter((site) => site !== origin.site),
    );
  }

  #peerLostItsOwn(held: readonly OriginCursor[]): boolean {
    const { engine, session } = this.#options;
    return engine
      .held()
      .some((cursor) => cursor.site === session.peerSite && cursor.lsn > lsnOf(held, cursor));
  }

  /** While one frame is being sent, the next may be sealed: if it will be a full one. */
  #worthSealingAhead(): boolean {
    const full = BigInt(Math.floor(this.#options.settings.batchBytes / TYPICAL_ENTRY_BYTES));
    return !this.#window.full && this.#pendingEntries() >= full;
  }

  async #next(feed: Feed): Promise<FeedAnswer> {
    const { engine, settings, session, nowMs } = this.#options;
    const heldBefore = engine.held();
    const codec = this.#codec();
    const startedAtMs = nowMs();
    const frame = await feed.next({
      codec,
      level: settings.codecLevel,
      compact: true,
      forward: this.#forward,
      rawBytesTarget: Math.min(
        settings.batchBytes,
        session.hello.frameBytesMax - FRAME_OVERHEAD_BYTES,
      ),
    });
    if (frame !== undefined && settings.codec === 'auto') {
      this.#chooser.sealed({
        codec,
        rawBytes: frame.summary.rawBytes,
        storedBytes: frame.summary.totalBytes,
        sealMs: nowMs() - startedAtMs,
      });
    }
    return { frame, heldBefore };
  }

  #codec(): CodecName {
    const { settings, nowMs } = this.#options;
    if (settings.codec !== 'auto') {
      return this.#allowed.has(settings.codec) ? settings.codec : 'none';
    }
    const now = nowMs();
    if (now - this.#reviewedAtMs >= REVIEW_MS) this.#review(now);
    return this.#chooser.next(now);
  }

  #review(now: number): void {
    const { counters, idleCores } = this.#options;
    this.#noteFull(now);
    const elapsedMs = now - this.#reviewedAtMs;
    const fullMs = counters.send.windowFullMs - this.#fullMsAtReview;
    this.#chooser.review(
      {
        busy: Math.min(1, fullMs / elapsedMs),
        bytesPerSecond: (this.#ackedBytesSinceReview / elapsedMs) * 1000,
        rawBytesPerSecond: (this.#ackedRawBytesSinceReview / elapsedMs) * 1000,
        idleCores: idleCores(),
      },
      now,
    );
    this.#reviewedAtMs = now;
    this.#fullMsAtReview = counters.send.windowFullMs;
    this.#ackedBytesSinceReview = 0;
    this.#ackedRawBytesSinceReview = 0;
  }

  /** Adds up the time during which the window stood full. */
  #noteFull(now: number): void {
    if (this.#fullSinceMs !== undefined) {
      this.#options.counters.send.windowFullMs += now - this.#fullSinceMs;
    }
    this.#fullSinceMs = this.#window.full || this.#awaitingCredit ? now : undefined;
  }

  #noteSealed(frame: SealedFrame): void {
    const { summary } = frame;
    const key = originKey(summary);
    if (summary.lastLsn > (this.#sealed.get(key) ?? 0n)) this.#sealed.set(key, summary.lastLsn);
  }

  #send(frame: SealedFrame): void {
    const { session, counters, nowMs } = this.#options;
    const { summary } = frame;
    const now = nowMs();
    const flying: FlyingFrame = {
      site: summary.site,
      incarnation: summary.incarnation,
      lastLsn: summary.lastLsn,
      bytes: frame.bytes.length,
      rawBytes: summary.rawBytes,
      sentAtMs: now,
      shards: frame.shards,
    };
    session.sendFrame(frame.bytes, { entryCount: summary.entryCount });
    this.#window.sent(flying);
    this.#noteFull(now);
    counters.send.frames++;
    counters.send.entries += frame.entriesIn;
    counters.send.entriesSent += summary.entryCount;
    counters.send.rawBytes += frame.rawBytesIn;
    counters.send.compactedBytes += summary.rawBytes;
    counters.send.sentBytes += frame.bytes.length;
  }
}

function isOwn(cursor: { site: number; incarnation: bigint }, origin: WireOrigin): boolean {
  return cursor.site === origin.site && cursor.incarnation === origin.incarnation;
}

function mergeMarks(
  a: readonly { shard: number; seq: bigint }[],
  b: readonly { readonly shard: number; readonly seq: bigint }[],
): { shard: number; seq: bigint }[] {
  if (b.length === 0) return [...a];
  const merged = new ShardCursors();
  merged.raise(a);
  merged.raise(b);
  return merged.list();
}
