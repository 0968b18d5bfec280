import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import type { ConfigInput } from '../../../src/config';

/** The least that a node must be told. */
export const least: ConfigInput = {
  cluster: { uuid: '0b5aa1e4-6f0c-4d7a-9c53-2a1f64f5a0b7' },
  site: { id: 1, name: 'munich' },
  dataDir: 'data',
  tls: { ca: 'tls/ca.crt', cert: 'tls/site-1.crt', key: 'tls/site-1.key' },
};

export const leastYaml = `cluster:
  uuid: 0b5aa1e4-6f0c-4d7a-9c53-2a1f64f5a0b7
site:
  id: 1
  name: munich
data_dir: data
tls:
  ca: tls/ca.crt
  cert: tls/site-1.crt
  key: tls/site-1.key
`;

/** A folder that is gone when the test ends. */
export function scratchFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cfs-repl-test-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeConfig(context: TestContext, text: string): string {
  const file = join(scratchFolder(context), 'site.yaml');
  writeFileSync(file, text);
  return file;
}
