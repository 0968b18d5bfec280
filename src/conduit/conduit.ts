/**
 * The conduit: authenticated conversations with all peers, for as long as the node lives.
 *
 * ```ts
 * const conduit = await openConduit(options);
 * conduit.on('session', (session) => {            // a peer is up; any earlier session of it is over
 *   session.attach({                              // now, in this tick: afterwards frames may come
 *     onFrame(frame, info) { ... journal it; when it is durable, as below ... },
 *     onAck(cursors) { ... },
 *     onClose(reason) { ... },
 *   });
 * });
 * // one loop a session sends:
 * while (await session.credit(frame.length)) session.sendFrame(frame, { entryCount });
 * // when a received frame is durable:
 * session.sendAck(cursors);
 * session.release(frame.length, 1);
 * // in the end:
 * await conduit.close({ drainMs: 5000 });
 * ```
 *
 * What it promises:
 * - At most one session a peer is up at any time; 'down' of the old one comes before 'session' of the new.
 * - A frame is delivered whole, in order within its session, or not at all. Nothing is resent: after
 *   'session' the sender goes on from `session.hello.cursors`, and duplicates are the receiver's to drop.
 * - Memory: what a peer may have in flight here is `windowBytes`, granted again only by `release`. What
 *   waits to go out is one frame above the socket's own buffer, as `credit` waits for the link too.
 * - Every frame's origin site is the authenticated site, unless both sides have the capability `forward`.
 * - A silent peer is down within `heartbeat.timeoutMs`. Dialling goes on for ever, with backoff.
 *
 * Not its business: what a frame holds (checksums, entries), epochs and cursors beyond carrying them,
 * and what is sent first. Those who decide so end a session with `session.close(code, message)`.
 */
import { EventEmitter } from 'node:events';

import type { PeekFrame } from './assembler';
import type { BackoffOptions } from './backoff';
import type { VerifyControl } from './control-decode';
import type { Endpoint } from './endpoints';
import { REAL_ENVIRONMENT, type Environment, type Logger } from './environment';
import { ConduitError, type EndCode } from './errors';
import type { HandshakeLimits } from './handshake-limits';
import { HEARTBEAT_DEFAULTS, type HeartbeatOptions } from './heartbeat';
import { checkIdentity, clusterIdOf, type IdentityOf } from './identity';
import { refuseLink } from './link';
import { Listener, type AcceptedChannel } from './listener';
import { PeerConnection } from './peer-connection';
import {
  CAPABILITIES_MAX,
  CAPABILITY_BYTES_MAX,
  FRAME_BYTES_MAX,
  FRAME_BYTES_MAX_LEAST,
  SOFTWARE_BYTES_MAX,
} from './protocol';
import type { SessionSettings } from './session-options';
import { TcpLink } from './tcp-link';
import type { TlsMaterial } from './tls';
import type {
  CloseReason,
  LocalStatus,
  PeerCounters,
  PeerStatus,
  RefusedConnection,
  Session,
} from './types';

export interface PeerOptions {
  readonly site: number;
  /** Tried in turn. Empty: the peer is not dialled, only waited for. */
  readonly endpoints: readonly Endpoint[];
}

export interface ConduitOptions {
  /** 8-4-4-4-12 hexadecimal digits. */
  readonly clusterUuid: string;
  /** This node's site, 1 to 65535; must be the site of the certificate. */
  readonly site: number;
  /** Without it nobody is accepted. Port 0: any, see `Conduit.endpoint`. */
  readonly listen?: Endpoint;
  readonly peers: readonly PeerOptions[];
  readonly tls: TlsMaterial;
  /** For people: name and version, at most 128 bytes. */
  readonly software: string;
  /** Bit n: codec n of frame.fbs can be read. */
  readonly codecs: number;
  readonly entrySchemaMax: number;
  readonly capabilities?: readonly string[];

  /** Asked at every handshake. Must not throw. */
  readonly status: (peerSite: number) => LocalStatus;
  /** Asked at every heartbeat. Must not throw. */
  readonly peerStatus: (peerSite: number) => PeerStatus;

  /** Of the bindings. */
  readonly peekFrame: PeekFrame;
  /** Of the bindings. */
  readonly verifyControl: VerifyControl;
  /** Of src/security. */
  readonly identityOf: IdentityOf;
  readonly log: Logger;

