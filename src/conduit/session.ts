/**
 * One conversation over a Link: drives the state machines (handshake, heartbeat, credits, drain), which
 * decide, and does what they say. `types.ts` has the public face, `conduit.ts` the promises.
 */
import type { OwnerMap } from '../../bindings';
import { decodeControl } from './control-decode';
import { encodeControl, packCursors } from './control-encode';
import { countEnd } from './counters';
import {
  afterAnnounced,
  afterReceived,
  afterReleased,
  due,
  isSettled,
  mustAnnounce,
  startReceiver,
  type ReceiverCredit,
} from './credits';
import { DRAIN_START, stepDrain, type DrainAction, type DrainEvent } from './drain';
import type { Timer } from './environment';
import { ConduitError, REFUSE_CODES, type EndCode, type RefusalCode } from './errors';
import { checkFrame } from './frame-check';
import {
  startHandshake,
  stepHandshake,
  type HandshakeEvent,
  type HandshakeState,
} from './handshake';
import { bestSample, startHeartbeat, stepHeartbeat, type HeartbeatEvent } from './heartbeat';
import { makeHello } from './hello';
import type { Link } from './link';
import type { IncomingMessage, OutgoingMessage } from './messages';
import { CONTROL_BYTES_MAX, FRAME_BYTES_MAX } from './protocol';
import { COMPARE_CAPABILITY, Questions } from './questions';
import { SendGate } from './send-gate';
import type { SessionSettings, SessionStart } from './session-options';
import type {
  Agreement,
  Asked,
  CloseReason,
  FrameInfo,
  OriginCursor,
  PeerCounters,
  PeerHello,
  Session,
  SessionHandlers,
  SessionHealth,
} from './types';

/** Past this a peer that makes us answer but does not read is cut off: one frame and then some. */
const QUEUED_BYTES_MAX = FRAME_BYTES_MAX + 16 * CONTROL_BYTES_MAX;

/** Told to whoever started the session. */
export interface SessionOwner {
  /** The handshake is done. The owner attaches handlers or closes. */
  onOpen(session: ConduitSession): void;
  /** Over; also when it never opened. Last call. */
  onEnd(session: ConduitSession, reason: CloseReason): void;
}

interface Established {
  readonly hello: PeerHello;
  readonly agreed: Agreement;
}

export class ConduitSession implements Session {
  readonly peerSite: number;
  readonly dialled: boolean;
  readonly address: string;
  private readonly link: Link;
  private readonly counters: PeerCounters;
  private handshake: HandshakeState;
  private established: Established | undefined;
  private handlers: SessionHandlers | undefined;
  private heartbeat;
  private readonly gate: SendGate;
  private readonly questions: Questions;
  private receiver: ReceiverCredit;
  private drainState = DRAIN_START;
  private ended = false;
  private drainResolvers: ((drained: boolean) => void)[] = [];
  private handshakeTimer: Timer | undefined;
  private heartbeatTimer: Timer | undefined;
  private drainTimer: Timer | undefined;
  private drainReason = '';

  constructor(
    private readonly settings: SessionSettings,
    start: SessionStart,
    private readonly owner: SessionOwner,
  ) {
    this.link = start.link;
    this.gate = new SendGate(start.link);
    this.questions = new Questions({
      send: (message) => this.send(message),
      link: start.link,
      agreed: () => this.agreed.capabilities.has(COMPARE_CAPABILITY),
      answer: (body) => this.handlers?.onQuestion?.(body),
    });
    this.dialled = start.dialled;
    this.counters = start.counters;
    this.peerSite = start.link.remote.site;
    this.address = start.link.remote.address;
    this.receiver = startReceiver({ bytes: settings.windowBytes, frames: settings.windowFrames });
    this.heartbeat = startHeartbeat(this.nowMs());
    const hello = makeHello(settings, this.peerSite);
    this.handshake = startHandshake(hello, this.peerSite);
    this.handshakeTimer = settings.environment.setTimer(start.handshakeMs, () =>
      this.driveHandshake({ type: 'timeout' }),
    );
    this.link.attach({
      onHeard: () => this.driveHeartbeat({ type: 'heard' }),
      onControl: (bytes) => this.guard(() => this.onControl(bytes)),
      admitFrame: (info) => this.admitFrame(info),
      onFrame: (frame, info) => this.onFrame(frame, info),
      onRoom: () => {
        this.gate.serve();
        this.questions.serve();
      },
      onFault: (fault) => this.fail(fault),
      onClose: (error) => this.onLinkClosed(error),
    });
    this.send({ kind: 'hello', hello });
  }

