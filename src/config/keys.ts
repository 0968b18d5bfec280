/**
 * The kinds of keys that the schema is made of. Each kind checks a value, and says in words what it
 * expects; the words serve the error messages and the template alike, so they cannot drift apart.
 *
 * Programs spell keys `dataDir`, files `data_dir`; schemas are written the programs' way.
 */
import { z } from 'zod';

import {
  formatByteSize,
  parseByteSize,
  formatEndpoint,
  parseDurationMs,
  parseEndpoint,
  UUID_PATTERN,
  type Endpoint,
} from './values';

/** What is said about a key, by the one who lists it. */
export interface KeyDescription {
  /** A sentence or two for whoever edits the file. */
  readonly about: string;
  /** True if a running node takes a new value; every other key takes a restart. */
  readonly live?: boolean;
  /** What the template shows for a key of a list's element that has no default. */
  readonly example?: unknown;
}

export interface KeyInfo extends KeyDescription {
  /** Completes "expected ...". */
  readonly expected: string;
  /** How the template writes a value; plain YAML when absent. */
  readonly format?: (value: unknown) => string;
}

const keyInfos = z.registry<KeyInfo>();

export function infoOf(schema: z.core.$ZodType): KeyInfo | undefined {
  return keyInfos.get(schema);
}

function key<S extends z.ZodType>(schema: S, info: KeyInfo): S {
  keyInfos.add(schema, info);
  return schema;
}

/** A check that replaces what zod would say: the words are in KeyInfo.expected. */
function checked<In, Out>(
  input: z.ZodType<unknown, In>,
  parse: (value: In) => Out | undefined,
): z.ZodType<Out, In> {
  return input.transform((value, context) => {
    const result = parse(value as In);
    if (result !== undefined) return result;
    context.issues.push({ code: 'custom', input: value, message: '' });
    return z.NEVER;
  });
}

const numberOrText = z.union([z.number(), z.string()]);

interface Range {
  readonly min: number;
  readonly max: number;
}
interface RangeWithDefault extends Range {
  readonly default: number;
}

const within = (range: Range, value: number | undefined): number | undefined =>
  value !== undefined && value >= range.min && value <= range.max ? value : undefined;

export function byteSize(
  range: RangeWithDefault,
  description: KeyDescription,
): z.ZodDefault<z.ZodType<number, number | string>> {
  const schema = checked(numberOrText, (value) => within(range, parseByteSize(value)));
  const [min, max] = [formatByteSize(range.min), formatByteSize(range.max)];
  return key(schema.default(range.default), {
    ...description,
    expected: `a size from ${min} to ${max}, in bytes or with a unit such as KiB, MiB, GiB`,
    format: (value) => formatByteSize(value as number),
  });
}

export function durationMs(
  range: RangeWithDefault,
  description: KeyDescription,
): z.ZodDefault<z.ZodType<number, number | string>> {
  const schema = checked(numberOrText, (value) => within(range, parseDurationMs(value)));
  return key(schema.default(range.default), {
    ...description,
    expected:
      `a time from ${range.min} ms to ${range.max} ms, ` +
      'in milliseconds or with a unit: ms, s, m, h, d',
  });
}

function wholeNumberSchema(range: Range): z.ZodType<number, number> {
  return checked(z.number(), (value) =>
    Number.isInteger(value) ? within(range, value) : undefined,
  );
}

const wholeNumberExpected = (range: Range): string =>
  `a whole number from ${range.min} to ${range.max}`;

export function wholeNumber(
  range: RangeWithDefault,
  description: KeyDescription,
): z.ZodDefault<z.ZodType<number, number>> {
  const schema = wholeNumberSchema(range).default(range.default);
  return key(schema, { ...description, expected: wholeNumberExpected(range) });
}

export function requiredNumber(
  range: Range,
  description: KeyDescription,
): z.ZodType<number, number> {
  return key(wholeNumberSchema(range), { ...description, expected: wholeNumberExpected(range) });
}

interface TextRule {
  readonly pattern: RegExp;
  /** What the pattern means, completing "expected ...". */
  readonly expected: string;
}

export const pathRule: TextRule = { pattern: /^[^\0]+$/, expected: 'a path' };
export const nameRule: TextRule = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
  expected: 'a name of 1 to 63 letters, digits, dots, dashes or underscores',
};
export const hostRule: TextRule = {
  pattern: /^[A-Za-z0-9._:-]{1,253}$/,
  expected: 'a host name or an address',
};
export const uuidRule: TextRule = {
  pattern: UUID_PATTERN,
  expected: 'a UUID in lower case, such as 0b5aa1e4-6f0c-4d7a-9c53-2a1f64f5a0b7',
};

