/** Reading the agent's JSON: it is ours, but of whatever version answers. */

export type JsonObject = Readonly<Record<string, unknown>>;

export function asObject(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

export function objectAt(object: JsonObject, member: string): JsonObject {
  return asObject(object[member]);
}

export function objectsAt(object: JsonObject, member: string): JsonObject[] {
  const value = object[member];
  return Array.isArray(value) ? value.map(asObject) : [];
}

/** Text or a number as text; '' when there is nothing. */
export function textAt(object: JsonObject, member: string): string {
  const value = object[member];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** 0 when there is nothing. */
export function numberAt(object: JsonObject, member: string): number {
  return optionalNumberAt(object, member) ?? 0;
}

export function optionalNumberAt(object: JsonObject, member: string): number | undefined {
  const value = object[member];
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && value !== '') return Number(value);
  return undefined;
}

/** `member` as UTF-8, or `member_base64` decoded; undefined when neither is there. */
export function bytesAt(object: JsonObject, member: string): Buffer | undefined {
  const text = object[member];
  if (typeof text === 'string') return Buffer.from(text, 'utf8');
  const encoded = object[`${member}_base64`];
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64') : undefined;
}
