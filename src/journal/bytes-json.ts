/** Bytes in JSON: as text where they are UTF-8, else as base64 in `<field>_base64`. */

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that `bytes` are in UTF-8, or undefined if they are not. Exact: encoding gives them back. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Sets `object[field]`, or `object[field_base64]` if `bytes` are not UTF-8. */
export function putBytes(
  object: Record<string, unknown>,
  field: string,
  bytes: Uint8Array | string,
): void {
  const text = typeof bytes === 'string' ? bytes : utf8Text(bytes);
  if (text !== undefined) object[field] = text;
  else object[`${field}_base64`] = base64(bytes as Uint8Array);
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
