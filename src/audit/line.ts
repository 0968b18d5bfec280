/**
 * One event, one line of JSON. Its last member is `hash`: SHA-256 over the hash of the line before (32
 * bytes, zeros before the first) and this line's bytes without that member. So each line stands for all
 * before it, and what is hashed is what is written: nothing has to be brought into a canonical form.
 *
 *   {"seq":7,"time":"2026-11-21T10:11:32.004Z","kind":"peer.connected","outcome":"ok",
 *    "actor":{"type":"peer","site":2},"fields":{"software":"..."},"hash":"c0ffee..."}      (one line)
 */
import { createHash } from 'node:crypto';

export type Outcome = 'ok' | 'failed' | 'refused';

export type FieldValue = string | number | bigint | boolean | undefined;
export type Fields = Readonly<Record<string, FieldValue>>;

/** Something to be recorded. Values are bounded and cut when the line is made; undefined is left out. */
export interface AuditEvent {
  /** Stable and dotted, such as "peer.connected". */
  readonly kind: string;
  /** Default "ok". */
  readonly outcome?: Outcome;
  /** Who did it: `type` and what is known. Default: this node. */
  readonly actor?: Fields;
  readonly fields?: Fields;
}

export type LineFields = Readonly<Record<string, string | number | boolean>>;

/** A line as it is read back. */
export interface AuditLine {
  readonly seq: number;
  readonly time: string;
  readonly kind: string;
  readonly outcome: string;
  readonly actor: LineFields;
  readonly fields: LineFields;
  /** 64 hex digits. */
  readonly hash: string;
}

/** The last line of a chain: its number, and the hash that stands for everything up to it. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first line. */
export const GENESIS: ChainHead = { seq: 0, hash: '0'.repeat(64) };

/** The first line of every file; its field `previous` is the last hash of the file before. */
export const FILE_KIND = 'audit.file';
/** Older files were deleted: fields `first_kept_seq`, and `previous`, the hash that it chains to. */
export const DELETED_KIND = 'audit.deleted';
/** The end of a peer's trail, as that peer said: fields `site`, `seq`, `hash`. */
export const ANCHOR_KIND = 'audit.anchor';

/** So that no event can make a line, or what waits to be written, grow without bound. */
const TEXT_CHARACTERS_MAX = 1024;
const NAMES_MAX = 64;

const HASH_START = ',"hash":"';
const HASH_DIGITS = 64;
const HASH_END = '"}';
const TAIL_BYTES = HASH_START.length + HASH_DIGITS + HASH_END.length;
const TAIL = /^,"hash":"([0-9a-f]{64})"\}$/;

function boundedFields(fields: Fields): Record<string, string | number | boolean> {
  const bounded: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields).slice(0, NAMES_MAX)) {
    if (value === undefined) continue;
    if (typeof value === 'bigint') bounded[name] = String(value);
    else if (typeof value === 'string') bounded[name] = cutText(value);
    else bounded[name] = value;
  }
  return bounded;
}

function cutText(text: string): string {
  return text.length <= TEXT_CHARACTERS_MAX ? text : `${text.slice(0, TEXT_CHARACTERS_MAX)}...`;
}

function chainHash(previous: string, body: string | Uint8Array): string {
  return createHash('sha256').update(Buffer.from(previous, 'hex')).update(body).digest('hex');
}

/** The line that follows `previous`, with its newline, and the head it makes. */
export function encodeLine(
  previous: ChainHead,
  event: AuditEvent,
  unixMs: number,
): { readonly text: string; readonly head: ChainHead } {
  const seq = previous.seq + 1;
  const body = JSON.stringify({
    seq,
    time: new Date(unixMs).toISOString(),
    kind: event.kind,
    outcome: event.outcome ?? 'ok',
    actor: boundedFields(event.actor ?? { type: 'node' }),
    fields: boundedFields(event.fields ?? {}),
  });
  const hash = chainHash(previous.hash, body);
  return {
    text: `${body.slice(0, -1)}${HASH_START}${hash}${HASH_END}\n`,
    head: { seq, hash },
  };
}

function isFields(value: unknown): value is LineFields {
  const types = new Set(['string', 'number', 'boolean']);
  return isObject(value) && Object.values(value).every((inner) => types.has(typeof inner));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A line without its newline; undefined if it is none. Whether its hash is right is not looked at. */
export function parseLine(bytes: Buffer): AuditLine | undefined {
  const [, hash] = TAIL.exec(bytes.subarray(-TAIL_BYTES).toString('latin1')) ?? [];
  if (hash === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { seq, time, kind, outcome, actor, fields } = value;
  const isWhole =
    Number.isSafeInteger(seq) &&
    typeof time === 'string' &&
    typeof kind === 'string' &&
    typeof outcome === 'string' &&
    isFields(actor) &&
    isFields(fields);
  return isWhole ? { seq: seq as number, time, kind, outcome, actor, fields, hash } : undefined;
}

/** The hash that a line must have if it follows one with the hash `previous`. */
export function expectedHash(previous: string, bytes: Buffer): string {
  const body = bytes.subarray(0, bytes.length - TAIL_BYTES);
  return chainHash(previous, Buffer.concat([body, Buffer.from('}')]));
}
