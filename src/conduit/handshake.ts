/**
 * From an authenticated link to an open session; docs/conduit-protocol.md, "Hello and Ready".
 *
 * | phase | hello | ready | refuse | timeout | any other message |
 * | --- | --- | --- | --- | --- | --- |
 * | greeting | checked: sendReady -> agreeing, or refuse | refuse | end | refuse | refuse |
 * | agreeing | refuse | equal: open, or refuse | end | refuse | refuse |
 *
 * Ours is the Hello sent; every refusal carries a code and says what was expected.
 */
import type { RefusalCode, EndCode } from './errors';
import type { IncomingMessage, ReadyMessage } from './messages';
import { FRAME_BYTES_MAX_LEAST } from './protocol';
import type { Agreement, ClusterId, PeerHello } from './types';

export type HandshakePhase = 'greeting' | 'agreeing' | 'open' | 'ended';

export interface HandshakeState {
  readonly phase: HandshakePhase;
  readonly ours: PeerHello;
  /** The site that the peer's certificate names. */
  readonly peerSite: number;
  readonly theirs: PeerHello | undefined;
}

export type HandshakeEvent =
  { readonly type: 'message'; readonly message: IncomingMessage } | { readonly type: 'timeout' };

export type HandshakeAction =
  | { readonly type: 'sendReady'; readonly ready: ReadyMessage }
  | { readonly type: 'open'; readonly hello: PeerHello; readonly agreed: Agreement }
  | { readonly type: 'refuse'; readonly code: RefusalCode; readonly message: string }
  | { readonly type: 'refused'; readonly code: EndCode; readonly message: string };

export interface HandshakeStep {
  readonly state: HandshakeState;
  readonly actions: readonly HandshakeAction[];
}

export function startHandshake(ours: PeerHello, peerSite: number): HandshakeState {
  return { phase: 'greeting', ours, peerSite, theirs: undefined };
}

export function stepHandshake(state: HandshakeState, event: HandshakeEvent): HandshakeStep {
  if (event.type === 'timeout') {
    const awaited = state.phase === 'greeting' ? 'Hello' : 'Ready';
    return refuse(state, 'handshake_timeout', `no ${awaited} within the time allowed`);
  }
  const { message } = event;
  if (message.kind === 'refuse') {
    const { code, message: text } = message;
    const refused = { type: 'refused', code, message: text } as const;
    return { state: { ...state, phase: 'ended' }, actions: [refused] };
  }
  if (state.phase === 'greeting' && message.kind === 'hello') return onHello(state, message.hello);
  if (state.phase === 'agreeing' && message.kind === 'ready') return onReady(state, message);
  return refuse(state, 'out_of_order', `${message.kind} while ${state.phase}`);
}

function onHello(state: HandshakeState, theirs: PeerHello): HandshakeStep {
  const objection = checkHello(state, theirs);
  if (objection !== undefined) return refuse(state, objection.code, objection.message);
  return {
    state: { ...state, phase: 'agreeing', theirs },
    actions: [{ type: 'sendReady', ready: readyOf(state.ours, theirs) }],
  };
}

function onReady(state: HandshakeState, ready: ReadyMessage): HandshakeStep {
  const { theirs } = state;
  if (theirs === undefined) return refuse(state, 'out_of_order', 'Ready before Hello');
  const expected = readyOf(state.ours, theirs);
  if (describeReady(ready) !== describeReady(expected)) {
    return refuse(
      state,
      'malformed',
      `Ready says ${describeReady(ready)}, expected ${describeReady(expected)}`,
    );
  }
  const agreed: Agreement = {
    protocol: expected.protocol,
    capabilities: new Set(expected.capabilities),
    codecs: expected.codecs,
  };
  return { state: { ...state, phase: 'open' }, actions: [{ type: 'open', hello: theirs, agreed }] };
}

interface Objection {
  readonly code: RefusalCode;
  readonly message: string;
}

function checkHello(state: HandshakeState, theirs: PeerHello): Objection | undefined {
  const { ours, peerSite } = state;
  if (!sameCluster(theirs.cluster, ours.cluster)) {
    return { code: 'wrong_cluster', message: 'Hello is of another cluster' };
  }
  if (theirs.origin.site !== peerSite) {
    const message = `Hello says site ${theirs.origin.site}, the certificate says site ${peerSite}`;
    return { code: 'wrong_site', message };
  }
  if (theirs.protocolMax < ours.protocolMin || theirs.protocolMin > ours.protocolMax) {
    const message =
      `protocol versions ${theirs.protocolMin} to ${theirs.protocolMax} offered, ` +
      `${ours.protocolMin} to ${ours.protocolMax} supported`;
    return { code: 'version', message };
  }
  if (theirs.windowFrames < 1) {
    return { code: 'malformed', message: 'Hello: window_frames is 0, expected at least 1' };
  }
  if (theirs.frameBytesMax < FRAME_BYTES_MAX_LEAST) {
    const message = `Hello: frame_bytes_max is ${theirs.frameBytesMax}, expected at least ${FRAME_BYTES_MAX_LEAST}`;
    return { code: 'malformed', message };
  }
  if (theirs.windowBytes < theirs.frameBytesMax) {
    const message = `Hello: window_bytes is ${theirs.windowBytes}, expected at least frame_bytes_max ${theirs.frameBytesMax}`;
    return { code: 'malformed', message };
  }
  return undefined;
}

function readyOf(ours: PeerHello, theirs: PeerHello): ReadyMessage {
  return {
    kind: 'ready',
    protocol: Math.min(ours.protocolMax, theirs.protocolMax),
    capabilities: ours.capabilities.filter((name) => theirs.capabilities.includes(name)).sort(),
    // Codec 0 is "none": bytes as they are can always be read.
    codecs: ((ours.codecs & theirs.codecs) | 1) >>> 0,
  };
}

function describeReady(ready: ReadyMessage): string {
  const names = JSON.stringify([...ready.capabilities].sort());
  return `protocol ${ready.protocol}, codecs ${ready.codecs}, capabilities ${names}`;
}

function sameCluster(a: ClusterId, b: ClusterId): boolean {
  return a.hi === b.hi && a.lo === b.lo;
}

function refuse(state: HandshakeState, code: RefusalCode, message: string): HandshakeStep {
  return { state: { ...state, phase: 'ended' }, actions: [{ type: 'refuse', code, message }] };
}
