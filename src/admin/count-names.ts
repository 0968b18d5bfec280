/** Counts the names below a directory while something else works through them, for a progress bar. */
import { opendir } from 'node:fs/promises';

export interface NameCount {
  /** So far. */
  readonly names: number;
  readonly running: boolean;
}

/**
 * Starts counting and returns at once. What cannot be read counts as nothing: the importer reports it.
 * Ends early when `signal` aborts.
 */
export function countNames(directory: Buffer, signal: AbortSignal): NameCount {
  const count = { names: 0, running: true };
  const waiting: Buffer[] = [directory];
  const walk = async (): Promise<void> => {
    for (let next = waiting.pop(); next !== undefined && !signal.aborted; next = waiting.pop()) {
      await countDirectory(next, waiting, count).catch(() => undefined);
    }
    count.running = false;
  };
  void walk();
  return count;
}

async function countDirectory(
  path: Buffer,
  waiting: Buffer[],
  count: { names: number },
): Promise<void> {
  // Node's types know no Buffer names here, but 'buffer' gives them, and names need not be UTF-8.
  const directory = await opendir(path, { encoding: 'buffer' as BufferEncoding, bufferSize: 256 });
  for await (const entry of directory) {
    count.names++;
    if (!entry.isDirectory()) continue;
    waiting.push(Buffer.concat([path, Buffer.from('/'), Buffer.from(entry.name)]));
  }
}
