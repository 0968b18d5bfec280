/**
 * The engine of one data directory: a durable journal and the state that its entries make.
 *
 * Nothing here blocks the thread: what may take longer than a millisecond runs on the engine's own
 * thread or on worker threads. An engine that is forgotten is closed as garbage; one that is open when
 * its worker thread or the process ends is closed then, without a checkpoint.
 */
import {
  type Text,
  U16_MAX,
  checkBoolean,
  checkBytes,
  checkFunction,
  checkInteger,
  checkObject,
  checkOneOf,
  checkUnsigned,
  hex64,
  textBytes,
} from './arguments';
import { Comparison } from './comparison';
import {
  type Conflict,
  type ConflictSide,
  type RecordedConflict,
  SETTLED,
  type SettledHow,
  fromNativeConflict,
} from './conflict';
import { flattenCursors, unflattenCursors } from './cursors';
import type { DecodedEntry } from './decode';
import { appendFlags, checkOptions } from './engine-options';
import { type CfsErrorCode, makeError } from './errors';
import { Feed } from './feed';
import { type SiteIdMap, flattenIdMaps } from './id-maps';
import { readInode, readRows } from './inode-rows';
import { type EngineHandle, native } from './native';
import type { LinkIdentity } from './op-parts';
import { OpBatch, addAll, batchSlab, handOver } from './op-batch';
import type { Operation } from './operation';
import { takeSlab } from './slab';
import { TakeOver } from './takeover';
import type {
  AppendOptions,
  AppendResult,
  Backlog,
  CollectOptions,
  CollectResult,
  CompareOptions,
  Digest,
  DumpOptions,
  EngineOptions,
  EngineStatus,
  InodeInfo,
  NamedInode,
  OpenProgress,
  OriginCursor,
  ReceiveResult,
} from './types';

const PAGE_MAX = 100_000;
/** Before the first. */
const NO_CONFLICT = { hlc: 0n, id: { site: 0, incarnation: 0n, lsn: 0n } };
const NO_BYTES = new Uint8Array(0);

type DurableListener = () => void;

/** Closes engines that nobody can reach any more. */
const forgotten = new FinalizationRegistry<EngineHandle>((handle) => {
  native.engineClose(handle, false).catch(() => undefined); // nobody is left to be told
});

export class Engine {
  readonly #handle: EngineHandle;
  readonly #site: number;
  readonly #listeners: Set<DurableListener>;
  /** For operations given as objects; its memory moves on with each append. */
  readonly #scratch = new OpBatch();
  #hasIdMaps = false;
  #closing: Promise<void> | undefined;

  private constructor(handle: EngineHandle, site: number, listeners: Set<DurableListener>) {
    this.#handle = handle;
    this.#site = site;
    this.#listeners = listeners;
    forgotten.register(this, handle, this);
  }

  /**
   * Opens a data directory, or makes one, and recovers what it holds. Rejects with LockedError when
   * another engine has it open, WrongClusterError when it is of another cluster or site, DataError
   * (CFS_CORRUPT) when it is damaged, StoppedError (CFS_IO) when the system refuses.
   */
  static async open(
    options: EngineOptions,
    onProgress?: (progress: OpenProgress) => void,
  ): Promise<Engine> {
    const checked = checkOptions(options);
    if (onProgress !== undefined) checkFunction('onProgress', onProgress);
    const listeners = new Set<DurableListener>();
    const onDurable = (): void => {
      for (const listener of listeners) listener();
    };
    const handle = await native.engineOpen(checked, onDurable, onProgress);
    return new Engine(handle, checked.site, listeners);
  }

