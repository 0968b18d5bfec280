/** What `npm run bench --` is told on its command line. Pure. */
import { parseArgs } from 'node:util';

export type CodecChoice = 'auto' | 'none' | 'lz4' | 'zstd';

const CODECS: readonly string[] = ['auto', 'none', 'lz4', 'zstd'];
const COUNT_MAX = 1_000_000_000;

/** What a benchmark may be told; each has a default of its own for what is left out. */
export interface BenchOptions {
  readonly entries?: number;
  readonly inodes?: number;
  readonly codec?: CodecChoice;
}

export interface BenchArguments extends BenchOptions {
  readonly names: readonly string[];
  readonly json: boolean;
  readonly help: boolean;
  /** On the disk to be measured; undefined for the one this checkout is on. */
  readonly directory?: string;
}

/** The command line was not understood; the message says what was expected. */
export class UsageError extends Error {}

/** @param known the names that there are. */
export function parseBenchArguments(
  argv: readonly string[],
  known: readonly string[],
): BenchArguments {
  const { values, positionals } = readArguments(argv);
  const help = values.help === true;
  for (const name of positionals) {
    if (!known.includes(name)) throw new UsageError(`no bench "${name}"`);
  }
  if (positionals.length === 0 && !help) throw new UsageError('no name given');
  return {
    names: positionals,
    json: values.json === true,
    help,
    ...present('entries', countOf('--entries', values.entries)),
    ...present('inodes', countOf('--inodes', values.inodes)),
    ...present('codec', codecOf(values.codec)),
    ...present('directory', values.directory),
  };
}

interface RawArguments {
  readonly values: Readonly<{
    json?: boolean | undefined;
    help?: boolean | undefined;
    entries?: string | undefined;
    inodes?: string | undefined;
    codec?: string | undefined;
    directory?: string | undefined;
  }>;
  readonly positionals: readonly string[];
}

function readArguments(argv: readonly string[]): RawArguments {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
        entries: { type: 'string' },
        inodes: { type: 'string' },
        codec: { type: 'string' },
        directory: { type: 'string' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function countOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text.replaceAll('_', ''));
  if (Number.isInteger(count) && count >= 1 && count <= COUNT_MAX) return count;
  throw new UsageError(`${option} ${text}: expected a whole number from 1 to ${COUNT_MAX}`);
}

function codecOf(text: string | undefined): CodecChoice | undefined {
  if (text === undefined || CODECS.includes(text)) return text as CodecChoice | undefined;
  throw new UsageError(`--codec ${text}: expected ${CODECS.join(', ')}`);
}

function present<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, V>);
}
