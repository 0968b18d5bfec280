/**
 * The words of JSON that the API speaks, in one place.
 *
 * - Member names are snake_case with the unit last, as in JSON Lines.
 * - What is 64 bits wide in the format (inode, size, LSN, sequence number, incarnation, epoch, HLC,
 *   extent reference, times in nanoseconds) is always a string of decimal digits, whatever its value:
 *   no reader loses digits, and two dumps compare byte by byte. Counts and sizes of this machine are
 *   numbers. JSON Lines input takes both.
 * - Bytes are text where they are UTF-8, else base64 in a member with `_base64` behind its name.
 */

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [member: string]: JsonValue };
export type JsonObject = { readonly [member: string]: JsonValue };
export type MutableJsonObject = { [member: string]: JsonValue };

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that `bytes` are in UTF-8, or undefined. Encoding it gives the same bytes. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Sets `member`, or `member_base64` if the bytes are not UTF-8. */
export function putBytes(object: MutableJsonObject, member: string, bytes: Uint8Array): void {
  const text = utf8Text(bytes);
  if (text !== undefined) object[member] = text;
  else object[`${member}_base64`] = base64(bytes);
}