  get hello(): PeerHello {
    return this.whenOpen().hello;
  }

  get agreed(): Agreement {
    return this.whenOpen().agreed;
  }

  get state(): Session['state'] {
    if (this.ended || this.established === undefined) return 'closed';
    return this.drainState.phase === 'open' ? 'open' : 'draining';
  }

  attach(handlers: SessionHandlers): void {
    if (this.handlers !== undefined) {
      throw new ConduitError('invalid_argument', 'this session has its handlers already');
    }
    this.handlers = handlers;
  }

  credit(frameBytes: number): Promise<boolean> {
    const { frameBytesMax } = this.hello;
    if (frameBytes > frameBytesMax) {
      const message = `frame of ${frameBytes} bytes, site ${this.peerSite} takes at most ${frameBytesMax}`;
      return Promise.reject(new ConduitError('too_large', message));
    }
    return this.gate.wait(frameBytes);
  }

  sendFrame(frame: Uint8Array, info: { readonly entryCount: number }): void {
    if (this.state !== 'open') {
      throw new ConduitError('closed', `the session with site ${this.peerSite} is ${this.state}`);
    }
    if (frame.length > this.hello.frameBytesMax || !this.gate.take(frame.length)) {
      throw new ConduitError('credit', `frame of ${frame.length} bytes without credit for it`);
    }
    this.counters.framesOut += 1;
    this.counters.entriesOut += info.entryCount;
    this.link.sendFrame(frame);
    this.gate.serve();
  }

  sendAck(cursors: readonly OriginCursor[]): void {
    if (this.state === 'closed') return;
    const packs = packCursors(cursors);
    if (packs.length === 0) packs.push([]);
    this.receiver = afterAnnounced(this.receiver);
    for (const pack of packs) {
      this.send({
        kind: 'ack',
        cursors: pack,
        creditBytesTotal: this.receiver.granted.bytes,
        creditFramesTotal: this.receiver.granted.frames,
      });
    }
  }

  sendIdMap(map: OwnerMap): void {
    if (this.state !== 'closed') this.send({ kind: 'idMap', map });
  }

  release(bytes: number, frames: number): void {
    const receiver = afterReleased(this.receiver, { bytes, frames });
    if (receiver === undefined) {
      throw new ConduitError('invalid_argument', 'more credit released than was taken');
    }
    this.receiver = receiver;
    if (this.state === 'closed') return;
    if (mustAnnounce(receiver)) this.sendAck([]);
    this.settle();
  }

  health(): SessionHealth {
    const sample = bestSample(this.heartbeat);
    return {
      rttUs: sample?.rttUs,
      clockSkewUs: sample?.skewUs,
      silentMs: Math.max(0, this.nowMs() - this.heartbeat.heardAtMs),
    };
  }

  ask(body: Uint8Array): Promise<Asked> {
    return this.questions.ask(body);
  }

