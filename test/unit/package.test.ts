import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(__dirname, '../../..');

interface Manifest {
  readonly name: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;

test('import and require give the very same library', async () => {
  // By its own name, so that the package's exports are what is tested.
  const required = createRequire(__filename)(manifest.name) as Record<string, unknown>;
  const imported = (await import(manifest.name)) as Record<string, unknown>;
  const names = Object.keys(required).sort();
  assert.ok(names.includes('open'));
  // What Node adds to tell the kind of module is no part of the library.
  const isOurs = (name: string): boolean => name !== '__esModule' && name !== 'module.exports';
  assert.deepEqual(Object.keys(imported).filter(isOurs).sort(), names);
  for (const name of names) assert.equal(imported[name], required[name], name);
});

test('every dependency is one exact version', () => {
  const pins = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
  const exact = /^(npm:@?[\w./-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/;
  assert.deepEqual(
    pins.filter(([, version]) => !exact.test(version)),
    [],
  );
});

test('the lockfile names no place to download from', () => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved"/);
});

test('commands are there and start with Node', () => {
  for (const [command, file] of Object.entries(manifest.bin)) {
    const [first] = readFileSync(join(root, file), 'utf8').split('\n');
    assert.equal(first, '#!/usr/bin/env node', command);
  }
});

test('every file that a script runs is there', () => {
  for (const [name, line] of Object.entries(manifest.scripts)) {
    for (const [file] of line.matchAll(/[\w./-]+\.m?js\b/g)) {
      assert.doesNotThrow(() => readFileSync(join(root, file)), `${name}: ${file}`);
    }
  }
});
