/**
 * A link carries whole messages between two authenticated sites, in order, or breaks. TCP with TLS is one
 * (`tcp-link.ts`). Sessions know nothing of sockets.
 */
import { encodeControl } from './control-encode';
import type { ConduitError, RefusalCode } from './errors';
import type { SiteIdentity } from './identity';
import type { FrameInfo } from './types';

export interface RemoteIdentity extends SiteIdentity {
  /** Address and port, for people. */
  readonly address: string;
}

/** Bytes on the wire above TLS. Shared by all links to one peer, so they are totals. */
export interface ByteCounters {
  bytesIn: number;
  bytesOut: number;
}

/** All are called from the event loop, never from within a call of the link's own methods. */
export interface LinkHandlers {
  /** Anything arrived. */
  onHeard(): void;
  /** Only valid until it returns. */
  onControl(bytes: Uint8Array): void;
  /** Before room is made for a frame. Throws ConduitError to refuse it. */
  admitFrame(info: FrameInfo): void;
  /** The buffer is exactly the frame and now the handler's. */
  onFrame(frame: Buffer, info: FrameInfo): void;
  /** `hasRoom()` is true again. */
  onRoom(): void;
  /** The peer broke the protocol, or `admitFrame` threw. Nothing more is delivered. */
  onFault(fault: ConduitError): void;
  /** The link is gone, whoever ended it. Last call. `error` if it did not end by itself. */
  onClose(error: Error | undefined): void;
}

export interface Link {
  readonly remote: RemoteIdentity;

  /** Once. Messages that came before wait for it. */
  attach(handlers: LinkHandlers): void;

  /** Queues a control message. The bytes are the link's until they are written. */
  sendControl(bytes: Uint8Array): void;

  /** Queues a frame, uncopied. The bytes must not change until they are written. */
  sendFrame(frame: Uint8Array): void;

  /** True while less is queued than the link wants to hold: ask before each frame. */
  hasRoom(): boolean;

  /** Bytes queued and not yet with the operating system. */
  queuedBytes(): number;

  /** Writes what is queued, then ends; drops what still arrives. Destroyed after a second at the latest. */
  close(): void;

  /** Ends at once. */
  destroy(): void;

  /** Resolves when nothing of the link is left. */
  readonly closed: Promise<void>;
}

/** Tells a peer with which no session begins why, and ends the link. */
export function refuseLink(link: Link, code: RefusalCode, message: string): void {
  link.sendControl(encodeControl({ kind: 'refuse', code, message }));
  link.close();
}
