/** From a file or an object to a Config, or to a ConfigError that lists everything that is wrong. */
import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import type { z } from 'zod';

import { ConfigError, nearestKey, showValue, type ConfigIssue } from './config-error';
import { isWorded } from './keys';
import { configSchema, type Config, type ConfigInput } from './schema';
import { infoAt, keysAt } from './schema-walk';
import { toFileKey } from './values';
import { originalKey, readYaml, type Place } from './yaml-source';

const FILE_BYTES_MAX = 1024 * 1024;
// What the kernel takes for a Unix socket's path, less its closing zero.
const SOCKET_PATH_BYTES_MAX = 107;

/**
 * Reads one YAML file. Relative paths in it are relative to its own folder, so that a folder with
 * configuration, certificates and data can be moved whole.
 *
 * @throws ConfigError
 */
export function loadConfig(file: string): Config {
  const text = readText(file);
  const source = readYaml(text);
  if (source.issues.length > 0) throw new ConfigError(source.issues, file);
  return validate(source.data ?? {}, {
    baseDir: dirname(resolve(file)),
    file,
    placeOf: (path) => source.placeOf(path),
  });
}

/**
 * Checks a configuration given by a program; keys are spelled the programs' way, such as `dataDir`.
 * Relative paths are relative to `baseDir`, the working directory when absent.
 *
 * @throws ConfigError
 */
export function parseConfig(input: ConfigInput, baseDir: string = process.cwd()): Config {
  return validate(input, { baseDir, file: undefined, placeOf: () => undefined });
}

interface Origin {
  readonly baseDir: string;
  readonly file: string | undefined;
  placeOf(path: readonly PropertyKey[]): Place | undefined;
}

function readText(file: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? 'unknown'})`;
    const message = `${reason}: expected a configuration file, which \`cfs-repl init\` makes`;
    throw new ConfigError([{ path: '', message }], file);
  }
  if (bytes.length > FILE_BYTES_MAX) {
    const message = `${bytes.length} bytes: expected at most ${FILE_BYTES_MAX}`;
    throw new ConfigError([{ path: '', message }], file);
  }
  return bytes.toString('utf8');
}

function validate(input: unknown, origin: Origin): Config {
  const result = configSchema.safeParse(input);
  if (!result.success) {
    const issues = result.error.issues.flatMap((issue) => describe(issue, input, origin));
    throw new ConfigError(inFileOrder(issues), origin.file);
  }
  const config = withAbsolutePaths(result.data, origin.baseDir);
  const socketBytes = Buffer.byteLength(config.admin.socket);
  if (socketBytes > SOCKET_PATH_BYTES_MAX) {
    const message =
      `"${config.admin.socket}" has ${socketBytes} bytes: ` +
      `expected at most ${SOCKET_PATH_BYTES_MAX}, which is all a Unix socket's path may have`;
    const issue = { path: 'admin.socket', message, ...origin.placeOf(['admin', 'socket']) };
    throw new ConfigError([issue], origin.file);
  }
  return config;
}

function withAbsolutePaths(parsed: z.output<typeof configSchema>, baseDir: string): Config {
  const absolute = (path: string): string => resolve(baseDir, path);
  const dataDir = absolute(parsed.dataDir);
  const { tls, admin } = parsed;
  return {
    ...parsed,
    dataDir,
    tls: { ...tls, ca: tls.ca.map(absolute), cert: absolute(tls.cert), key: absolute(tls.key) },
    admin: {
      ...admin,
      socket: admin.socket === undefined ? join(dataDir, 'admin.sock') : absolute(admin.socket),
    },
  };
}

/** One of zod's issues in the words of the schema; unknown keys are an issue each. */
function describe(issue: z.core.$ZodIssue, input: unknown, origin: Origin): ConfigIssue[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey([...path, key], origin));
  }
  const at = (message: string): ConfigIssue[] => [
    { path: showPath(path), message, ...origin.placeOf(path) },
  ];
  if (isWorded(issue)) return at(issue.message);
  const expected = infoAt(configSchema, path)?.expected ?? 'something else';
  const value = valueAt(input, path);
  if (value === undefined) return at(`is missing: expected ${expected}`);
  return at(`${showValue(value)}: expected ${expected}`);
}

function unknownKey(path: readonly PropertyKey[], origin: Origin): ConfigIssue {
  const key = originalKey(String(path.at(-1)));
  const known = keysAt(configSchema, path.slice(0, -1)).map(toFileKey);
  const nearest = nearestKey(key, known);
  const cure =
    nearest === undefined ? `expected one of ${known.join(', ')}` : `expected ${nearest}?`;
  return { path: showPath(path), message: `unknown key: ${cure}`, ...origin.placeOf(path) };
}

/** `peers[0].endpoints[1]`, spelled as in a file. */
function showPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${originalKey(String(part))}`))
    .join('')
    .replace(/^\./, '');
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

function inFileOrder(issues: readonly ConfigIssue[]): ConfigIssue[] {
  const order = (issue: ConfigIssue): number => (issue.line ?? 0) * 1e6 + (issue.column ?? 0);
  return [...issues].sort((a, b) => order(a) - order(b));
}
