/**
 * A request as a handler sees it: parameters checked against the route's declaration, the body as a
 * stream, and a signal that aborts when nobody waits for the answer any more.
 */
import { badRequest } from './api-error';

export type ParamKind = 'text' | 'base64' | 'integer' | 'uint64' | 'flag';

/** One query parameter of a route. */
export interface ParamSpec {
  readonly name: string;
  readonly kind: ParamKind;
  readonly description: string;
  readonly required?: boolean;
  /** For 'integer'. */
  readonly min?: number;
  readonly max?: number;
}

const UINT64_MAX = 0xffff_ffff_ffff_ffffn;
const DIGITS = /^[0-9]{1,20}$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const TRUE_WORDS = new Set(['', '1', 'true', 'yes']);
const FALSE_WORDS = new Set(['0', 'false', 'no']);

type ParamValue = string | Buffer | number | bigint | boolean;

function parseInteger(spec: ParamSpec, text: string): number {
  const min = spec.min ?? 0;
  const max = spec.max ?? Number.MAX_SAFE_INTEGER;
  const value = DIGITS.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw badRequest(
      `parameter ${spec.name}: expected an integer from ${min} to ${max}, got "${text}"`,
    );
  }
  return value;
}

function parseUint64(spec: ParamSpec, text: string): bigint {
  const value = DIGITS.test(text) ? BigInt(text) : -1n;
  if (value < 0n || value > UINT64_MAX) {
    throw badRequest(
      `parameter ${spec.name}: expected an integer from 0 to ${UINT64_MAX}, got "${text}"`,
    );
  }
  return value;
}

function parseFlag(spec: ParamSpec, text: string): boolean {
  if (TRUE_WORDS.has(text)) return true;
  if (FALSE_WORDS.has(text)) return false;
  throw badRequest(`parameter ${spec.name}: expected true or false, got "${text}"`);
}

function parseBase64(spec: ParamSpec, text: string): Buffer {
  if (!BASE64.test(text)) throw badRequest(`parameter ${spec.name}: expected base64`);
  return Buffer.from(text, 'base64');
}

function parseValue(spec: ParamSpec, text: string): ParamValue {
  switch (spec.kind) {
    case 'text':
      return text;
    case 'base64':
      return parseBase64(spec, text);
    case 'integer':
      return parseInteger(spec, text);
    case 'uint64':
      return parseUint64(spec, text);
    case 'flag':
      return parseFlag(spec, text);
  }
}

/** The query of one request, every value of its declared kind. */
export class Params {
  readonly #values: ReadonlyMap<string, ParamValue>;

  private constructor(values: ReadonlyMap<string, ParamValue>) {
    this.#values = values;
  }

  /** Throws ApiError 400 for a parameter that is unknown, given twice, missing or not of its kind. */
  static parse(query: string, specs: readonly ParamSpec[]): Params {
    const values = new Map<string, ParamValue>();
    for (const [name, text] of new URLSearchParams(query)) {
      const spec = specs.find((candidate) => candidate.name === name);
      if (spec === undefined) {
        const known = specs.map((candidate) => candidate.name).join(', ');
        throw badRequest(`parameter ${name}: unknown; expected ${known === '' ? 'none' : known}`);
      }
      if (values.has(name)) throw badRequest(`parameter ${name}: given twice, expected once`);
      values.set(name, parseValue(spec, text));
    }
    for (const spec of specs) {
      if (spec.required === true && !values.has(spec.name)) {
        throw badRequest(`parameter ${spec.name}: missing; expected ${spec.description}`);
      }
    }
    return new Params(values);
  }

  text(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === 'string' ? value : undefined;
  }

  integer(name: string): number | undefined {
    const value = this.#values.get(name);
    return typeof value === 'number' ? value : undefined;
  }

  uint64(name: string): bigint | undefined {
    const value = this.#values.get(name);
    return typeof value === 'bigint' ? value : undefined;
  }

  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }

  /** Bytes given as text in `name` or as base64 in `name_base64`; both at once are refused. */
  bytes(name: string): Buffer | undefined {
    const text = this.#values.get(name);
    const encoded = this.#values.get(`${name}_base64`);
    if (text !== undefined && encoded !== undefined) {
      throw badRequest(`parameters ${name} and ${name}_base64: expected one of them, got both`);
    }
    if (Buffer.isBuffer(encoded)) return encoded;
    return typeof text === 'string' ? Buffer.from(text, 'utf8') : undefined;
  }

  /** As `bytes`, and required. */
  requiredBytes(name: string): Buffer {
    const bytes = this.bytes(name);
    if (bytes !== undefined) return bytes;
    throw badRequest(`parameter ${name}: missing; expected ${name} or ${name}_base64`);
  }
}

export interface AdminRequest {
  readonly params: Params;
  /** The request's body as it arrives; reading on is what lets more of it in. Empty for GET. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborts when the client is gone or the server closes. */
  readonly signal: AbortSignal;
}
