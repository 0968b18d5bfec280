/** A reader of the durable journal, frame by frame. */
import { checkBoolean, checkInteger, checkObject } from './arguments';
import { unflattenShards } from './cursors';
import { invalidArgument } from './errors';
import { type FeedHandle, native } from './native';
import type { FeedOptions, SealedFrame } from './types';

const CODECS: ReadonlyMap<unknown, number> = new Map([
  ['none', 0],
  ['lz4', 1],
  ['zstd', 2],
]);

// What limits.h says of a frame's body.
const RAW_BYTES_TARGET = 1024 * 1024;
const RAW_BYTES_MAX = 4 * 1024 * 1024;

const LEVEL_MAX = 64;

/** Made by `Engine.openFeed`. One `next` at a time; a second before the first has ended rejects. */
export class Feed {
  readonly #handle: FeedHandle;
  /** A feed in use keeps its engine from being closed as garbage. */
  readonly engine: object;

  /** @internal */
  constructor(handle: FeedHandle, engine: object) {
    this.#handle = handle;
    this.engine = engine;
  }

  /**
   * The next frame of the durable journal, or undefined when everything durable has been read; then ask
   * again after `Engine.onDurable`. Reading, compacting and compressing run on a worker thread.
   *
   * Rejects with TruncatedError when the journal no longer holds what comes next, with ClosedError once
   * the feed or its engine is closed.
   */
  async next(options: FeedOptions = {}): Promise<SealedFrame | undefined> {
    checkObject('options', options);
    const { codec = 'lz4', level = 0, compact = true, forward = false } = options;
    const { rawBytesTarget = RAW_BYTES_TARGET } = options;
    const codecNumber = CODECS.get(codec);
    if (codecNumber === undefined) throw invalidArgument('codec', codec, 'none, lz4 or zstd');
    const frame = await native.feedNext(
      this.#handle,
      codecNumber,
      checkInteger('level', level, -LEVEL_MAX, LEVEL_MAX),
      checkBoolean('compact', compact),
      checkBoolean('forward', forward),
      checkInteger('rawBytesTarget', rawBytesTarget, 1, RAW_BYTES_MAX),
    );
    return frame === undefined ? undefined : { ...frame, shards: unflattenShards(frame.shards) };
  }

  /** Lets go of what the feed holds. A `next` under way still ends. Idempotent. */
  close(): void {
    native.feedClose(this.#handle);
  }
}