  /** Larger frames are refused. Default and most: 128 + 4 MiB. */
  readonly frameBytesMax?: number;
  /** What each peer may have in flight here. Default 16 MiB and 1,024 frames. */
  readonly windowBytes?: number;
  readonly windowFrames?: number;
  /** Default: every 250 ms, down after 900 ms of silence. */
  readonly heartbeat?: HeartbeatOptions;
  /** Default: 100 ms doubling to 5 s; anew after 10 s of session. */
  readonly backoff?: BackoffOptions;
  /** TCP, TLS, Hello and Ready together. Default 5000. */
  readonly handshakeTimeoutMs?: number;
  /** Of drains that a peer begins. Default 5000. */
  readonly drainTimeoutMs?: number;
  /** Default 8 an address, 64 in all. */
  readonly handshakeLimits?: HandshakeLimits;
  readonly environment?: Environment;
}

export interface ConduitEvents {
  /** A peer is up: attach handlers before returning. */
  session: [session: Session];
  /** That session is over, after its own `onClose`. */
  down: [session: Session, reason: CloseReason];
  /** Somebody was turned away, by either side, before a session was up. */
  refused: [refused: RefusedConnection];
}

const WINDOW_BYTES = 16 * 1024 * 1024;
const WINDOW_FRAMES = 1024;
const BACKOFF_DEFAULTS: BackoffOptions = { baseMs: 100, capMs: 5000, stableMs: 10_000 };
const HANDSHAKE_LIMITS: HandshakeLimits = { perAddress: 8, total: 64 };
const HANDSHAKE_TIMEOUT_MS = 5000;
const DRAIN_TIMEOUT_MS = 5000;

/** Listens and starts dialling. Rejects if it cannot listen, or with "invalid_argument". */
export async function openConduit(options: ConduitOptions): Promise<Conduit> {
  const conduit = new Conduit(options);
  await conduit.open();
  return conduit;
}

export class Conduit extends EventEmitter<ConduitEvents> {
  private readonly settings: SessionSettings;
  private readonly peers: ReadonlyMap<number, PeerConnection>;
  private readonly listener: Listener | undefined;
  private listening: Endpoint | undefined;
  private readonly strangerRefusals = new Map<string, number>();
  private closed: Promise<void> | undefined;

  /** Use `openConduit`. */
  constructor(private readonly options: ConduitOptions) {
    super();
    checkOptions(options);
    this.settings = sessionSettings(options);
    this.peers = new Map(options.peers.map((peer) => [peer.site, this.makePeer(peer)]));
    this.listener = options.listen && this.makeListener(options.listen);
  }

  async open(): Promise<void> {
    this.listening = await this.listener?.open();
    for (const peer of this.peers.values()) peer.start();
  }

  /** Where it listens, with the port in use. */
  get endpoint(): Endpoint | undefined {
    return this.listening;
  }

  /** The session with a peer that is up. */
  session(site: number): Session | undefined {
    return this.peers.get(site)?.session;
  }

  /** Live totals of a configured peer. */
  counters(site: number): Readonly<PeerCounters> | undefined {
    return this.peers.get(site)?.counters;
  }

  /** Connections turned away that are no configured peer's, by reason. */
  refusals(): ReadonlyMap<string, number> {
    return this.strangerRefusals;
  }

  /** Accepts and dials no more, drains every session for at most `drainMs`, and ends. Idempotent. */
  close({ drainMs }: { readonly drainMs: number }): Promise<void> {
    this.closed ??= this.closeAll(drainMs);
    return this.closed;
  }

  private async closeAll(drainMs: number): Promise<void> {
    const listenerClosed = this.listener?.close();
    const peers = [...this.peers.values()];
    await Promise.all(peers.map((peer) => peer.close(drainMs, 'this node is shutting down')));
    await listenerClosed;
  }

  private makePeer({ site, endpoints }: PeerOptions): PeerConnection {
    const { options } = this;
    return new PeerConnection(
      {
        site,
        endpoints,
        clusterUuid: options.clusterUuid,
        tls: options.tls,
        identityOf: options.identityOf,
        handshakeTimeoutMs: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
        backoff: options.backoff ?? BACKOFF_DEFAULTS,
        session: this.settings,
      },
      {
        onUp: (session) => this.emit('session', session),
        onDown: (session, reason) => this.emit('down', session, reason),
        onRefused: (refused) => this.emit('refused', refused),
      },
    );
  }

