/** Checks of what callers pass in. Each names the argument, what it is and what was expected. */
import { InvalidArgumentError, invalidArgument } from './errors';

export const U16_MAX = 0xffff;
export const U32_MAX = 0xffff_ffff;
export const U64_MAX = 0xffff_ffff_ffff_ffffn;
export const I64_MIN = -(1n << 63n);
export const I64_MAX = (1n << 63n) - 1n;

/** A name, path, target, key or value: UTF-8 text, or any bytes. */
export type Text = string | Uint8Array;
/** A 64-bit number; as a JavaScript number only while that is exact. */
export type Integer = number | bigint;

export function checkInteger(argument: string, value: unknown, min: number, max: number): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  throw invalidArgument(argument, value, `an integer from ${min} to ${max}`);
}

export function checkUnsigned(argument: string, value: unknown): bigint {
  if (typeof value === 'bigint' && value >= 0n && value <= U64_MAX) return value;
  if (typeof value === 'number' && value >= 0 && Number.isSafeInteger(value)) return BigInt(value);
  throw invalidArgument(argument, value, 'an integer from 0 to 2^64-1, a bigint beyond 2^53');
}

export function checkBoolean(argument: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw invalidArgument(argument, value, 'true or false');
}

export function checkString(argument: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw invalidArgument(argument, value, 'a string');
}

export function checkObject(argument: string, value: unknown): object {
  if (typeof value === 'object' && value !== null) return value;
  throw invalidArgument(argument, value, 'an object');
}

export function checkArray(argument: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw invalidArgument(argument, value, 'an array');
}

export function checkFunction(argument: string, value: unknown): void {
  if (typeof value !== 'function') throw invalidArgument(argument, value, 'a function');
}

export function checkOneOf(argument: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  throw invalidArgument(argument, value, allowed.join(' or '));
}

const SURROGATE = /\p{Surrogate}/u;

/** Text whose characters UTF-8 can carry: a lone surrogate would silently become another character. */
export function checkText(argument: string, value: unknown): Text {
  if (typeof value === 'string') {
    if (!SURROGATE.test(value)) return value;
    throw invalidArgument(
      argument,
      value,
      'text without lone surrogates (pass other bytes as Buffer)',
    );
  }
  if (value instanceof Uint8Array) return value;
  throw invalidArgument(argument, value, 'a string or a Uint8Array');
}

/** The bytes of text. A Uint8Array is passed through, not copied. */
export function textBytes(argument: string, value: unknown): Uint8Array {
  const text = checkText(argument, value);
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : text;
}

/**
 * Bytes that native code may read from another thread: memory that no other JavaScript thread shares
 * and that cannot shrink under it.
 */
export function checkBytes(argument: string, value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw invalidArgument(argument, value, 'a Uint8Array');
  const memory = value.buffer as ArrayBufferLike & { resizable?: boolean };
  if (memory instanceof ArrayBuffer && memory.resizable !== true) return value;
  throw new InvalidArgumentError(
    'CFS_INVALID_ARGUMENT',
    `${argument} is a view of shared or resizable memory, expected a view of a plain ArrayBuffer`,
  );
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The halves of a UUID, most significant first. */
export function parseUuid(argument: string, value: unknown): readonly [bigint, bigint] {
  if (typeof value !== 'string' || !UUID.test(value)) {
    throw invalidArgument(argument, value, 'a UUID such as 0b6f9c1e-51a5-4a2e-9d3e-2f3a7c1d5e80');
  }
  const digits = value.replaceAll('-', '');
  return [BigInt(`0x${digits.slice(0, 16)}`), BigInt(`0x${digits.slice(16)}`)];
}

export function formatUuid(hi: bigint, lo: bigint): string {
  const digits = hex64(hi) + hex64(lo);
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join('-');
}

export function hex64(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}
