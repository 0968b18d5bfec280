/** Numbers of docs/conduit-protocol.md, and the prefix of every message. */
import { ConduitError } from './errors';

export const PROTOCOL_MIN = 1;
export const PROTOCOL_MAX = 1;
export const ALPN = 'cfs-repl';

export const PREFIX_BYTES = 8;
export const PREFIX_VERSION = 1;
export const KIND_CONTROL = 1;
export const KIND_FRAME = 2;

export const FRAME_HEADER_BYTES = 128;
export const FRAME_BYTES_MAX = FRAME_HEADER_BYTES + 4 * 1024 * 1024;
/** No side may take less: a batch is cut at 1 MiB. */
export const FRAME_BYTES_MAX_LEAST = FRAME_HEADER_BYTES + 1024 * 1024;

export const ORIGINS_MAX = 4096;
export const CONTROL_BYTES_MIN = 8;
export const CONTROL_BYTES_MAX = 64 * 1024 + 48 * ORIGINS_MAX;
export const CAPABILITIES_MAX = 64;
export const CAPABILITY_BYTES_MAX = 64;
export const SOFTWARE_BYTES_MAX = 128;
export const TEXT_BYTES_MAX = 1024;
/** Under way at once, in each direction. */
export const QUESTIONS_MAX = 4;
/** Of a question, or of one part of an answer. */
export const BODY_BYTES_MAX = 192 * 1024;
export const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
/** Of the 4,096 that may be in one message, so many that all else fits beside them. */
export const SHARDS_PER_MESSAGE = 3072;

export interface Prefix {
  readonly kind: typeof KIND_CONTROL | typeof KIND_FRAME;
  readonly bodyBytes: number;
}

/** A new buffer of 8 bytes. */
export function encodePrefix(kind: Prefix['kind'], bodyBytes: number): Buffer {
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  prefix.writeUInt32LE(bodyBytes, 0);
  prefix.writeUInt8(kind, 4);
  prefix.writeUInt8(PREFIX_VERSION, 5);
  prefix.writeUInt16LE(0, 6);
  return prefix;
}

/** Throws ConduitError "malformed" or "too_large" naming the field; `bytes` holds at least 8. */
export function decodePrefix(bytes: Buffer): Prefix {
  const version = bytes.readUInt8(5);
  if (version !== PREFIX_VERSION) {
    throw new ConduitError('malformed', `prefix: version ${version}, expected ${PREFIX_VERSION}`);
  }
  const reserved = bytes.readUInt16LE(6);
  if (reserved !== 0) {
    throw new ConduitError('malformed', `prefix: reserved is ${reserved}, expected 0`);
  }
  const kind = bytes.readUInt8(4);
  const bodyBytes = bytes.readUInt32LE(0);
  if (kind === KIND_CONTROL) {
    checkLength('control message', bodyBytes, CONTROL_BYTES_MIN, CONTROL_BYTES_MAX);
    return { kind, bodyBytes };
  }
  if (kind === KIND_FRAME) {
    checkLength('frame', bodyBytes, FRAME_HEADER_BYTES, FRAME_BYTES_MAX);
    return { kind, bodyBytes };
  }
  throw new ConduitError('malformed', `prefix: kind ${kind}, expected 1 (control) or 2 (frame)`);
}

function checkLength(what: string, bytes: number, bytesMin: number, bytesMax: number): void {
  if (bytes < bytesMin) {
    throw new ConduitError('malformed', `${what} of ${bytes} bytes, expected at least ${bytesMin}`);
  }
  if (bytes > bytesMax) {
    throw new ConduitError('too_large', `${what} of ${bytes} bytes, at most ${bytesMax} allowed`);
  }
}
