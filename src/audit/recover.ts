/**
 * Finding the end of a trail after whatever ended its writer. A crash can leave unfinished last lines, or
 * an unfinished first line of a last file; that is cut. Whatever else is wrong is left as it is, for
 * verify to name, and nothing more is written to that file.
 */
import { open, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type RawLine, type TrailFile, readLines, syncDirectory } from './files';
import { type AuditLine, type ChainHead, GENESIS, parseLine } from './line';
import { type ChainState, type Fault, checkLine } from './verify';

export interface TrailEnd {
  /** With what is left of the last. */
  readonly files: readonly TrailFile[];
  readonly head: ChainHead;
  /** The last line and the line that the last file begins with; undefined in a new trail. */
  readonly lastLine: AuditLine | undefined;
  readonly fileLine: AuditLine | undefined;
  /** What was cut, and from which file; undefined when nothing was. */
  readonly cut: { readonly file: string; readonly bytes: number } | undefined;
  /** The first thing wrong in the last file. */
  readonly fault: Fault | undefined;
}

/** More than the first line of a file, which is durable before anything follows. */
const BEGINNING_BYTES_MAX = 4096;

const NO_LINES = { lastLine: undefined, fileLine: undefined, fault: undefined };

interface FileEnd {
  readonly fileLine: AuditLine | undefined;
  readonly lastLine: AuditLine | undefined;
  /** Behind the last line that is one. */
  readonly wholeBytes: number;
  readonly fault: Fault | undefined;
}

/** The last file is read whole; its size is bounded by what its writer lets it grow to. */
async function readEnd(directory: string, file: TrailFile): Promise<FileEnd> {
  let fileLine: AuditLine | undefined;
  let lastLine: AuditLine | undefined;
  let wholeBytes = 0;
  let fault: Fault | undefined;
  let suspect: Fault | undefined;
  let state: ChainState = { seq: file.firstSeq - 1, hash: undefined };
  for await (const raw of readLines(join(directory, file.name), file.bytes)) {
    if (raw.number === 1) state = beforeFirst(file, raw);
    const checked = checkLine(state, raw.bytes);
    state = checked.state;
    if (checked.fault !== undefined) {
      suspect ??= { file: file.name, line: raw.number, message: checked.fault };
    }
    if (checked.line === undefined || raw.torn) continue;
    // What is wrong stands before a line that was written whole: no crash has done it.
    fault ??= suspect;
    fileLine ??= checked.line;
    lastLine = checked.line;
    wholeBytes = raw.end;
  }
  return { fileLine, lastLine, wholeBytes, fault: lastLine === undefined ? suspect : fault };
}

function beforeFirst({ firstSeq }: TrailFile, { bytes }: RawLine): ChainState {
  if (firstSeq === 1) return GENESIS;
  const previous = parseLine(bytes)?.fields['previous'];
  return { seq: firstSeq - 1, hash: typeof previous === 'string' ? previous : undefined };
}

/** Cuts what a crash left unfinished, durably. */
export async function recoverEnd(
  directory: string,
  found: readonly TrailFile[],
): Promise<TrailEnd> {
  const last = found.at(-1);
  if (last === undefined) return { files: [], ...NO_LINES, head: GENESIS, cut: undefined };
  const path = join(directory, last.name);
  const { fileLine, lastLine, wholeBytes, fault } = await readEnd(directory, last);
  const tornBytes = last.bytes - wholeBytes;
  if (lastLine === undefined) {
    const head = { seq: last.firstSeq, hash: GENESIS.hash };
    if (fault !== undefined && last.bytes > BEGINNING_BYTES_MAX) {
      return { files: found, ...NO_LINES, head, cut: undefined, fault };
    }
    await unlink(path);
    await syncDirectory(directory);
    const before = await recoverEnd(directory, found.slice(0, -1));
    return tornBytes === 0 ? before : { ...before, cut: { file: last.name, bytes: tornBytes } };
  }
  if (tornBytes > 0) await cutTo(path, wholeBytes);
  return {
    files: found.with(-1, { ...last, bytes: wholeBytes }),
    // Files that come later must be called later, whatever numbers the lines of a damaged one have.
    head: { seq: Math.max(lastLine.seq, last.firstSeq), hash: lastLine.hash },
    lastLine,
    fileLine,
    cut: tornBytes === 0 ? undefined : { file: last.name, bytes: tornBytes },
    fault,
  };
}

async function cutTo(path: string, bytes: number): Promise<void> {
  await truncate(path, bytes);
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
