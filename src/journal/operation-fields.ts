/**
 * The fields of a JSON operation: their names, which operation takes which, and how one is read.
 * `operation-json.ts` puts them together; docs of the format are there.
 */

/** A line that says something this format does not allow: which field, what it was, what it should be. */
export class OperationJsonError extends Error {
  readonly code = 'CFS_INVALID_ARGUMENT';
  constructor(
    readonly field: string,
    readonly value: unknown,
    readonly expected: string,
  ) {
    super(`${field}: ${expected}, got ${describeValue(value)}`);
    this.name = 'OperationJsonError';
  }
}

/** A value as it may appear in a message: JSON, cut at 80 characters. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'bigint' ? String(inner) : inner,
  );
  return text.length <= 80 ? text : `${text.slice(0, 77)}...`;
}

export const NAME_BYTES_MAX = 255;
export const PATH_BYTES_MAX = 65536;
export const SYMLINK_TARGET_BYTES_MAX = 4095;
export const XATTR_KEY_BYTES_MAX = 255;
export const XATTR_VALUE_BYTES_MAX = 65536;

export type JsonObject = Readonly<Record<string, unknown>>;

const SURROGATE = /\p{Surrogate}/u;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

const SLASH = 0x2f;
const DOT = 0x2e;

/** Decodes `field_base64`. Padding may be left out; anything else that is not base64 is refused. */
export function readBase64(field: string, value: unknown): Buffer {
  if (typeof value !== 'string' || !BASE64.test(value)) {
    throw new OperationJsonError(field, value, 'expected a base64 string');
  }
  return Buffer.from(value, 'base64');
}

/**
 * Bytes given as text in `field` or as base64 in `field_base64`; undefined if neither is there.
 * Both at once are refused, and so is text with a lone surrogate, which UTF-8 cannot carry.
 */
export function readBytes(object: JsonObject, field: string): Buffer | undefined {
  const encoded = `${field}_base64`;
  const text = object[field];
  if (object[encoded] !== undefined) {
    if (text !== undefined) {
      throw new OperationJsonError(
        encoded,
        object[encoded],
        `expected either ${field} or ${encoded}`,
      );
    }
    return readBase64(encoded, object[encoded]);
  }
  if (text === undefined) return undefined;
  if (typeof text !== 'string') throw new OperationJsonError(field, text, 'expected a string');
  if (SURROGATE.test(text)) {
    throw new OperationJsonError(
      field,
      text,
      `expected valid Unicode (other bytes go in ${encoded})`,
    );
  }
  return Buffer.from(text, 'utf8');
}

/** Which field the caller used, for messages. */
function usedField(object: JsonObject, field: string): string {
  return object[field] === undefined ? `${field}_base64` : field;
}

function refuse(object: JsonObject, field: string, expected: string): never {
  const used = usedField(object, field);
  throw new OperationJsonError(used, object[used], expected);
}

/** Why `bytes` is not a name of a directory entry, or undefined if it is one. */
export function nameFault(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'expected a name of 1 to 255 bytes';
  if (bytes.length > NAME_BYTES_MAX) {
    return `expected a name of at most 255 bytes (this one has ${bytes.length})`;
  }
  if (bytes.includes(SLASH)) return 'expected a name without "/"';
  if (bytes.includes(0)) return 'expected a name without NUL';
  if (bytes[0] === DOT && (bytes.length === 1 || (bytes.length === 2 && bytes[1] === DOT))) {
    return 'expected a name other than "." and ".."';
  }
  return undefined;
}

/** A directory entry's name: 1 to 255 bytes, no "/", no NUL, not "." or "..". */
export function readName(object: JsonObject, field: string): Buffer | undefined {
  const bytes = readBytes(object, field);
  if (bytes === undefined) return undefined;
  const fault = nameFault(bytes);
  if (fault !== undefined) refuse(object, field, fault);
  return bytes;
}

/** An absolute path whose every component is a name. `/` alone only where `rootAllowed`. */
export function readPath(
  object: JsonObject,
  field: string,
  rootAllowed: boolean,
): Buffer | undefined {
  const bytes = readBytes(object, field);
  if (bytes === undefined) return undefined;
  if (bytes[0] !== SLASH) refuse(object, field, 'expected an absolute path, such as "/a/b"');
  if (bytes.length > PATH_BYTES_MAX) {
    refuse(
      object,
      field,
      `expected at most ${PATH_BYTES_MAX} bytes (this one has ${bytes.length})`,
    );
  }
  if (bytes.length === 1) {
    if (!rootAllowed) refuse(object, field, 'expected a path below "/"');
    return bytes;
  }
  for (let start = 1; start <= bytes.length;) {
    let end = bytes.indexOf(SLASH, start);
    if (end < 0) end = bytes.length;
    const fault = nameFault(bytes.subarray(start, end));
    if (fault !== undefined) refuse(object, field, `every part of a path is a name: ${fault}`);
    start = end + 1;
  }
  return bytes;
}

/** Bytes of bounded length, at least one. */
export function readBounded(
  object: JsonObject,
  field: string,
  bytesMax: number,
): Buffer | undefined {
  const bytes = readBytes(object, field);
  if (bytes === undefined) return undefined;
  if (bytes.length === 0 || bytes.length > bytesMax) {
    refuse(object, field, `expected 1 to ${bytesMax} bytes (this has ${bytes.length})`);
  }
  if (bytes.includes(0)) refuse(object, field, 'expected bytes without NUL');
  return bytes;
}

const INTEGER = /^-?(?:0|[1-9][0-9]{0,19})$/;

/**
 * An integer between `min` and `max`, as a number or, necessarily beyond 2^53, as a string of decimal
 * digits: JSON numbers lose their last digits there without a word.
 */
export function readInteger(
  object: JsonObject,
  field: string,
  min: bigint,
  max: bigint,
): bigint | undefined {
  const value = object[field];
  if (value === undefined) return undefined;
  let integer: bigint;
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) throw new OperationJsonError(field, value, 'expected an integer');
    if (!Number.isSafeInteger(value)) {
      throw new OperationJsonError(
        field,
        value,
        'expected a string of digits for a number beyond 2^53',
      );
    }
    integer = BigInt(value);
  } else if (typeof value === 'string' && INTEGER.test(value)) {
    integer = BigInt(value);
  } else {
    throw new OperationJsonError(
      field,
      value,
      'expected an integer, as a number or a string of digits',
    );
  }
  if (integer < min || integer > max) {
    throw new OperationJsonError(field, value, `expected an integer from ${min} to ${max}`);
  }
  return integer;
}

export const U16_MAX = 0xffffn;
export const U32_MAX = 0xffff_ffffn;
export const U64_MAX = 0xffff_ffff_ffff_ffffn;
export const I64_MIN = -(1n << 63n);
export const I64_MAX = (1n << 63n) - 1n;

/** Edits that make `a` into `b`: one letter inserted, removed or changed each. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known word nearest to `word`, if it is near enough to be what was meant. */
export function suggest(word: string, known: Iterable<string>): string | undefined {
  const plain = word.slice(0, 64).toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(plain.length / 3)) + 1;
  for (const candidate of known) {
    const distance = candidate.startsWith(`${plain}_`) ? 1 : editDistance(plain, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
