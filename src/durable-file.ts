/** Small files of a data directory that must be whole or not there. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Replaces `name` in `directory`. Durable when it returns. */
export function writeFileDurably(directory: string, name: string, text: string): void {
  const path = join(directory, name);
  const file = openSync(`${path}.new`, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(`${path}.new`, path);
  syncDirectory(directory);
}

/** Nothing if it is not there. Durable when it returns. */
export function removeFileDurably(directory: string, name: string): void {
  rmSync(join(directory, name), { force: true });
  syncDirectory(directory);
}

function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
