/** Finding one's way in the schema by the path of a key. */
import { z } from 'zod';

import { infoOf, type KeyInfo } from './keys';

/** The schema without its default. */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  if (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional
  ) {
    return unwrapped(schema.unwrap());
  }
  return schema;
}

/** The schema at `path`, where an index stands for any element; undefined if there is none. */
export function schemaAt(
  root: z.core.$ZodType,
  path: readonly PropertyKey[],
): z.core.$ZodType | undefined {
  let schema: z.core.$ZodType | undefined = root;
  for (const part of path) {
    const inner: z.core.$ZodType = unwrapped(schema);
    if (inner instanceof z.ZodObject) schema = inner.shape[String(part)] as z.ZodType | undefined;
    else if (inner instanceof z.ZodArray) schema = inner.element;
    else return undefined;
    if (schema === undefined) return undefined;
  }
  return schema;
}

/** What is said about the key at `path`, or about the nearest key above that has something to say. */
export function infoAt(root: z.core.$ZodType, path: readonly PropertyKey[]): KeyInfo | undefined {
  for (let length = path.length; length >= 0; length--) {
    const schema = schemaAt(root, path.slice(0, length));
    const info = schema === undefined ? undefined : infoOf(schema);
    if (info !== undefined) return info;
  }
  return undefined;
}

/** The keys that the group at `path` has; none if it is no group. */
export function keysAt(root: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  const schema = schemaAt(root, path);
  const inner = schema === undefined ? undefined : unwrapped(schema);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}
