/**
 * What a running node takes over of a new configuration: the keys that the schema marks as live. The
 * others keep the values that the node was started with. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import { stringify } from 'yaml';
import { z } from 'zod';

import { infoOf } from './keys';
import { configSchema, type Config } from './schema';
import { unwrapped } from './schema-walk';
import { toFileKey } from './values';

/** A key whose value in the new configuration is another than the one in force. */
export interface KeyChange {
  /** As a file spells it; an entry of a list of sites is named by its site: `peers[site 2].id_map`. */
  readonly key: string;
  /** On one line, as a file would have them; long ones are cut. */
  readonly from: string;
  readonly to: string;
}

export interface TakenOver {
  /** What is in force now. */
  readonly config: Config;
  readonly changed: readonly KeyChange[];
  /** Not taken over: these keys are not live. */
  readonly needsRestart: readonly KeyChange[];
}

const SHOWN_CHARACTERS_MAX = 200;

export function takeOver(running: Config, next: Config): TakenOver {
  const changed: KeyChange[] = [];
  const needsRestart: KeyChange[] = [];

  const merged = (schema: z.core.$ZodType, key: string, old: unknown, wanted: unknown): unknown => {
    if (isDeepStrictEqual(old, wanted)) return old;
    const inner = unwrapped(schema);
    if (infoOf(schema)?.live === true) {
      changed.push(change(schema, key, old, wanted));
      return wanted;
    }
    if (inner instanceof z.ZodObject && isGroup(old) && isGroup(wanted)) {
      return mergedGroup(inner, key, old, wanted);
    }
    if (inner instanceof z.ZodArray && isSiteList(old) && isSiteList(wanted)) {
      return mergedSites(inner.element, key, old, wanted);
    }
    needsRestart.push(change(schema, key, old, wanted));
    return old;
  };

  const mergedGroup = (schema: z.ZodObject, key: string, old: Group, wanted: Group): Group => {
    const prefix = key === '' ? '' : `${key}.`;
    const entries = Object.entries(schema.shape).map(([name, child]) => {
      const childKey = `${prefix}${toFileKey(name)}`;
      return [name, merged(child as z.ZodType, childKey, old[name], wanted[name])] as const;
    });
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  };

  const mergedSites = (
    element: z.core.$ZodType,
    key: string,
    old: readonly SiteRow[],
    wanted: readonly SiteRow[],
  ): SiteRow[] => {
    const siteKey = ({ site }: SiteRow): string => `${key}[site ${site}]`;
    for (const row of wanted) {
      const isNew = old.every(({ site }) => site !== row.site);
      if (isNew) needsRestart.push(change(element, siteKey(row), undefined, row));
    }
    return old.map((row) => {
      const match = wanted.find(({ site }) => site === row.site);
      return merged(element, siteKey(row), row, match) as SiteRow;
    });
  };

  const config = merged(configSchema, '', running, next) as Config;
  return { config, changed, needsRestart };
}

/** A configuration spelled as a file would have it, every key given. */
export function asInFile(config: Config): unknown {
  return spelled(configSchema, config);
}

function spelled(schema: z.core.$ZodType, value: unknown): unknown {
  const inner = unwrapped(schema);
  const format = infoOf(schema)?.format;
  if (value === undefined || format !== undefined) return format?.(value);
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    return value.map((element) => spelled(inner.element, element));
  }
  if (!(inner instanceof z.ZodObject) || !isGroup(value)) return value;
  const entries = Object.entries(inner.shape).map(([name, child]) => {
    return [toFileKey(name), spelled(child as z.ZodType, value[name])] as const;
  });
  return Object.fromEntries(entries.filter(([, part]) => part !== undefined));
}

type Group = Record<string, unknown>;
type SiteRow = Group & { readonly site: number };

function isGroup(value: unknown): value is Group {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSiteList(value: unknown): value is SiteRow[] {
  return (
    Array.isArray(value) && value.every((row) => isGroup(row) && typeof row['site'] === 'number')
  );
}

function change(schema: z.core.$ZodType, key: string, from: unknown, to: unknown): KeyChange {
  return { key, from: shown(schema, from), to: shown(schema, to) };
}

function shown(schema: z.core.$ZodType, value: unknown): string {
  if (value === undefined) return 'nothing';
  const options = { collectionStyle: 'flow', lineWidth: 0 } as const;
  const text = stringify(spelled(schema, value), options).trimEnd();
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
}