  private makeListener(endpoint: Endpoint): Listener {
    const { options } = this;
    return new Listener({
      endpoint,
      tls: options.tls,
      limits: options.handshakeLimits ?? HANDSHAKE_LIMITS,
      handshakeTimeoutMs: options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
      environment: this.settings.environment,
      identityOf: options.identityOf,
      onChannel: (channel) => this.onChannel(channel),
      onRefusal: (code, address, message) => this.onRefusal(code, address, message),
    });
  }

  private onChannel(channel: AcceptedChannel): void {
    const { socket, remote } = channel;
    const { clusterUuid } = this.options;
    const objection = checkIdentity(remote, clusterUuid, new Set(this.peers.keys()));
    const peer = this.peers.get(remote.site);
    if (objection === undefined && peer !== undefined) {
      peer.accept(channel);
      return;
    }
    const { code, message } = objection ?? { code: 'unknown_site', message: 'not a peer' };
    const { peekFrame, environment } = this.settings;
    const counters = { bytesIn: 0, bytesOut: 0 };
    refuseLink(new TcpLink(socket, { remote, counters, peekFrame, environment }), code, message);
    this.onRefusal(code, remote.address, message);
  }

  private onRefusal(code: EndCode, address: string, reason: string): void {
    this.strangerRefusals.set(code, (this.strangerRefusals.get(code) ?? 0) + 1);
    this.settings.log.warn({ code, address, reason }, 'connection refused');
    const refused = { code, message: reason, address, site: undefined };
    this.emit('refused', { ...refused, dialled: false, byPeer: false });
  }
}

function sessionSettings(options: ConduitOptions): SessionSettings {
  const environment = options.environment ?? REAL_ENVIRONMENT;
  return {
    clusterUuid: options.clusterUuid.toLowerCase(),
    cluster: clusterIdOf(options.clusterUuid),
    site: options.site,
    instance: drawInstance(environment),
    software: options.software,
    capabilities: options.capabilities ?? [],
    codecs: options.codecs,
    entrySchemaMax: options.entrySchemaMax,
    frameBytesMax: options.frameBytesMax ?? FRAME_BYTES_MAX,
    windowBytes: options.windowBytes ?? WINDOW_BYTES,
    windowFrames: options.windowFrames ?? WINDOW_FRAMES,
    heartbeat: options.heartbeat ?? HEARTBEAT_DEFAULTS,
    drainTimeoutMs: options.drainTimeoutMs ?? DRAIN_TIMEOUT_MS,
    status: options.status,
    peerStatus: options.peerStatus,
    peekFrame: options.peekFrame,
    verifyControl: options.verifyControl,
    environment,
    log: options.log,
  };
}

/** Not a secret: it only has to differ from that of the process before. */
function drawInstance(environment: Environment): bigint {
  const half = (): bigint => BigInt(Math.floor(environment.random() * 2 ** 32));
  return (half() << 32n) | half();
}

function checkOptions(options: ConduitOptions): void {
  const { site, peers, software, capabilities = [] } = options;
  checkRange('site', site, 1, 65535);
  for (const peer of peers) checkRange('peer site', peer.site, 1, 65535);
  const sites = [site, ...peers.map((peer) => peer.site)];
  const twice = sites.find((one, i) => sites.indexOf(one) !== i);
  if (twice !== undefined) throw invalid(`site ${twice} appears twice, expected each site once`);
  const frameBytesMax = options.frameBytesMax ?? FRAME_BYTES_MAX;
  checkRange('frameBytesMax', frameBytesMax, FRAME_BYTES_MAX_LEAST, FRAME_BYTES_MAX);
  checkRange('windowBytes', options.windowBytes ?? WINDOW_BYTES, frameBytesMax, 2 ** 32 - 1);
  checkRange('windowFrames', options.windowFrames ?? WINDOW_FRAMES, 1, 2 ** 32 - 1);
  checkRange('software bytes', Buffer.byteLength(software), 0, SOFTWARE_BYTES_MAX);
  checkRange('capabilities', capabilities.length, 0, CAPABILITIES_MAX);
  for (const name of capabilities) {
    checkRange(`capability "${name}" bytes`, Buffer.byteLength(name), 1, CAPABILITY_BYTES_MAX);
  }
}

function checkRange(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw invalid(`${what} is ${value}, expected ${least} to ${most}`);
}

function invalid(message: string): ConduitError {
  return new ConduitError('invalid_argument', message);
}
