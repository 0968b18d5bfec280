import type { OwnerMap } from '../../bindings';
import type { EndCode, RefusalCode, UseCode } from './errors';

/**
 * The words of the conduit: what its users hold in their hands. `conduit.ts` tells how they are used.
 *
 * 64-bit numbers that identify something (LSN, incarnation, epoch, seq) are `bigint`; byte and frame
 * counts and times are `number`, and the unit is the last word of the name.
 */

/** A journal's identity. */
export interface Origin {
  readonly site: number;
  readonly incarnation: bigint;
}

export interface ClusterId {
  readonly hi: bigint;
  readonly lo: bigint;
}

/** What a frame's 128-byte header says, as far as the conduit needs it. `peekFrame` makes it. */
export interface FrameInfo extends Origin {
  readonly clusterUuid: string;
  readonly firstLsn: bigint;
  readonly lastLsn: bigint;
  /** No entry has a greater HLC. */
  readonly hlcMax: bigint;
  readonly epoch: bigint;
  readonly entryCount: number;
  /** Header and stored body: the length of the whole frame. */
  readonly totalBytes: number;
}

export interface ShardSeq {
  readonly shard: number;
  readonly seq: bigint;
}

/** Everything of `origin` up to and including `lsn` is durable at the speaker. */
export interface OriginCursor {
  readonly origin: Origin;
  readonly lsn: bigint;
  /** The same, in the source's own numbers; empty where the journal numbers. */
  readonly shards: readonly ShardSeq[];
  /** The HLC of the entry `lsn`, which tells two journals under one name apart; absent if not known. */
  readonly hlc?: bigint;
}

/** What a peer said of itself when the session began. */
export interface PeerHello {
  readonly protocolMin: number;
  readonly protocolMax: number;
  /** For people: name and version of the software. At most 128 bytes. */
  readonly software: string;
  readonly cluster: ClusterId;
  readonly origin: Origin;
  /** Drawn at random by each process: tells a restarted peer from the same one. */
  readonly instance: bigint;
  readonly epoch: bigint;
  readonly capabilities: readonly string[];
  /** Bit n: codec n of frame.fbs can be read. */
  readonly codecs: number;
  readonly entrySchemaMax: number;
  /** The largest frame the peer takes. */
  readonly frameBytesMax: number;
  readonly windowBytes: number;
  readonly windowFrames: number;
  /** What the peer held, durable, when it said hello; of every origin it knows. */
  readonly cursors: readonly OriginCursor[];
  /** What was gone by then the peer may have forgotten, because every site had seen it. */
  readonly forgotten: readonly OriginCursor[];
}

/** What both sides can do. */
export interface Agreement {
  readonly protocol: number;
  readonly capabilities: ReadonlySet<string>;
  readonly codecs: number;
}

/** What this node says of itself; asked for anew at every handshake. */
export interface LocalStatus {
  readonly incarnation: bigint;
  readonly epoch: bigint;
  readonly cursors: readonly OriginCursor[];
  readonly forgotten?: readonly OriginCursor[];
}

/** The last line of an audit trail, and the hash that stands for everything up to it. */
export interface AuditHead {
  readonly seq: number;
  /** SHA-256 as 64 hex digits. */
  readonly hash: string;
}

/** What is durable at a site, as far as the speaker knows. */
export interface SiteHeld {
  readonly site: number;
  /** The site's own when it held this; 0 if the speaker's version does not say. */
  readonly incarnation: bigint;
  readonly cursors: readonly OriginCursor[];
}

/** Whom a node talks to, and what it knows of everybody. */
export interface SiteStanding {
  /** Sites that the speaker has a session with, or had until a moment ago. */
  readonly reached: readonly number[];
  /** The speaker itself among them. Without shards. */
  readonly known: readonly SiteHeld[];
}

/** Rides on every heartbeat. */
export interface PeerStatus {
  readonly epoch: bigint;
  /** Newest durable LSN of the speaker's own origin. */
  readonly headLsn: bigint;
  /** Age of the oldest entry that the listener has not acked, 0 if there is none. Microseconds. */
  readonly oldestUnackedUs: number;
  /** Now and then: where the speaker's audit trail ends. Peers of before audit trails never say. */
  readonly auditHead?: AuditHead;
  /** Now and then. */
  readonly standing?: SiteStanding;
}

/** What heartbeats have measured. `undefined` until the first reply. */
export interface SessionHealth {
  readonly rttUs: number | undefined;
  /** The peer's wall clock minus ours, taken from the exchange with the least round trip of the last 8. */
  readonly clockSkewUs: number | undefined;
  /** Milliseconds since anything was heard from the peer. */
  readonly silentMs: number;
}

