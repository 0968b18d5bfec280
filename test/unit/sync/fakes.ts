/** A session and an engine from memory: what sync asks of them is recorded, what they answer is set. */
import type {
  Backlog,
  Feed,
  FeedOptions,
  OriginCursor,
  ReceiveResult,
  SealedFrame,
} from '../../../bindings';
import type { SyncEngine } from '../../../src/sync/peer';
import type {
  FrameStamp,
  SyncSession,
  WireCursor,
  WireOrigin,
} from '../../../src/sync/session-port';

export const OWN = { site: 1, incarnation: 11n };
export const PEER = { site: 2, incarnation: 22n };

export function cursor(origin: { site: number; incarnation: bigint }, lsn: bigint): OriginCursor {
  return { ...origin, lsn, shards: [] };
}

export function wireCursor(origin: { site: number; incarnation: bigint }, lsn: bigint): WireCursor {
  return { origin, lsn, shards: [] };
}

/** Of a frame of the peer's with the entry `hlcMax`, whose HLC is as much. */
export function stampOf(hlcMax: bigint): FrameStamp {
  return { ...PEER, lastLsn: hlcMax, hlcMax };
}

/** It is the epoch, and stays so. */
export const STILL_CLOCKS = {
  wallUnixMs: (): number => 0,
  monoMs: (): number => 0,
  driftLimitMs: (): number => 500,
};

export class FakeSession implements SyncSession {
  readonly peerSite = PEER.site;
  readonly hello: { origin: WireOrigin; frameBytesMax: number; cursors: WireCursor[] };
  readonly agreed = { capabilities: new Set(['forward']), codecs: 0b111 };
  readonly sent: Uint8Array[] = [];
  readonly acks: WireCursor[][] = [];
  readonly closed: { code: string; message: string }[] = [];
  releasedBytes = 0;
  releasedFrames = 0;
  grantsCredit = true;
  #creditWaiters: ((granted: boolean) => void)[] = [];

  constructor(held: WireCursor[] = []) {
    this.hello = { origin: PEER, frameBytesMax: 4 * 1024 * 1024 + 128, cursors: held };
  }

  credit(): Promise<boolean> {
    if (this.grantsCredit) return Promise.resolve(true);
    return new Promise((resolve) => this.#creditWaiters.push(resolve));
  }

  grant(granted: boolean): void {
    this.grantsCredit = granted;
    for (const resolve of this.#creditWaiters.splice(0)) resolve(granted);
  }

  sendFrame(frame: Uint8Array): void {
    this.sent.push(frame);
  }

  sendAck(cursors: readonly WireCursor[]): void {
    this.acks.push([...cursors]);
  }

  release(bytes: number, frames: number): void {
    this.releasedBytes += bytes;
    this.releasedFrames += frames;
  }

  close(code: string, message: string): void {
    this.closed.push({ code, message });
  }
}

/** A frame of own entries, as many bytes as entries. */
export function sealed(firstLsn: bigint, lastLsn: bigint): SealedFrame {
  const entryCount = Number(lastLsn - firstLsn) + 1;
  return {
    bytes: new Uint8Array(entryCount),
    summary: {
      ...OWN,
      clusterUuid: '',
      epoch: 1n,
      firstLsn,
      lastLsn,
      hlcMax: 0n,
      codec: 'lz4',
      entryCount,
      rawBytes: entryCount,
      totalBytes: entryCount,
    },
    entriesIn: entryCount,
    rawBytesIn: entryCount,
    shards: [{ shard: 7, seq: lastLsn }],
  };
}

export class FakeEngine implements SyncEngine {
  durableLsn = 0n;
  /** Entries that fit a frame. */
  frameEntries = 1000n;
  readonly cursorsSet: { site: number; held: readonly OriginCursor[] }[] = [];
  readonly received: {
    frame: Uint8Array;
    from: WireOrigin;
    resolve: (result: ReceiveResult) => void;
    reject: (error: Error) => void;
  }[] = [];
  feedsOpen = 0;
  openFeedError: Error | undefined;
  /** What opening a feed that forwards fails with. */
  forwardError: Error | undefined;
  readonly feedsForward: boolean[] = [];
  readonly nextsForward: boolean[] = [];
  known: OriginCursor[] = [];
  others: OriginCursor[] = [];
  /** What a comparison with the peer's cursors finds. */
  forks: OriginCursor[] = [];

  held(): OriginCursor[] {
    return [cursor(OWN, this.durableLsn), ...this.others];
  }

  findForks(): Promise<OriginCursor[]> {
    return Promise.resolve(this.forks);
  }

  setPeerCursor(site: number, _incarnation: bigint, held: readonly OriginCursor[]): void {
    this.cursorsSet.push({ site, held });
  }

  peerCursor(): OriginCursor[] {
    return this.known;
  }

  backlogFrom(lsn: bigint): Backlog {
    const entries = this.durableLsn > lsn ? this.durableLsn - lsn : 0n;
    return { entries, oldestUnixUs: entries === 0n ? 0n : 1_000_000n };
  }

  openFeed(held: readonly OriginCursor[], { forward = false } = {}): Feed {
    if (this.openFeedError !== undefined) throw this.openFeedError;
    if (forward && this.forwardError !== undefined) throw this.forwardError;
    this.feedsForward.push(forward);
    this.feedsOpen++;
    let next = (held.find(({ site }) => site === OWN.site)?.lsn ?? 0n) + 1n;
    const feed = {
      next: (options: FeedOptions): Promise<SealedFrame | undefined> => {
        this.nextsForward.push(options.forward ?? false);
        if (next > this.durableLsn) return Promise.resolve(undefined);
        const end = next + this.frameEntries - 1n;
        const frame = sealed(next, end < this.durableLsn ? end : this.durableLsn);
        next = frame.summary.lastLsn + 1n;
        return Promise.resolve(frame);
      },
      close: (): void => {
        this.feedsOpen--;
      },
    };
    return feed as unknown as Feed;
  }

  receive(frame: Uint8Array, site: number, incarnation: bigint): Promise<ReceiveResult> {
    const from = { site, incarnation };
    return new Promise((resolve, reject) => this.received.push({ frame, from, resolve, reject }));
  }

  /** The oldest frame that is in the engine becomes durable as entries up to `lastLsn`. */
  finish(lastLsn: bigint): void {
    this.received.shift()?.resolve({
      ...PEER,
      firstLsn: lastLsn,
      lastLsn,
      entries: 1,
      unknownEntries: 0,
      duplicate: false,
      hlcMax: 5n,
    });
  }
}

/** Lets everything that is due, promises included, happen. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
