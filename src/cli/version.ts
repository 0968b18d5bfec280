/** The version in package.json, wherever this file was compiled to. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asObject, textAt } from './json';

function readVersion(): string {
  for (let folder = __dirname; ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return textAt(asObject(JSON.parse(readFileSync(file, 'utf8'))), 'version');
    if (folder === dirname(folder)) return 'unknown';
  }
}

export const version = readVersion();