/** Totals since the conduit was opened, over all sessions with one peer. */
export interface PeerCounters {
  framesOut: number;
  framesIn: number;
  entriesOut: number;
  entriesIn: number;
  /** On the wire above TLS, prefixes and control messages included. */
  bytesOut: number;
  bytesIn: number;
  controlsOut: number;
  controlsIn: number;
  /** Attempts to reach the peer. */
  dials: number;
  /** Sessions that came up. */
  sessions: number;
  /** Sessions that came up after the first. */
  reconnects: number;
  /** Dials and sessions that ended in an error. */
  errors: number;
  /** By stable reason, such as "wrong_origin"; ours of them and theirs of us. */
  refusals: Map<string, number>;
}

/** A connection that came to nothing, because one side turned the other away. */
export interface RefusedConnection {
  /** A stable reason, such as "expired" or "wrong_site". */
  readonly code: EndCode | UseCode;
  readonly message: string;
  /** Of the other side. */
  readonly address: string;
  /** The configured peer that it is or was to be; undefined for a stranger. */
  readonly site: number | undefined;
  readonly dialled: boolean;
  /** True if the other side refused us. */
  readonly byPeer: boolean;
}

/** Why a session is over. */
export interface CloseReason {
  /** "drained" after an ordered shutdown, else a stable reason such as "peer_silent". */
  readonly code: EndCode;
  readonly message: string;
  /** True if the peer said so. */
  readonly byPeer: boolean;
}

/** What became of a question: its answer, or a stable CFS_ code and why there is none. */
export type Asked =
  { readonly answer: Uint8Array } | { readonly code: string; readonly message: string };

/** Called by a session, never before `attach` has returned, never after `onClose`. */
export interface SessionHandlers {
  /**
   * A frame of an origin this session may carry, its length as its header says; nothing else about it
   * has been verified. The buffer is its own allocation and belongs to the handler, which must give the
   * credit back with `release(frame.length, 1)` when the frame is acked or dropped.
   */
  onFrame(frame: Buffer, info: FrameInfo): void;
  /** The peer holds this durably. Cursors only grow within a session; some may repeat. */
  onAck(cursors: readonly OriginCursor[]): void;
  /** The peer will send no more frames and wants the end: journal what came, ack it. */
  onDrain?(reason: string): void;
  onPeerStatus?(status: PeerStatus): void;
  /** How the peer's ids are to be shown here; replaces what it said before. */
  onIdMap?(map: OwnerMap): void;
  /** The peer asks about this site's state. Rejects with an error that has a CFS_ code. */
  onQuestion?(body: Uint8Array): Promise<Uint8Array>;
  /** Last call. Frames already given to `onFrame` are still the handler's. */
  onClose(reason: CloseReason): void;
}

/** One authenticated conversation with one peer. See `conduit.ts`. */
export interface Session {
  readonly peerSite: number;
  /** True if this side dialled. */
  readonly dialled: boolean;
  /** The peer's address and port. */
  readonly address: string;
  /** What the peer said of itself. */
  readonly hello: PeerHello;
  /** What both can do. */
  readonly agreed: Agreement;
  readonly state: 'open' | 'draining' | 'closed';

  /** Once, synchronously, in the conduit's 'session' event. */
  attach(handlers: SessionHandlers): void;

  /**
   * Resolves when a frame of `frameBytes` may be sent: the peer has granted bytes and a frame, and the
   * link's own buffer has room. True, or false if the session drains or closes first. Rejects
   * with code "too_large" if the peer takes no frame of that size.
   */
  credit(frameBytes: number): Promise<boolean>;

  /**
   * Sends one sealed frame, uncopied: the caller leaves the bytes alone for as long as the process may
   * still be writing them (frames are immutable, so in effect for ever). Throws ConduitError "credit"
   * when `credit(frame.length)` would not resolve at once, "closed" when the session is not open.
   */
  sendFrame(frame: Uint8Array, info: { readonly entryCount: number }): void;

  /** Tells the peer what is durable here. Credit released so far rides along. */
  sendAck(cursors: readonly OriginCursor[]): void;

  /**
   * Gives back the credit of received frames that are durable or dropped. Ack first, then release: a
   * drain takes everything released for everything acked.
   */
  release(bytes: number, frames: number): void;

  /** Tells the peer how our ids are to be shown there. A peer that does not know of it passes over it. */
  sendIdMap(map: OwnerMap): void;

  health(): SessionHealth;

  /**
   * Asks about the peer's state; at most 192 KiB, answered with at most 4 MiB. Never rejects; what came of
   * it, the end of the session included, is in what it resolves with.
   */
  ask(body: Uint8Array): Promise<Asked>;

  /**
   * Ordered end: no frame is sent any more, both sides ack what they hold, then the link closes. What
   * the peer could not take now (sync/quarantine.ts) is released unacked: acks tell what it holds.
   * Resolves when it is closed, at the latest after `deadlineMs`, then with false.
   */
  drain(deadlineMs: number, reason: string): Promise<boolean>;

  /** Ends at once, telling the peer why if it still listens. */
  close(code: RefusalCode, message: string): void;
}
