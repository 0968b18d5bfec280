/** A Link over one TLS socket. */
import type { TLSSocket } from 'node:tls';

import { MessageAssembler, type PeekFrame } from './assembler';
import type { Environment, Timer } from './environment';
import { ConduitError } from './errors';
import type { ByteCounters, Link, LinkHandlers, RemoteIdentity } from './link';
import { KIND_CONTROL, KIND_FRAME, PREFIX_BYTES, encodePrefix } from './protocol';

/** Enough that the socket never runs dry while the next frame is fetched; little enough to wait behind. */
const ROOM_BYTES = 1024 * 1024;
const CLOSE_LINGER_MS = 1000;
const KEEP_ALIVE_DELAY_MS = 10_000;

export interface TcpLinkOptions {
  readonly remote: RemoteIdentity;
  readonly counters: ByteCounters;
  readonly peekFrame: PeekFrame;
  readonly environment: Environment;
}

export class TcpLink implements Link {
  readonly remote: RemoteIdentity;
  readonly closed: Promise<void>;
  private readonly counters: ByteCounters;
  private handlers: LinkHandlers | undefined;
  private assembler: MessageAssembler | undefined;
  private socketError: Error | undefined;
  private wantsRoom = false;
  private lingerTimer: Timer | undefined;

  /** Takes over a socket whose TLS handshake is done; nothing has been read from it yet. */
  constructor(
    private readonly socket: TLSSocket,
    private readonly options: TcpLinkOptions,
  ) {
    this.remote = options.remote;
    this.counters = options.counters;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.on('error', (error: Error) => {
      this.socketError = error;
    });
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.lingerTimer?.cancel();
        resolve();
      });
    });
  }

  attach(handlers: LinkHandlers): void {
    this.handlers = handlers;
    this.assembler = new MessageAssembler(this.options.peekFrame, handlers);
    void this.closed.then(() => handlers.onClose(this.socketError));
    this.socket.on('data', (chunk: Buffer) => this.receive(chunk));
  }

  sendControl(bytes: Uint8Array): void {
    this.send(KIND_CONTROL, bytes);
  }

  sendFrame(frame: Uint8Array): void {
    this.send(KIND_FRAME, frame);
  }

  hasRoom(): boolean {
    const room = this.socket.writableLength < ROOM_BYTES;
    this.wantsRoom ||= !room;
    return room;
  }

  queuedBytes(): number {
    return this.socket.writableLength;
  }

  close(): void {
    if (this.lingerTimer !== undefined || this.socket.destroyed) return;
    this.assembler = undefined;
    // Reading goes on: closing with unread bytes would reset the connection and lose our last words.
    this.socket.resume();
    this.socket.end();
    this.lingerTimer = this.options.environment.setTimer(CLOSE_LINGER_MS, () => this.destroy());
  }

  destroy(): void {
    this.assembler = undefined;
    this.socket.destroy();
  }

  private send(kind: typeof KIND_CONTROL | typeof KIND_FRAME, body: Uint8Array): void {
    if (!this.socket.writable) return;
    this.counters.bytesOut += PREFIX_BYTES + body.length;
    this.socket.cork();
    this.socket.write(encodePrefix(kind, body.length));
    this.socket.write(body, this.onWritten);
    this.socket.uncork();
  }

  private readonly onWritten = (): void => {
    if (!this.wantsRoom || !this.hasRoom()) return;
    this.wantsRoom = false;
    this.handlers?.onRoom();
  };

  private receive(chunk: Buffer): void {
    this.counters.bytesIn += chunk.length;
    if (this.assembler === undefined) return;
    this.handlers?.onHeard();
    try {
      this.assembler.push(chunk);
    } catch (error) {
      if (!(error instanceof ConduitError)) throw error;
      this.assembler = undefined;
      this.handlers?.onFault(error);
    }
  }
}
