/** The example that the README shows, and the package as its users import it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { embed } from './embedding-example';
import { Cluster, withFileKeys } from './support/cluster';

const root = join(__dirname, '../../..');

test('the example does what it says', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const [oslo = '', bonn = ''] = [1, 2].map((site) => {
    const file = join(cluster.directory, `site-${site}.yaml`);
    const config = cluster.config(site, { log: { level: 'silent' } });
    writeFileSync(file, stringify(withFileKeys(config)));
    return file;
  });
  const seen = await embed(oslo, bonn);
  assert.equal(seen.at(-1), '1002 write');
  assert.equal(seen.at(-2), 'size 1000, 1 name');
  assert.ok(seen.includes('bonn holds site 1 to 1002'));
});

test('the README shows the example as it is', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const example = readFileSync(join(root, 'test/end-to-end/embedding-example.ts'), 'utf8');
  const shown = example.replace("'../../src'", "'claudefs-repl'").trimEnd();
  assert.ok(readme.includes(shown), 'test/end-to-end/embedding-example.ts and README.md differ');
});

test('the package gives the same to require and to import', async () => {
  const script = `
    const required = require('claudefs-repl');
    import('claudefs-repl').then((imported) => {
      for (const name of Object.keys(required)) {
        if (imported[name] !== required[name]) throw new Error(name);
      }
      console.log(typeof imported.open, typeof imported.OpBatch);
    });`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: root });
  assert.equal(stdout.trim(), 'function function');
});
