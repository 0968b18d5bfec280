/** Lines of a trail, in the order in which they were written. */
import { join } from 'node:path';
import { type TrailFile, readLines } from './files';
import { type AuditLine, parseLine } from './line';
import type { LineFilter } from './query';

export interface TrailSource {
  readonly directory: string;
  /** Oldest first, each with what may be read of it. */
  files(): readonly TrailFile[];
  /** The number of the last line of all files. */
  readonly head: { readonly seq: number };
  /** Resolves with true when there is more than `seq`, with false when there will be no more. */
  changed(seq: number, signal: AbortSignal): Promise<boolean>;
}

export interface TrailQuery {
  /** From this time on. */
  readonly sinceUnixMs?: number | undefined;
  readonly filter?: LineFilter | undefined;
  /** Only so many of what matches, from one end; all when undefined. */
  readonly limit?: { readonly from: 'oldest' | 'newest'; readonly lines: number } | undefined;
  /** Then wait for what comes. */
  readonly follow?: boolean;
}

/** What is handed on at once. */
const CHUNK_LINES = 64;

/** Whole lines, some at a time, each with its newline. What is no line is passed over: see verify. */
export async function* readTrail(
  source: TrailSource,
  query: TrailQuery,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const files = source.files();
  const wanted = wantedBy(query);
  const { limit } = query;
  if (limit?.from === 'newest') {
    yield* inChunks(await newest(source.directory, files, wanted, limit.lines));
  } else {
    yield* oldest(source.directory, files, wanted, limit?.lines ?? Infinity, signal);
  }
  if (query.follow === true) yield* following(source, files.at(-1), wanted, signal);
}

type Wanted = (bytes: Buffer) => boolean;

function wantedBy({ sinceUnixMs = -Infinity, filter = () => true }: TrailQuery): Wanted {
  const isWanted = (line: AuditLine): boolean =>
    Date.parse(line.time) >= sinceUnixMs && filter(line);
  return (bytes) => {
    const line = parseLine(bytes);
    return line !== undefined && isWanted(line);
  };
}

async function* oldest(
  directory: string,
  files: readonly TrailFile[],
  wanted: Wanted,
  linesMax: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let left = linesMax;
  let chunk: string[] = [];
  for (const { name, bytes: end } of files) {
    for await (const { bytes, torn } of readLines(join(directory, name), end)) {
      if (left === 0 || signal.aborted) break;
      if (torn || !wanted(bytes)) continue;
      left--;
      chunk.push(`${bytes.toString('utf8')}\n`);
      if (chunk.length < CHUNK_LINES) continue;
      yield chunk.join('');
      chunk = [];
    }
  }
  yield chunk.join('');
}

/** From the newest file back, until there are enough. */
async function newest(
  directory: string,
  files: readonly TrailFile[],
  wanted: Wanted,
  linesMax: number,
): Promise<string[]> {
  let found: string[] = [];
  for (const { name, bytes: end } of files.toReversed()) {
    const left = linesMax - found.length;
    if (left <= 0) break;
    let ofFile: string[] = [];
    for await (const { bytes, torn } of readLines(join(directory, name), end)) {
      if (torn || !wanted(bytes)) continue;
      ofFile.push(`${bytes.toString('utf8')}\n`);
      // Twice as many before any are let go, so that it is not done for each.
      if (ofFile.length >= 2 * left) ofFile = ofFile.slice(-left);
    }
    found = [...ofFile.slice(-left), ...found];
  }
  return found;
}

function* inChunks(lines: readonly string[]): Generator<string> {
  for (let start = 0; start < lines.length; start += CHUNK_LINES) {
    yield lines.slice(start, start + CHUNK_LINES).join('');
  }
}

async function* following(
  source: TrailSource,
  last: TrailFile | undefined,
  wanted: Wanted,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let { firstSeq: seq, bytes: offset } = last ?? { firstSeq: 0, bytes: 0 };
  let seen: number;
  do {
    seen = source.head.seq;
    for (const file of source.files()) {
      if (file.firstSeq < seq) continue;
      const start = file.firstSeq === seq ? offset : 0;
      const path = join(source.directory, file.name);
      for await (const raw of readLines(path, file.bytes, start)) {
        if (!raw.torn && wanted(raw.bytes)) yield `${raw.bytes.toString('utf8')}\n`;
      }
      ({ firstSeq: seq, bytes: offset } = file);
    }
  } while (await source.changed(seen, signal));
}
