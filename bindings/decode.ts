/**
 * Frames as tail shows them. Native code verifies and decompresses; only what it has verified is read
 * here, with the accessors that flatc makes from native/schema/frame.fbs. The payload of each op is laid
 * out as native/schema/FORMAT.md, "Entries", says.
 */
import { ByteBuffer } from 'flatbuffers';
import { checkBytes } from './arguments';
import { type Conflict, type SettledHow, decodeConflict, settledHow } from './conflict';
import { EntryHeader } from './generated/cfsrepl/schema/entry-header';
import { FrameBody } from './generated/cfsrepl/schema/frame-body';
import { native } from './native';
import { type LinkIdentity, type OpParts, decodePayload } from './op-parts';
import { OP_NAMES, type OpName } from './operation';
import { PayloadReader } from './payload-reader';
import type { FrameSummary, Origin } from './types';

/**
 * One entry. What its op carries is there, the rest is not. An op or schema that this build does not
 * know is `unknown` and has its `payload` instead.
 */
export interface DecodedEntry extends Origin, OpParts {
  lsn: bigint;
  hlc: bigint;
  shard: number;
  seq: bigint;
  inode: bigint;
  op: OpName | 'conflict' | 'conflictack' | 'evict' | 'unknown';
  opNumber: number;
  schema: number;
  /** Of a conflict. */
  conflict?: Conflict;
  /** Of a conflictack: which conflict, and what was decided. */
  settles?: LinkIdentity;
  how?: SettledHow;
  /** Of an evict: whose journals are closed, the last of them included. */
  evicts?: Origin;
  payload?: Uint8Array;
}

/** What the origin had seen of others when it wrote `fromLsn` and what follows, up to the next section. */
export interface SeenSection {
  fromLsn: bigint;
  seen: LinkIdentity[];
}

export interface ShardRange {
  shard: number;
  firstSeq: bigint;
  lastSeq: bigint;
}

const ENTRY_SCHEMA = 1;
const OP_CONFLICT = 13;
const OP_CONFLICTACK = 14;
const OP_EVICT = 15;

/** A verified frame. Entries are decoded when asked for; their bytes are views of the frame's body. */
export class DecodedFrame implements Iterable<DecodedEntry> {
  readonly summary: FrameSummary;
  readonly entryCount: number;
  readonly #body: FrameBody;
  readonly #payload: Uint8Array;

  /** @internal `body` has been verified. */
  constructor(body: Uint8Array, summary: FrameSummary) {
    this.summary = summary;
    this.#body = FrameBody.getRootAsFrameBody(new ByteBuffer(body));
    this.#payload = this.#body.payloadArray() ?? new Uint8Array(0);
    this.entryCount = this.#body.entriesLength();
  }

  /** Entries are in LSN order; compaction leaves gaps. Throws RangeError past the last. */
  entry(index: number): DecodedEntry {
    if (!Number.isInteger(index) || index < 0 || index >= this.entryCount) {
      throw new RangeError(`entry ${index} of a frame that has ${this.entryCount}`);
    }
    const header = this.#body.entries(index, new EntryHeader());
    if (header === null) throw new RangeError(`entry ${index} of a frame that has none`);
    return decodeEntry(header, this.#payload, this.summary.incarnation);
  }

  *[Symbol.iterator](): Iterator<DecodedEntry> {
    for (let index = 0; index < this.entryCount; index++) yield this.entry(index);
  }

  get seen(): SeenSection[] {
    return indexed(this.#body.seenLength(), (index) => this.#body.seen(index)).map((section) => ({
      fromLsn: section.fromLsn(),
      seen: indexed(section.seenLength(), (index) => section.seen(index)).map((held) => ({
        site: held.site(),
        incarnation: held.incarnation(),
        lsn: held.lsn(),
      })),
    }));
  }

  /** The sources' numbers that the frame covers. */
  get shards(): ShardRange[] {
    return indexed(this.#body.shardsLength(), (index) => this.#body.shards(index)).map((range) => ({
      shard: range.shard(),
      firstSeq: range.firstSeq(),
      lastSeq: range.lastSeq(),
    }));
  }
}

/**
 * Verifies a whole frame on a worker thread. `frame` must not change until the promise settles.
 * Rejects with DataError (CFS_MALFORMED, CFS_CHECKSUM, CFS_UNSUPPORTED) or CFS_TOO_LARGE.
 */
export async function decodeFrame(frame: Uint8Array): Promise<DecodedFrame> {
  const { body, summary } = await native.openFrame(checkBytes('frame', frame));
  return new DecodedFrame(body, summary);
}

/** What a frame's first 128 bytes say, once checked; so `totalBytes` tells how many to wait for. */
export function peekFrame(prefix: Uint8Array): FrameSummary {
  return native.peekFrame(checkBytes('prefix', prefix));
}

/** Throws DataError unless `message` is a whole control message whose every offset lies inside it. */
export function verifyControl(message: Uint8Array): void {
  native.verifyControl(checkBytes('message', message));
}

function indexed<T>(length: number, at: (index: number) => T | null): T[] {
  const items: T[] = [];
  for (let index = 0; index < length; index++) {
    const item = at(index);
    if (item !== null) items.push(item);
  }
  return items;
}

function decodeEntry(
  header: EntryHeader,
  payloadArea: Uint8Array,
  incarnation: bigint,
): DecodedEntry {
  const opNumber = header.op();
  const schema = header.schema();
  const op = schema === ENTRY_SCHEMA ? OP_NAMES[opNumber - 1] : undefined;
  const start = header.payloadOffset();
  const payload = payloadArea.subarray(start, start + header.payloadBytes());
  const entry: DecodedEntry = {
    lsn: header.lsn(),
    hlc: header.hlc(),
    site: header.site(),
    incarnation,
    shard: header.shard(),
    seq: header.seq(),
    inode: header.inode(),
    op: op ?? 'unknown',
    opNumber,
    schema,
  };
  if (op !== undefined) decodePayload(entry, op, new PayloadReader(payload));
  else if (schema === ENTRY_SCHEMA && opNumber === OP_CONFLICT) {
    entry.op = 'conflict';
    entry.conflict = decodeConflict(entry.inode, payload);
  } else if (schema === ENTRY_SCHEMA && opNumber === OP_CONFLICTACK) {
    const reader = new PayloadReader(payload);
    entry.op = 'conflictack';
    entry.settles = reader.linkIdentity();
    entry.how = settledHow(Number(reader.unsigned()));
  } else if (schema === ENTRY_SCHEMA && opNumber === OP_EVICT) {
    entry.op = 'evict';
    entry.evicts = new PayloadReader(payload).evicted();
  } else entry.payload = payload;
  return entry;
}