  /**
   * Appends operations in order. Resolves when they are durable here (or as `ack` says) and visible to
   * lookups; appends resolve in the order of the calls. Operations are taken at once: what is done to
   * the arguments afterwards changes nothing, and a batch is empty again.
   *
   * Rejects with AppendError at the first operation that is refused (unless `keepGoing`), with
   * BusyError when the queue is full; a batch then keeps its operations.
   */
  async append(
    batch: OpBatch | Operation | readonly Operation[],
    options?: AppendOptions,
  ): Promise<AppendResult> {
    const flags = options === undefined ? 0 : appendFlags(options);
    const filled = batch instanceof OpBatch ? batch : this.#gather(batch);
    const slab = batchSlab(filled) ?? takeSlab(0);
    const { byteLength } = filled;
    const appended = native.engineAppend(this.#handle, slab, slab.bytes, byteLength, flags);
    handOver(filled);
    return appended;
  }

  #gather(operations: Operation | readonly Operation[]): OpBatch {
    const scratch = this.#scratch;
    scratch.reset(); // of what an append that was refused may have left
    if (Array.isArray(operations)) addAll(scratch, operations);
    else scratch.add(operations as Operation);
    return scratch;
  }

  /**
   * Takes a frame that came over a session with `site` in `incarnation`, whoever wrote it. Resolves when
   * it is durable and merged. `frame` must stay as it is until then. Rejects with DataError when it is not
   * a sound frame, SequenceGapError (CFS_LSN_GAP) when something before it is missing, EvictedError when
   * the journal of the session's peer is closed, WrongClusterError, StaleEpochError, BusyError.
   */
  async receive(frame: Uint8Array, site: number, incarnation: bigint): Promise<ReceiveResult> {
    checkBytes('frame', frame);
    checkInteger('site', site, 1, U16_MAX);
    checkUnsigned('incarnation', incarnation);
    return native.engineReceive(this.#handle, frame, site, incarnation);
  }

  /** What is held durably, own origin first; the shards' numbers too if asked for. */
  held(withShards = false): OriginCursor[] {
    return unflattenCursors(
      native.engineHeld(this.#handle, checkBoolean('withShards', withShards)),
    );
  }

  /** The peers whose cursors the journal is kept for. */
  setPeers(sites: readonly number[]): void {
    sites.forEach((site, index) => checkInteger(`sites[${index}]`, site, 1, U16_MAX));
    native.engineSetPeers(this.#handle, Uint16Array.from(sites));
  }

  /**
   * What was gone by `horizon` is forgotten, in the background, if it was written before the clock
   * `before` (an HLC). Every site must hold what the horizon covers, and this one all that any site had
   * written before it did.
   */
  forget(horizon: readonly OriginCursor[], before: bigint): void {
    const cursors = flattenCursors('horizon', horizon);
    native.engineForget(this.#handle, cursors, checkUnsigned('before', before));
  }

  /**
   * Which of a peer's cursors tell of another journal under the same name: the entry held here at their
   * LSN cannot have their HLC. Nothing is said of what is not held here, or was collected.
   */
  async findForks(theirs: readonly OriginCursor[]): Promise<OriginCursor[]> {
    const cursors = flattenCursors('theirs', theirs);
    return unflattenCursors(await native.engineFindForks(this.#handle, cursors));
  }

  /**
   * What a peer holds durably, in an incarnation: raises its cursor, never lowers it. Nothing when that
   * incarnation was evicted.
   */
  setPeerCursor(site: number, incarnation: bigint, held: readonly OriginCursor[]): void {
    checkInteger('site', site, 1, U16_MAX);
    checkUnsigned('incarnation', incarnation);
    native.engineSetPeerCursor(this.#handle, site, incarnation, flattenCursors('held', held));
  }

  peerCursor(site: number): OriginCursor[] {
    checkInteger('site', site, 1, U16_MAX);
    return unflattenCursors(native.enginePeerCursor(this.#handle, site));
  }

  /** How much of our own origin somebody lacks who holds it up to `lsn`. */
  backlogFrom(lsn: bigint): Backlog {
    return native.engineBacklog(this.#handle, checkUnsigned('lsn', lsn));
  }

  /**
   * A feed for a reader that has `held`. Throws TruncatedError when the journal no longer holds what
   * comes next. Who wants other sites' frames too (`FeedOptions.forward`) says so here as well, so that
   * the feed starts early enough for them.
   */
  openFeed(held: readonly OriginCursor[], options: { forward?: boolean } = {}): Feed {
    const forward = checkBoolean('forward', options.forward ?? false);
    const cursors = flattenCursors('held', held);
    return new Feed(native.engineOpenFeed(this.#handle, cursors, forward), this);
  }

  /**
   * Calls `listener` after something became durable, once for all that did since the last call: read
   * `held()` or `feed.next()` to see what. Returns how to stop. Listeners keep what they refer to alive
   * until the engine is closed, so an engine that its listener refers to is not closed as garbage.
   */
  onDurable(listener: DurableListener): () => void {
    checkFunction('listener', listener);
    this.#listeners.add(listener);
    native.engineListen(this.#handle, true);
    return () => {
      this.#listeners.delete(listener);
      if (this.#closing === undefined) native.engineListen(this.#handle, this.#listeners.size > 0);
    };
  }

  /**
   * How the ids that other sites wrote are shown from now on, all maps anew: by lookup, list and the
   * conflicts, and in the half of an owner that a change keeps. What is stored stays as it is. Throws
   * InvalidArgumentError for ranges that overlap, a site twice, or this one.
   */
  setIdMaps(maps: readonly SiteIdMap[]): void {
    native.engineSetIdMaps(this.#handle, flattenIdMaps(maps));
    this.#hasIdMaps = maps.length > 0;
  }

  /** The same entry, which is changed, with the ids of this site. */
  withLocalIds(entry: DecodedEntry): DecodedEntry {
    this.#showLocalOwner(entry);
    if (entry.conflict !== undefined) this.#showLocalOwners(entry.conflict);
    return entry;
  }

  #showLocalOwners<C extends Conflict>(conflict: C): C {
    this.#showLocalOwner(conflict.loser);
    this.#showLocalOwner(conflict.winner);
    return conflict;
  }

  #showLocalOwner(change: Pick<ConflictSide, 'site' | 'uid' | 'gid'>): void {
    const { site, uid, gid } = change;
    if (!this.#hasIdMaps || site === this.#site) return;
    if (uid === undefined || gid === undefined) return;
    [change.uid, change.gid] = native.engineLocalOwner(this.#handle, site, uid, gid);
  }

  /** Rejects with NotFoundError. */
  async lookup(inode: bigint): Promise<InodeInfo> {
    return readInode(await native.engineLookup(this.#handle, checkUnsigned('inode', inode)));
  }

  /** Rejects with NotFoundError, or TreeError when a component is not a directory. */
  async lookupPath(path: Text): Promise<InodeInfo> {
    return readInode(await native.engineLookupPath(this.#handle, textBytes('path', path)));
  }

  /** The names of a directory in byte order, after `after` (undefined: from the first). */
  async list(path: Text, after: Uint8Array | undefined, max: number): Promise<NamedInode[]> {
    const [pathBytes, afterBytes] = [
      textBytes('path', path),
      textBytes('after', after ?? NO_BYTES),
    ];
    checkInteger('max', max, 1, PAGE_MAX);
    return readRows(await native.engineList(this.#handle, pathBytes, afterBytes, max));
  }

  /**
   * Every visible name in byte order of its whole path, after the path `after`: a page of `max`. Ids are
   * those of the sites that wrote them, so that it is the same at every site; or ours, if asked for.
   */
  async dump(
    after: Uint8Array | undefined,
    max: number,
    options: DumpOptions = {},
  ): Promise<NamedInode[]> {
    const afterBytes = textBytes('after', after ?? NO_BYTES);
    checkInteger('max', max, 1, PAGE_MAX);
    const localIds = checkBoolean('localIds', options.localIds ?? false);
    return readRows(await native.engineDump(this.#handle, afterBytes, max, localIds));
  }

  /**
   * Equal on two sites that hold the same entries. Kept current, so it costs little; `rescan` looks at
   * everything as well, while nothing is merged, and rejects with DataError (CFS_CORRUPT) if that gives
   * another.
   */
  async digest(options: { rescan?: boolean } = {}): Promise<Digest> {
    const rescan = checkBoolean('rescan', options.rescan ?? false);
    const { sum, inodes, names } = await native.engineDigest(this.#handle, rescan);
    return { digest: hex64(sum), inodes, names };
  }

  /**
   * What this site says to a peer's question in a comparison, or in taking over a checkpoint. Rejects with
   * DataError for a bad one, NotFoundError for a checkpoint that is gone.
   */
  async answer(question: Uint8Array): Promise<Uint8Array> {
    return native.engineAnswer(this.#handle, checkBytes('question', question));
  }

  /** Starts a comparison with a peer; `repair` takes its registers where they are right. */
  compare(peer: number, options: CompareOptions = {}): Comparison {
    const { inode = 0n, repair = false } = options;
    checkInteger('peer', peer, 1, U16_MAX);
    checkUnsigned('inode', inode);
    checkBoolean('repair', repair);
    return new Comparison(native.engineCompare(this.#handle, peer, inode, repair), this);
  }

  /**
   * Begins to take over a checkpoint of a peer, which this site's state is once its data directory has been
   * opened again. Throws InvalidArgumentError where anything is held but entries of our own present origin.
   */
  takeOver(peer: number): TakeOver {
    checkInteger('peer', peer, 1, U16_MAX);
    return new TakeOver(native.engineTakeOver(this.#handle, peer), this);
  }

  /** A page of the ledger in order of time, after `after` (undefined: from the oldest). */
  async conflicts(
    after: Pick<RecordedConflict, 'hlc' | 'id'> | undefined,
    max: number,
  ): Promise<RecordedConflict[]> {
    const { hlc, id } = after ?? NO_CONFLICT;
    checkUnsigned('after.hlc', hlc);
    const [site, incarnation, lsn] = checkConflictId('after.id', id, 0);
    checkInteger('max', max, 1, PAGE_MAX);
    const handle = this.#handle;
    const page = await native.engineConflicts(handle, hlc, site, incarnation, lsn, max);
    return page.map((recorded) => this.#showLocalOwners(fromNativeConflict(recorded)));
  }

  /** Those that arrived after the one whose `arrival` is `after`, in the order in which they came. */
  async arrivedConflicts(after: number, max: number): Promise<RecordedConflict[]> {
    checkInteger('after', after, 0, Number.MAX_SAFE_INTEGER);
    checkInteger('max', max, 1, PAGE_MAX);
    const page = await native.engineArrivedConflicts(this.#handle, after, max);
    return page.map((recorded) => this.#showLocalOwners(fromNativeConflict(recorded)));
  }

  /** Rejects with NotFoundError. */
  async conflict(id: LinkIdentity): Promise<RecordedConflict> {
    const checked = checkConflictId('id', id, 1);
    const recorded = await native.engineFindConflict(this.#handle, ...checked);
    return this.#showLocalOwners(fromNativeConflict(recorded));
  }

  /**
   * Notes what was decided about a conflict, at all sites. `restored` makes the loser's change again
   * first: a write like any other, which replicates and wins over what is there. Resolves, when that is
   * durable here, with its LSN; rejects with NotFoundError, or BusyError and the like as `append` does.
   */
  async settleConflict(id: LinkIdentity, how: SettledHow): Promise<bigint> {
    const checked = checkConflictId('id', id, 1);
    checkOneOf('how', how, ['acknowledged', 'restored']);
    return native.engineSettleConflict(this.#handle, ...checked, SETTLED.indexOf(how));
  }

  /**
   * Puts into the ledger what a frame of a closed journal of this site has beyond what is held of it: its
   * changes as `unsent`, and the conflicts that it tells of. `before` is open on the data directory that
   * has the journal. Resolves with how many are new, which are durable then; once more adds nothing.
   * The frame must not change meanwhile. Rejects with InvalidArgumentError for a journal that no eviction
   * closed, with DataError for a frame that is none, and as `append` does.
   */
  async recordUnsent(frame: Uint8Array, before: Engine): Promise<number> {
    checkBytes('frame', frame);
    return native.engineRecordUnsent(this.#handle, frame, before.#handle);
  }

  /**
   * Puts into the ledger what an evicted site lost to changes that it will not hear of any more; the
   * journal is kept for it until then. To be called when all is here that any site holds of the closed
   * journals. Resolves with how many records are new, durable; 0 for a site that is not among
   * `status().unheard`.
   */
  recordUnheard(site: number): Promise<number> {
    checkInteger('site', site, 1, U16_MAX);
    return native.engineRecordUnheard(this.#handle, site);
  }

  /**
   * Closes the journals of `site` up to and including `incarnation`: here and at every site that learns of
   * it, nothing more is taken over a session with whoever writes one of them. Resolves with the entry's LSN
   * when it is durable here; rejects with InvalidArgumentError for this site's present journal or a later
   * one, or with BusyError and the like as `append` does.
   */
  async evict(site: number, incarnation: bigint): Promise<bigint> {
    checkInteger('site', site, 1, U16_MAX);
    checkUnsigned('incarnation', incarnation);
    return native.engineEvict(this.#handle, site, incarnation);
  }

  async checkpoint(): Promise<void> {
    await native.engineCheckpoint(this.#handle);
  }

  /** Deletes the journal that nobody needs any more. */
  async collect(options: CollectOptions = {}): Promise<CollectResult> {
    const { aggressive = false, auditOnly = false } = options;
    return native.engineCollect(
      this.#handle,
      checkBoolean('aggressive', aggressive),
      checkBoolean('auditOnly', auditOnly),
    );
  }

  /**
   * Makes the next opening of the data directory go on as a new incarnation. This one keeps its own, and
   * the caller appends nothing more.
   */
  async retireIncarnation(): Promise<void> {
    await native.engineRetireIncarnation(this.#handle);
  }

  status(): EngineStatus {
    const { stoppedCode, stoppedMessage, held, forgottenHorizon, ...rest } = native.engineStatus(
      this.#handle,
    );
    const stopped =
      stoppedCode === undefined
        ? undefined
        : makeError(stoppedCode as CfsErrorCode, stoppedMessage as string);
    return {
      ...rest,
      stopped,
      held: unflattenCursors(held),
      forgottenHorizon: unflattenCursors(forgottenHorizon),
    } as EngineStatus;
  }

  /** The number with which a source goes on in `shard`. */
  nextSeq(shard: number): bigint {
    return native.engineNextSeq(this.#handle, checkInteger('shard', shard, 0, U16_MAX));
  }

  /**
   * Finishes what is queued, then closes; with `checkpoint` (the default) so that the next open has
   * little to recover. What is called afterwards fails with ClosedError. Idempotent.
   */
  close(options: { checkpoint?: boolean } = {}): Promise<void> {
    if (this.#closing === undefined) {
      const checkpoint = checkBoolean('checkpoint', options.checkpoint ?? true);
      forgotten.unregister(this);
      this.#closing = native.engineClose(this.#handle, checkpoint);
    }
    return this.#closing;
  }
}

function checkConflictId(
  argument: string,
  id: LinkIdentity,
  siteMin: number,
): [site: number, incarnation: bigint, lsn: bigint] {
  checkObject(argument, id);
  return [
    checkInteger(`${argument}.site`, id.site, siteMin, U16_MAX),
    checkUnsigned(`${argument}.incarnation`, id.incarnation),
    checkUnsigned(`${argument}.lsn`, id.lsn),
  ];
}
