/**
 * The commented file that `cfs-repl init` writes, made from the schema: what each key means and what
 * it is when left out is said in one place only. Keys without a default are set; the others stand as
 * comments at their default, so that a file says only what its owner decided.
 */
import { z } from 'zod';
import { stringify } from 'yaml';

import { infoOf } from './keys';
import { configSchema, type ConfigInput } from './schema';
import { unwrapped } from './schema-walk';
import { toFileKey } from './values';

const LINE_COLUMNS_MAX = 100;

/** The values to write; what is absent is shown as a commented default. */
export type TemplateValues = ConfigInput;

export function renderTemplate(values: TemplateValues): string {
  const head = [
    '# Configuration of one node of ClaudeFS replication.',
    '# A key that is commented out has the value shown. Sizes take units (64MiB), times too (250ms).',
    '# "Live" keys are taken over by a running node on SIGHUP; the others at its next start.',
    '',
  ];
  return [...head, ...renderGroup(configSchema, values, 0)].join('\n').trimEnd() + '\n';
}

function renderGroup(schema: z.ZodObject, values: object, depth: number): string[] {
  return Object.entries(schema.shape).flatMap(([name, child]) => {
    const value = (values as Record<string, unknown>)[name];
    const lines = renderKey(name, child as z.ZodType, value, depth);
    return depth === 0 ? [...lines, ''] : lines;
  });
}

function renderKey(name: string, schema: z.ZodType, value: unknown, depth: number): string[] {
  const info = infoOf(schema);
  const about = `${info?.about ?? ''}${info?.live === true ? ' Live.' : ''}`;
  const lines = comment(about, depth);
  const inner = unwrapped(schema);
  const key = `${indent(depth)}${toFileKey(name)}:`;
  if (inner instanceof z.ZodObject) {
    return [...lines, key, ...renderGroup(inner, value ?? {}, depth + 1)];
  }
  if (value !== undefined) return [...lines, ...setKey(key, value, depth)];
  const element = inner instanceof z.ZodArray ? unwrapped(inner.element) : undefined;
  if (element instanceof z.ZodObject) return [...lines, ...exampleList(name, element, depth)];
  return [...lines, `${indent(depth)}# ${toFileKey(name)}:${shownDefault(schema)}`];
}

/** The value that holds when the key is left out, with a space before it; nothing if there is none. */
function shownDefault(schema: z.ZodType): string {
  const fallback = schema.safeParse(undefined);
  if (fallback.data === undefined) return '';
  return ` ${infoOf(schema)?.format?.(fallback.data) ?? oneLine(fallback.data)}`;
}

function setKey(key: string, value: unknown, depth: number): string[] {
  if (typeof value !== 'object') return [`${key} ${oneLine(value)}`];
  const block = stringify(withFileKeys(value)).trimEnd().split('\n');
  return [key, ...block.map((line) => `${indent(depth + 1)}${line}`)];
}

/** How an element of a list of groups looks, all of it a comment that can be uncommented as it is. */
function exampleList(name: string, element: z.ZodObject, depth: number): string[] {
  const body = Object.entries(element.shape).flatMap(([childName, child], index) => {
    const schema = child as z.ZodType;
    const example = infoOf(schema)?.example;
    const shown = example === undefined ? shownDefault(schema) : ` ${oneLine(example)}`;
    const dash = index === 0 ? '- ' : '  ';
    return [
      ...comment(infoOf(schema)?.about ?? '', depth + 2),
      `${indent(depth + 1)}${dash}${toFileKey(childName)}:${shown}`,
    ];
  });
  return [`${toFileKey(name)}:`, ...body].map((line) => `${indent(depth)}# ${line}`);
}

function comment(text: string, depth: number): string[] {
  const width = LINE_COLUMNS_MAX - indent(depth).length - '# '.length;
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].filter((l) => l !== '').map((l) => `${indent(depth)}# ${l}`);
}

function oneLine(value: unknown): string {
  return stringify(value, { collectionStyle: 'flow' }).trimEnd();
}

function withFileKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withFileKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, child]) => [
    toFileKey(key),
    withFileKeys(child),
  ]);
  return Object.fromEntries(entries);
}

function indent(depth: number): string {
  return '  '.repeat(depth);
}
