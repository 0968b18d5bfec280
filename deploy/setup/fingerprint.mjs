// What is current and what is not: a step's inputs are hashed, and the hash is kept in a stamp file
// beside the step's result. Content, not times: a clone or a checkout gives every file a new time.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's top folder; every path of the set-up scripts is relative to it. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'build', '.git']);

/** Paths (relative to `top`, sorted) of the files under `folder` that `accept(path)` takes. */
export function filesUnder(folder, accept, top = root) {
  const found = [];
  const visit = (relative) => {
    let rows;
    try {
      rows = readdirSync(join(top, relative), { withFileTypes: true });
    } catch (error) {
      if (error.code === 'ENOENT') return;
      throw error;
    }
    for (const row of rows) {
      const path = relative === '' ? row.name : `${relative}/${row.name}`;
      if (row.isDirectory()) {
        if (!SKIPPED_FOLDERS.has(row.name)) visit(path);
      } else if (row.isFile() && accept(path)) {
        found.push(path);
      }
    }
  };
  visit(folder);
  return found.sort();
}

/** SHA-256 over the paths and contents of `files` and over `extra`, strings the result depends on. */
export function fingerprint(files, extra = []) {
  const hash = createHash('sha256');
  for (const text of extra) hash.update(`${text.length}:${text}`);
  for (const path of files) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}:${content.length}:`).update(content);
  }
  return hash.digest('hex');
}

export function isCurrent(stampPath, print) {
  try {
    return readFileSync(join(root, stampPath), 'utf8') === print;
  } catch {
    return false;
  }
}

export function writeStamp(stampPath, print) {
  mkdirSync(dirname(join(root, stampPath)), { recursive: true });
  writeFileSync(join(root, stampPath), print);
}