  drain(deadlineMs: number, reason: string): Promise<boolean> {
    if (this.state === 'closed') {
      this.close('shutting_down', reason);
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      this.drainResolvers.push(resolve);
      this.drainReason ||= reason;
      this.startDrainDeadline(deadlineMs);
      this.driveDrain('drain');
    });
  }

  close(code: RefusalCode, message: string): void {
    if (this.ended) return;
    this.send({ kind: 'refuse', code, message });
    this.link.close();
    this.end({ code, message, byPeer: false });
  }

  /** For those who own both ends of time: the link goes at once, the peer is not told. */
  private abort(code: EndCode, message: string): void {
    if (this.ended) return;
    this.link.destroy();
    this.end({ code, message, byPeer: false });
  }

  private end(reason: { code: EndCode; message: string; byPeer: boolean }): void {
    this.ended = true;
    for (const timer of [this.handshakeTimer, this.heartbeatTimer, this.drainTimer])
      timer?.cancel();
    this.gate.close();
    this.questions.end(reason.message);
    for (const resolve of this.drainResolvers) resolve(reason.code === 'drained');
    this.drainResolvers = [];
    countEnd(this.counters, reason.code);
    this.handlers?.onClose(reason);
    this.owner.onEnd(this, reason);
  }

  private onLinkClosed(error: Error | undefined): void {
    if (this.ended) return;
    const message = error?.message ?? 'the peer closed the connection';
    this.end({ code: 'link_lost', message, byPeer: error === undefined });
  }

  private fail(error: ConduitError): void {
    if (this.ended) return;
    const code = error.code in REFUSE_CODES ? (error.code as RefusalCode) : 'internal';
    this.close(code, error.message);
  }

  /** What a peer's message breaks ends its session, not the process. */
  private guard(act: () => void): void {
    if (this.ended) return;
    try {
      act();
    } catch (error) {
      if (!(error instanceof ConduitError)) throw error;
      this.fail(error);
    }
  }

  private send(message: OutgoingMessage): void {
    if (this.ended) return;
    if (this.link.queuedBytes() > QUEUED_BYTES_MAX) {
      this.abort(
        'not_reading',
        `${this.link.queuedBytes()} bytes wait for a peer that does not read`,
      );
      return;
    }
    this.counters.controlsOut += 1;
    this.link.sendControl(encodeControl(message));
  }

  private onControl(bytes: Uint8Array): void {
    this.counters.controlsIn += 1;
    const message = decodeControl(bytes, this.settings.verifyControl);
    if (this.established === undefined) this.driveHandshake({ type: 'message', message });
    else this.onMessage(message);
  }

  private driveHandshake(event: HandshakeEvent): void {
    const { state, actions } = stepHandshake(this.handshake, event);
    this.handshake = state;
    for (const action of actions) {
      switch (action.type) {
        case 'sendReady':
          this.send(action.ready);
          break;
        case 'open':
          this.open(action.hello, action.agreed);
          break;
        case 'refuse':
          this.close(action.code, action.message);
          break;
        case 'refused':
          this.refusedByPeer(action.code, action.message);
          break;
      }
    }
  }

  private open(hello: PeerHello, agreed: Agreement): void {
    this.handshakeTimer?.cancel();
    this.established = { hello, agreed };
    this.gate.open({ bytes: hello.windowBytes, frames: hello.windowFrames });
    this.heartbeat = startHeartbeat(this.nowMs());
    const { cursors } = this.settings.status(this.peerSite);
    if (packCursors(cursors).length > 1) this.sendAck(cursors);
    this.driveHeartbeat({ type: 'tick' });
    this.owner.onOpen(this);
  }

  private onMessage(message: IncomingMessage): void {
    switch (message.kind) {
      case 'ack':
        this.gate.grant({ bytes: message.creditBytesTotal, frames: message.creditFramesTotal });
        if (message.cursors.length > 0) this.handlers?.onAck(message.cursors);
        break;
      case 'heartbeat':
        this.send({
          kind: 'heartbeatReply',
          seq: message.seq,
          sentMonoUs: message.sentMonoUs,
          wallUs: this.settings.environment.wallUs(),
        });
        this.handlers?.onPeerStatus?.(message.status);
        break;
      case 'heartbeatReply':
        this.driveHeartbeat({
          type: 'reply',
          sentMonoUs: message.sentMonoUs,
          monoUs: this.settings.environment.monoUs(),
          wallUs: this.settings.environment.wallUs(),
          peerWallUs: message.wallUs,
        });
        break;
      case 'idMap':
        this.handlers?.onIdMap?.(message.map);
        break;
      case 'drain':
        this.drainReason ||= message.reason;
        this.driveDrain('peerDrain');
        if (!this.ended) this.handlers?.onDrain?.(message.reason);
        break;
      case 'drainDone':
        this.driveDrain('peerDone');
        break;
      case 'question':
      case 'answer':
        this.questions.onMessage(message);
        break;
      case 'refuse':
        this.refusedByPeer(message.code, message.message);
        break;
      case 'hello':
      case 'ready':
        throw new ConduitError('out_of_order', `${message.kind} in an open session`);
      case 'unknown':
        break;
    }
  }

  private refusedByPeer(code: EndCode, message: string): void {
    this.link.close();
    this.end({ code, message, byPeer: true });
  }

  private admitFrame(info: FrameInfo): void {
    if (this.ended) throw new ConduitError('closed', 'the session is over');
    if (this.established === undefined) {
      throw new ConduitError('out_of_order', 'a frame before the handshake was done');
    }
    const { phase } = this.drainState;
    if (phase === 'settling' || phase === 'finished') {
      throw new ConduitError('out_of_order', 'a frame after Drain');
    }
    const { clusterUuid, frameBytesMax } = this.settings;
    const forward = this.established.agreed.capabilities.has('forward');
    checkFrame(info, { clusterUuid, frameBytesMax, peerSite: this.peerSite, forward });
    const receiver = afterReceived(this.receiver, info.totalBytes);
    if (receiver === undefined) {
      const { bytes, frames } = this.receiver.granted;
      const message = `frame of ${info.totalBytes} bytes beyond the ${bytes} bytes and ${frames} frames granted`;
      throw new ConduitError('credit_overrun', message);
    }
    this.receiver = receiver;
  }

  private onFrame(frame: Buffer, info: FrameInfo): void {
    if (this.ended) return;
    this.counters.framesIn += 1;
    this.counters.entriesIn += info.entryCount;
    this.handlers?.onFrame(frame, info);
  }

  private driveHeartbeat(event: HeartbeatEvent): void {
    if (this.ended || this.established === undefined) return;
    const { state, actions } = stepHeartbeat(
      this.heartbeat,
      event,
      this.nowMs(),
      this.settings.heartbeat,
    );
    this.heartbeat = state;
    for (const action of actions) {
      if (action.type === 'down') {
        this.abort('peer_silent', `nothing heard for ${Math.round(action.silentMs)} ms`);
        return;
      }
      this.sendHeartbeat(action.seq);
    }
    if (event.type !== 'tick') return;
    this.heartbeatTimer = this.settings.environment.setTimer(
      Math.max(0, this.heartbeat.tickAtMs - this.nowMs()),
      () => this.driveHeartbeat({ type: 'tick' }),
    );
  }

  private sendHeartbeat(seq: number): void {
    const { environment, peerStatus } = this.settings;
    this.send({
      kind: 'heartbeat',
      seq,
      sentMonoUs: environment.monoUs(),
      wallUs: environment.wallUs(),
      status: peerStatus(this.peerSite),
    });
    const unannounced = due(this.receiver);
    if (unannounced.bytes > 0 || unannounced.frames > 0) this.sendAck([]);
  }

  private driveDrain(event: DrainEvent): void {
    const { state, actions } = stepDrain(this.drainState, event);
    this.drainState = state;
    if (state.phase !== 'open') this.gate.close();
    for (const action of actions) this.doDrainAction(action);
    if (event === 'peerDrain') this.settle();
  }

  private doDrainAction(action: DrainAction): void {
    switch (action) {
      case 'sendDrain':
        this.send({ kind: 'drain', reason: this.drainReason });
        break;
      case 'startDeadline':
        this.startDrainDeadline(this.settings.drainTimeoutMs);
        break;
      case 'sendDone':
        this.sendAck([]);
        this.send({ kind: 'drainDone' });
        break;
      case 'closeDrained':
        this.link.close();
        this.end({ code: 'drained', message: this.drainReason, byPeer: false });
        break;
      case 'closeLate':
        this.close('shutting_down', 'not drained within the time allowed');
        break;
      case 'outOfOrder':
        throw new ConduitError('out_of_order', 'Drain or DrainDone out of order');
    }
  }

  private startDrainDeadline(deadlineMs: number): void {
    this.drainTimer?.cancel();
    this.drainTimer = this.settings.environment.setTimer(deadlineMs, () =>
      this.driveDrain('deadline'),
    );
  }

  private settle(): void {
    if (!this.ended && isSettled(this.receiver)) this.driveDrain('settled');
  }

  private whenOpen(): Established {
    if (this.established === undefined) {
      throw new ConduitError('closed', `the session with site ${this.peerSite} never opened`);
    }
    return this.established;
  }

  private nowMs(): number {
    return this.settings.environment.monoUs() / 1000;
  }
}