export function requiredText(
  rule: TextRule,
  description: KeyDescription,
): z.ZodType<string, string> {
  const schema = z.string().regex(rule.pattern);
  return key(schema, { ...description, expected: rule.expected });
}

export function text(
  rule: TextRule & { readonly default: string },
  description: KeyDescription,
): z.ZodDefault<z.ZodType<string, string>> {
  const schema: z.ZodType<string, string> = z.string().regex(rule.pattern);
  return key(schema.default(rule.default), { ...description, expected: rule.expected });
}

export function optionalText(
  rule: TextRule,
  description: KeyDescription,
): z.ZodOptional<z.ZodType<string, string>> {
  const schema: z.ZodType<string, string> = z.string().regex(rule.pattern);
  return key(schema.optional(), { ...description, expected: rule.expected });
}

export function flag(fallback: boolean, description: KeyDescription): z.ZodDefault<z.ZodBoolean> {
  return key(z.boolean().default(fallback), { ...description, expected: 'true or false' });
}

export function oneOf<const T extends readonly [string, ...string[]]>(
  words: T,
  fallback: NoInfer<T[number]>,
  description: KeyDescription,
): z.ZodDefault<z.ZodType<T[number], T[number]>> {
  const schema: z.ZodType<T[number], T[number]> = z.literal([...words]);
  return key(
    schema.default(() => fallback),
    {
      ...description,
      expected: words.slice(0, -1).join(', ') + ` or ${words.at(-1) ?? ''}`,
    },
  );
}

export function endpoint(description: KeyDescription): z.ZodType<Endpoint, string> {
  return key(checked(z.string(), parseEndpoint), {
    ...description,
    expected: 'host:port, such as oslo.example.net:9500 or [2001:db8::1]:9500',
    format: (value) => formatEndpoint(value as Endpoint),
  });
}

/** One path or a list of them; always a list afterwards. */
export function paths(description: KeyDescription): z.ZodType<string[], string | string[]> {
  const one = z.string().regex(pathRule.pattern);
  const schema = checked(z.union([one, z.array(one).min(1)]), (value) => [value].flat());
  return key(schema, { ...description, expected: 'a path, or a list of paths' });
}

export function list<S extends z.ZodType>(
  element: S,
  range: Range,
  description: KeyDescription,
): z.ZodArray<S> {
  return key(z.array(element).min(range.min).max(range.max), {
    ...description,
    expected: `a list of ${range.min} to ${range.max}`,
  });
}

export function group<Shape extends z.ZodRawShape>(
  shape: Shape,
  description: KeyDescription,
): z.ZodObject<Shape, z.core.$strict> {
  return key(z.strictObject(shape), { ...description, expected: 'a group of keys' });
}

/** Marks an issue whose message says all. */
const WORDED = { worded: true };

export function isWorded(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'custom' && issue.params?.['worded'] === true;
}

/** A rule between keys of one group or list; the message says all. Runs once each key is right. */
export function withRule<S extends z.ZodType>(
  schema: S,
  rule: (value: z.output<S>) => { path: PropertyKey[]; message: string } | undefined,
): S {
  const info = infoOf(schema);
  const refined = schema.superRefine((value, context) => {
    const broken = rule(value);
    if (broken !== undefined) context.addIssue({ code: 'custom', params: WORDED, ...broken });
  });
  if (info !== undefined) keyInfos.add(refined, info);
  return refined;
}

/** A key that may be left out, and has no value then. */
export function optional<S extends z.ZodType>(schema: S): z.ZodOptional<S> {
  const info = infoOf(schema);
  const without = schema.optional();
  if (info !== undefined) keyInfos.add(without, info);
  return without;
}

/** A group that may be left out, as all its keys have defaults. */
export function optionalGroup<S extends z.ZodObject>(schema: S): z.ZodPrefault<S> {
  return leftOutAs(schema, {} as z.input<S>);
}

/** A list that is empty when left out. */
export function optionalList<S extends z.ZodArray>(schema: S): z.ZodPrefault<S> {
  return leftOutAs(schema, [] as z.input<S>);
}

function leftOutAs<S extends z.ZodType>(schema: S, fallback: z.input<S>): z.ZodPrefault<S> {
  const info = infoOf(schema);
  const optional = z.prefault(schema, fallback);
  if (info !== undefined) keyInfos.add(optional, info);
  return optional;
}
