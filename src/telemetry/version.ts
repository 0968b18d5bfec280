/** The version of this package, as its package.json says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE_FILE = join(__dirname, '..', '..', '..', 'package.json');

let version: string | undefined;

export function softwareVersion(): string {
  version ??= (JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')) as { version: string }).version;
  return version;
}
