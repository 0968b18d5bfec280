/**
 * One configured peer: dials it for as long as no session is up, takes what the listener accepted, and
 * lets the arbiter decide when there are two.
 */
import type { TLSSocket } from 'node:tls';

import { arbitrate, type Contender } from './arbiter';
import { BACKOFF_START, stepBackoff, type BackoffEvent, type BackoffOptions } from './backoff';
import { countEnd, newCounters } from './counters';
import { ENDPOINTS_START, stepEndpoints, type Endpoint } from './endpoints';
import type { Timer } from './environment';
import { ConduitError, isOrderly, isRefusal, type EndCode, type UseCode } from './errors';
import { checkIdentity, identify, type IdentityOf } from './identity';
import { refuseLink, type Link, type RemoteIdentity } from './link';
import type { AcceptedChannel } from './listener';
import { ConduitSession } from './session';
import type { SessionSettings } from './session-options';
import { TcpLink } from './tcp-link';
import { dialTls, type Dial, type TlsMaterial } from './tls';
import type { CloseReason, PeerCounters, RefusedConnection } from './types';

export interface PeerSettings {
  readonly site: number;
  /** Empty: the peer is waited for. */
  readonly endpoints: readonly Endpoint[];
  readonly clusterUuid: string;
  readonly tls: TlsMaterial;
  readonly identityOf: IdentityOf;
  /** TCP, TLS, Hello and Ready together. */
  readonly handshakeTimeoutMs: number;
  readonly backoff: BackoffOptions;
  readonly session: SessionSettings;
}

export interface PeerOwner {
  onUp(session: ConduitSession): void;
  onDown(session: ConduitSession, reason: CloseReason): void;
  /** No session came of it, as one side turned the other away. */
  onRefused(refused: RefusedConnection): void;
}

export class PeerConnection {
  readonly counters: PeerCounters = newCounters();
  private standing: ConduitSession | undefined;
  /** All that are not over, the ones in their handshake included. */
  private readonly sessions = new Set<ConduitSession>();
  /** All whose sockets are not gone, the ones that linger after their session included. */
  private readonly links = new Set<Link>();
  private backoff = BACKOFF_START;
  private endpoints = ENDPOINTS_START;
  private dial: Dial | undefined;
  private dialTimer: Timer | undefined;
  private closing = false;
  private lastFailure = '';

  constructor(
    private readonly settings: PeerSettings,
    private readonly owner: PeerOwner,
  ) {}

  get session(): ConduitSession | undefined {
    return this.standing;
  }

  start(): void {
    this.dialNow();
  }

  /** Takes a channel that the listener has identified as this peer. */
  accept({ socket, remote, sinceUs, leave }: AcceptedChannel): void {
    if (this.closing) {
      socket.destroy();
      return;
    }
    this.startSession(this.makeLink(socket, remote), false, sinceUs, leave);
  }

  /** Drains what is up, ends the rest, dials no more. Resolves when no socket is left. */
  async close(drainMs: number, reason: string): Promise<void> {
    this.closing = true;
    this.dialTimer?.cancel();
    this.dial?.cancel();
    await Promise.all(
      [...this.sessions].map(async (session) => {
        if (session === this.standing && drainMs > 0) await session.drain(drainMs, reason);
        else session.close('shutting_down', reason);
      }),
    );
    await Promise.all([...this.links].map((link) => link.closed));
  }

  private dialNow(): void {
    const endpoint = this.settings.endpoints[this.endpoints.index];
    if (endpoint === undefined || this.closing || this.isBusy()) return;
    this.counters.dials += 1;
    const { tls, handshakeTimeoutMs, session } = this.settings;
    const sinceUs = session.environment.monoUs();
    const dial = dialTls(endpoint, tls, handshakeTimeoutMs, session.environment);
    this.dial = dial;
    dial.socket.then(
      (socket) => {
        this.dial = undefined;
        this.onChannel(socket, endpoint, sinceUs);
      },
      (error: unknown) => {
        this.dial = undefined;
        if (!(error instanceof ConduitError)) throw error;
        this.onDialFailed(error.code, error.message, endpoint);
      },
    );
  }

  /** True while there is a session, or one may come of what was begun. */
  private isBusy(): boolean {
    const isGreeting = [...this.sessions].some((session) => session.dialled);
    return this.standing !== undefined || this.dial !== undefined || isGreeting;
  }

  private onChannel(socket: TLSSocket, endpoint: Endpoint, sinceUs: number): void {
    const { site, clusterUuid, identityOf } = this.settings;
    if (this.closing) {
      socket.destroy();
      return;
    }
    const address = `${endpoint.host}:${endpoint.port}`;
    try {
      const remote = identify(socket, address, identityOf);
      const link = this.makeLink(socket, remote);
      const objection = checkIdentity(remote, clusterUuid, site);
      if (objection === undefined) {
        this.startSession(link, true, sinceUs, () => undefined);
      } else {
        refuseLink(link, objection.code, objection.message);
        this.onDialFailed(objection.code, `${address}: ${objection.message}`, endpoint);
      }
    } catch (error) {
      if (!(error instanceof ConduitError)) throw error;
      socket.destroy();
      this.onDialFailed(error.code, error.message, endpoint);
    }
  }

