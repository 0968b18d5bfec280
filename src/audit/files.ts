/** The files of a trail: how they are called, which there are, and their lines. */
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface TrailFile {
  readonly name: string;
  /** Of its first line; it is in the name. */
  readonly firstSeq: number;
  /** What is of interest of it: for a file that is being written, what is durable. */
  readonly bytes: number;
}

const SEQ_DIGITS = 16;
const NAME = /^audit-([0-9]{16})\.jsonl$/;
const READ_BYTES = 64 * 1024;
/** Longer than any line that is written; what has no newline for so long is passed on in pieces. */
const LINE_BYTES_MAX = 1024 * 1024;
const NEWLINE = 0x0a;

/** Names sort as their lines do. */
export function fileName(firstSeq: number): string {
  return `audit-${String(firstSeq).padStart(SEQ_DIGITS, '0')}.jsonl`;
}

/** Oldest first; other files of the directory are none of ours. */
export async function listFiles(directory: string): Promise<TrailFile[]> {
  const names = (await readdir(directory)).filter((name) => NAME.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      name,
      firstSeq: Number(NAME.exec(name)?.[1]),
      bytes: (await stat(join(directory, name))).size,
    })),
  );
}

export interface RawLine {
  /** Without the newline. */
  readonly bytes: Buffer;
  /** Counted from 1. */
  readonly number: number;
  /** In the file, of the first byte behind it. */
  readonly end: number;
  /** True for what stands at the end without a newline. */
  readonly torn: boolean;
}

/**
 * The lines of a file up to `end`, from `start`, which is the start of a line. Lines are numbered from 1
 * there. Reads ahead no more than some 64 KiB, and waits for the disk in between, so that nobody else
 * waits long. A file that is gone has no lines.
 */
export async function* readLines(path: string, end: number, start = 0): AsyncGenerator<RawLine> {
  const file = await openIfThere(path);
  if (file === undefined) return;
  try {
    let rest: Buffer = Buffer.alloc(0);
    let number = 0;
    let position = start;
    while (position < end) {
      const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, end - position));
      const { bytesRead } = await file.read(chunk, 0, chunk.length, position);
      if (bytesRead === 0) break;
      position += bytesRead;
      rest = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
      let from = 0;
      for (let at = rest.indexOf(NEWLINE); at >= 0; at = rest.indexOf(NEWLINE, from)) {
        const lineEnd = position - rest.length + at + 1;
        yield { bytes: rest.subarray(from, at), number: ++number, end: lineEnd, torn: false };
        from = at + 1;
      }
      rest = rest.subarray(from);
      if (rest.length <= LINE_BYTES_MAX) continue;
      yield { bytes: rest, number: ++number, end: position, torn: false };
      rest = Buffer.alloc(0);
    }
    if (rest.length > 0) yield { bytes: rest, number: number + 1, end: position, torn: true };
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes what was created, renamed or removed in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
