/** Accepts connections: bounds who is at the door, makes the channel, checks the certificate. */
import net from 'node:net';
import tls from 'node:tls';

import type { Endpoint } from './endpoints';
import type { Environment } from './environment';
import { ConduitError, type EndCode } from './errors';
import { HandshakeGate, type HandshakeLimits } from './handshake-limits';
import type { RemoteIdentity } from './link';
import { identify, type IdentityOf } from './identity';
import { channelObjection, serverTlsOptions, tlsFailureCode, type TlsMaterial } from './tls';

export interface ListenerOptions {
  readonly endpoint: Endpoint;
  readonly tls: TlsMaterial;
  readonly limits: HandshakeLimits;
  readonly handshakeTimeoutMs: number;
  readonly environment: Environment;
  readonly identityOf: IdentityOf;
  readonly onChannel: (channel: AcceptedChannel) => void;
  /** Someone was turned away before there was a channel to say so. */
  readonly onRefusal: (code: EndCode, address: string, message: string) => void;
}

/** A channel with an identified site, whose handshake is still to be done. */
export interface AcceptedChannel {
  readonly socket: tls.TLSSocket;
  readonly remote: RemoteIdentity;
  /** On the monotonic clock, when the connection was accepted. */
  readonly sinceUs: number;
  /** To be called once the handshake is over, either way; calls after the first do nothing. */
  readonly leave: () => void;
}

interface Visitor {
  readonly raw: net.Socket;
  readonly sinceUs: number;
  /** Once TLS is done. */
  channel?: tls.TLSSocket;
  /** Gives the place at the gate back. */
  readonly leave: () => void;
}

export class Listener {
  private readonly gate: HandshakeGate;
  private readonly server: net.Server;
  /** Never listens: it is handed the connections that pass the gate. */
  private readonly tlsServer: tls.Server;
  /** At the door, by address and port. */
  private readonly visitors = new Map<string, Visitor>();

  constructor(private readonly options: ListenerOptions) {
    this.gate = new HandshakeGate(options.limits);
    this.tlsServer = tls.createServer(serverTlsOptions(options.tls, options.handshakeTimeoutMs));
    this.tlsServer.on('secureConnection', (socket) => this.onSecure(socket));
    this.tlsServer.on('tlsClientError', (error, socket) => this.onTlsError(error, socket));
    this.server = net.createServer((socket) => this.onConnection(socket));
  }

  /** Resolves with the endpoint in use (the port may have been 0); rejects if it cannot listen. */
  open(): Promise<Endpoint> {
    return new Promise((resolve, reject) => {
      const { host, port } = this.options.endpoint;
      this.server.once('error', reject);
      this.server.listen({ host, port }, () => {
        this.server.off('error', reject);
        const address = this.server.address();
        resolve({ host, port: typeof address === 'object' ? (address?.port ?? port) : port });
      });
    });
  }

  /** Takes no more connections and drops those that have no channel yet. Sessions live on. */
  close(): Promise<void> {
    for (const { raw, channel } of this.visitors.values()) if (channel === undefined) raw.destroy();
    return new Promise((resolve) => {
      this.server.close(() => resolve());
    });
  }

  private onConnection(raw: net.Socket): void {
    const { remoteAddress: address, remotePort: port } = raw;
    raw.on('error', () => raw.destroy());
    if (address === undefined || port === undefined) {
      raw.destroy();
      return;
    }
    if (!this.gate.enter(address)) {
      raw.destroy();
      this.options.onRefusal('busy', address, 'too many unfinished handshakes');
      return;
    }
    const key = `${address}:${port}`;
    const leave = (): void => {
      if (this.visitors.delete(key)) this.gate.leave(address);
    };
    this.visitors.set(key, { raw, sinceUs: this.options.environment.monoUs(), leave });
    raw.once('close', leave);
    this.tlsServer.emit('connection', raw);
  }

  private onTlsError(error: Error & { code?: string }, socket: tls.TLSSocket): void {
    // Node says only that the connection was reset when it is the verification that failed.
    const failure = socket.authorizationError as unknown;
    const code = typeof failure === 'string' ? failure : error.code;
    socket.destroy();
    // The channel is gone by now and its address with it; the connection below still knows.
    const { _parent: raw } = socket as tls.TLSSocket & { readonly _parent?: net.Socket };
    const address = raw?.remoteAddress ?? socket.remoteAddress ?? 'unknown address';
    this.options.onRefusal(tlsFailureCode(code), address, code ?? error.message);
  }

  private onSecure(socket: tls.TLSSocket): void {
    const address = `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
    const visitor = this.visitors.get(address);
    const objection = channelObjection(socket);
    if (objection !== undefined || visitor === undefined) {
      socket.destroy();
      if (objection !== undefined) this.options.onRefusal('tls', address, objection);
      return;
    }
    visitor.channel = socket;
    try {
      const remote = identify(socket, address, this.options.identityOf);
      this.options.onChannel({ socket, remote, sinceUs: visitor.sinceUs, leave: visitor.leave });
    } catch (error) {
      if (!(error instanceof ConduitError)) throw error;
      socket.destroy();
      this.options.onRefusal('bad_certificate', address, error.message);
    }
  }
}
