/**
 * What sync needs of a conversation with a peer: the part of the conduit's `Session` that it uses.
 * `node.ts` hands the real one in; a test hands in one from memory.
 */

export interface WireOrigin {
  readonly site: number;
  readonly incarnation: bigint;
}

/** One entry, which its origin and its number name for ever. */
export interface WireEntry extends WireOrigin {
  readonly lsn: bigint;
}

export interface WireCursor {
  readonly origin: WireOrigin;
  readonly lsn: bigint;
  readonly shards: readonly { readonly shard: number; readonly seq: bigint }[];
  /** Of the entry `lsn`; absent if not known. */
  readonly hlc?: bigint;
}

/** What a frame's header says of its entries. */
export interface FrameStamp extends WireOrigin {
  readonly lastLsn: bigint;
  /** No entry in it has a greater HLC. */
  readonly hlcMax: bigint;
}

export interface SyncHandlers {
  onFrame(frame: Buffer, stamp: FrameStamp): void;
  onAck(cursors: readonly WireCursor[]): void;
  /** The peer sends no more frames, and waits until those that it sent are done with. */
  onDrain(): void;
  onClose(reason: {
    readonly code: string;
    readonly message: string;
    readonly byPeer: boolean;
  }): void;
}

export interface SyncSession {
  readonly peerSite: number;
  readonly hello: {
    /** The journal that the peer writes. */
    readonly origin: WireOrigin;
    /** The largest frame the peer takes. */
    readonly frameBytesMax: number;
    /** What the peer held, durable, when the session began. */
    readonly cursors: readonly WireCursor[];
  };
  readonly agreed: {
    readonly capabilities: ReadonlySet<string>;
    /** Bit n: codec n can be read by both. */
    readonly codecs: number;
  };
  credit(frameBytes: number): Promise<boolean>;
  sendFrame(frame: Uint8Array, info: { readonly entryCount: number }): void;
  sendAck(cursors: readonly WireCursor[]): void;
  release(bytes: number, frames: number): void;
  close(code: string, message: string): void;
}