  private makeLink(socket: TLSSocket, remote: RemoteIdentity): Link {
    const { peekFrame, environment } = this.settings.session;
    const link = new TcpLink(socket, { remote, counters: this.counters, peekFrame, environment });
    this.links.add(link);
    void link.closed.then(() => this.links.delete(link));
    return link;
  }

  private startSession(link: Link, dialled: boolean, sinceUs: number, left: () => void): void {
    const { session: settings, handshakeTimeoutMs } = this.settings;
    const spentMs = (settings.environment.monoUs() - sinceUs) / 1000;
    const handshakeMs = Math.max(0, handshakeTimeoutMs - spentMs);
    const start = { link, dialled, counters: this.counters, handshakeMs };
    const session = new ConduitSession(settings, start, {
      onOpen: (opened) => {
        left();
        this.onOpen(opened);
      },
      onEnd: (ended, reason) => {
        left();
        this.onEnd(ended, reason);
      },
    });
    this.sessions.add(session);
  }

  private onOpen(candidate: ConduitSession): void {
    const { site, session } = this.settings;
    const verdict = arbitrate(
      session.site,
      site,
      this.standing && contender(this.standing),
      contender(candidate),
    );
    if (this.closing || verdict.survives === 'standing') {
      const code = verdict.survives === 'standing' ? verdict.code : 'shutting_down';
      candidate.close(code, REFUSAL_TEXTS[code]);
      return;
    }
    this.standing?.close('duplicate', REFUSAL_TEXTS.duplicate);
    this.standing = candidate;
    this.dialTimer?.cancel();
    this.dialTimer = undefined;
    this.lastFailure = '';
    this.stepBackoff({ type: 'up' });
    if (candidate.dialled) this.stepEndpoints('succeeded');
    if (this.counters.sessions > 0) this.counters.reconnects += 1;
    this.counters.sessions += 1;
    const { address, dialled, hello } = candidate;
    session.log.info({ site, address, dialled, software: hello.software }, 'peer is up');
    this.owner.onUp(candidate);
  }

  private onEnd(session: ConduitSession, reason: CloseReason): void {
    this.sessions.delete(session);
    const wasUp = session === this.standing;
    if (wasUp) this.standing = undefined;
    this.logEnd(wasUp ? 'peer is down' : 'handshake failed', reason.code, reason.message);
    if (wasUp) this.owner.onDown(session, reason);
    else this.tellRefused(session.address, session.dialled, reason);
    // An endpoint that refuses a duplicate is a good endpoint.
    if (session.dialled && !wasUp && reason.code !== 'duplicate') this.dialNextEndpoint();
    else this.dialLater(wasUp ? 'down' : 'failed');
  }

  private onDialFailed(code: EndCode | UseCode, message: string, endpoint: Endpoint): void {
    if (this.closing) return;
    countEnd(this.counters, code);
    this.logEnd('dial failed', code, message);
    this.tellRefused(`${endpoint.host}:${endpoint.port}`, true, { code, message, byPeer: false });
    this.dialNextEndpoint();
  }

  private tellRefused(
    address: string,
    dialled: boolean,
    { code, message, byPeer }: Pick<RefusedConnection, 'code' | 'message' | 'byPeer'>,
  ): void {
    if (!isRefusal(code) || isOrderly(code)) return;
    this.owner.onRefused({ code, message, address, site: this.settings.site, dialled, byPeer });
  }

  private dialNextEndpoint(): void {
    if (this.stepEndpoints('failed')) this.dialLater('failed');
    else this.dialNow();
  }

  private dialLater(type: 'failed' | 'down'): void {
    if (this.closing || this.dialTimer !== undefined || this.isBusy()) return;
    const { environment } = this.settings.session;
    const delayMs = this.stepBackoff({ type, random: environment.random() }) ?? 0;
    this.dialTimer = environment.setTimer(delayMs, () => {
      this.dialTimer = undefined;
      this.dialNow();
    });
  }

  private stepBackoff(event: BackoffEvent): number | undefined {
    const nowMs = this.settings.session.environment.monoUs() / 1000;
    const { state, delayMs } = stepBackoff(this.backoff, event, nowMs, this.settings.backoff);
    this.backoff = state;
    return delayMs;
  }

  /** True when every endpoint has had its turn. */
  private stepEndpoints(event: 'failed' | 'succeeded'): boolean {
    const count = this.settings.endpoints.length;
    const { state, roundOver } = stepEndpoints(this.endpoints, event, count);
    this.endpoints = state;
    return roundOver;
  }

  /** A peer that stays away says the same at every attempt: once is enough for whoever reads the log. */
  private logEnd(event: string, code: EndCode | UseCode, reason: string): void {
    const { site, session } = this.settings;
    const failure = `${event} ${code}`;
    if (failure === this.lastFailure) session.log.debug({ site, code, reason }, event);
    else if (isOrderly(code)) session.log.info({ site, code, reason }, event);
    else session.log.warn({ site, code, reason }, event);
    this.lastFailure = failure;
  }
}

const REFUSAL_TEXTS = {
  duplicate: 'another session between these sites survives',
  site_in_use: 'another process speaks for this site',
  shutting_down: 'this node is shutting down',
} as const;

function contender(session: ConduitSession): Contender {
  return { instance: session.hello.instance, dialled: session.dialled };
}
