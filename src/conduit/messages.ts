/** Control messages as values. `control-codec.ts` makes bytes of them and back. */
import type { OwnerMap } from '../../bindings';
import type { EndCode, RefusalCode } from './errors';
import type { OriginCursor, PeerHello, PeerStatus } from './types';

export interface HelloMessage {
  readonly kind: 'hello';
  readonly hello: PeerHello;
}

export interface ReadyMessage {
  readonly kind: 'ready';
  readonly protocol: number;
  readonly capabilities: readonly string[];
  readonly codecs: number;
}

export interface AckMessage {
  readonly kind: 'ack';
  readonly cursors: readonly OriginCursor[];
  readonly creditBytesTotal: number;
  readonly creditFramesTotal: number;
}

export interface HeartbeatMessage {
  readonly kind: 'heartbeat';
  readonly seq: number;
  readonly sentMonoUs: number;
  readonly wallUs: number;
  readonly status: PeerStatus;
}

export interface HeartbeatReplyMessage {
  readonly kind: 'heartbeatReply';
  readonly seq: number;
  readonly sentMonoUs: number;
  readonly wallUs: number;
}

export interface DrainMessage {
  readonly kind: 'drain';
  readonly reason: string;
}

export interface DrainDoneMessage {
  readonly kind: 'drainDone';
}

export interface RefuseMessage<Code extends EndCode = RefusalCode> {
  readonly kind: 'refuse';
  readonly code: Code;
  readonly message: string;
}

export interface IdMapMessage {
  readonly kind: 'idMap';
  readonly map: OwnerMap;
}

export interface QuestionMessage {
  readonly kind: 'question';
  readonly id: number;
  readonly body: Uint8Array;
}

export interface AnswerMessage {
  readonly kind: 'answer';
  readonly id: number;
  /** Of all parts together. */
  readonly bytesTotal: number;
  readonly offset: number;
  readonly body: Uint8Array;
  /** Instead of an answer. */
  readonly error?: { readonly code: string; readonly message: string };
}

type CommonMessage =
  | HelloMessage
  | ReadyMessage
  | AckMessage
  | HeartbeatMessage
  | HeartbeatReplyMessage
  | DrainMessage
  | DrainDoneMessage
  | IdMapMessage
  | QuestionMessage
  | AnswerMessage;

export type OutgoingMessage = CommonMessage | RefuseMessage;

/** A peer of a newer version may send what this one skips, and refuse with a number it does not know. */
export type IncomingMessage = CommonMessage | RefuseMessage<EndCode> | { readonly kind: 'unknown' };
