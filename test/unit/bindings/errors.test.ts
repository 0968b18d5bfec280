/** The border itself: one list of codes, one list of functions, and how the addon is found. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import * as bindings from '../../../bindings';
import { CFS_ERROR_CODES, CfsError, Engine, nativeVersions } from '../../../bindings';
import { makeError } from '../../../bindings/errors';
import { platformTriple } from '../../../bindings/loader';
import { native } from '../../../bindings/native';
import { CLUSTER, openEngine, optionsFor, scratchFolder } from './fixtures';

function readSource(path: string): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return readFileSync(join(folder, path), 'utf8');
}

function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? '');
}

test('every code of the core has a class, and there is no other', () => {
  const codes = all(readSource('native/core/base/status.cc'), /return "(CFS_\w+)"/g);
  assert.deepEqual(
    [...CFS_ERROR_CODES].sort(),
    codes.filter((code) => code !== 'CFS_OK' && code !== 'CFS_UNKNOWN').sort(),
  );
});

test('an error is of the class of its code, and says what it is', () => {
  for (const code of CFS_ERROR_CODES) {
    const error = makeError(code, 'what was wrong');
    assert.ok(error instanceof CfsError && error instanceof Error);
    assert.notEqual(error.constructor, CfsError, code);
    assert.equal(Reflect.get(bindings, error.name), error.constructor, error.name);
    assert.equal(error.code, code);
    assert.match(String(error), /^\w+Error: what was wrong$/);
  }
});

test('only what passes by itself is retryable', () => {
  const retryable = CFS_ERROR_CODES.filter((code) => makeError(code, '').retryable);
  assert.deepEqual(retryable, ['CFS_QUEUE_FULL', 'CFS_DISK_FULL', 'CFS_CATCHING_UP']);
});

test('the functions of the addon are those that native.ts lists, in the same order', () => {
  const declared = readSource('bindings/native.ts').split('export interface NativeFunctions')[1];
  const listed = all(declared ?? '', /^ {2}(\w+)\(/gm);
  const registered = all(readSource('native/addon/addon.cc'), /^ {4}\{"(\w+)", \w+\},$/gm);
  assert.deepEqual(registered, listed);
  assert.deepEqual(Object.keys(native), listed);
});

test('versions are told, and that of the core is the package', () => {
  const { version } = JSON.parse(readSource('package.json')) as { version: string };
  assert.equal(nativeVersions.core, version);
  for (const name of ['lz4', 'zstd', 'isal', 'liburing'] as const) {
    assert.match(nativeVersions[name], /\d/, name);
  }
});

test('a prebuilt package is named by platform, processor and C library', () => {
  assert.match(platformTriple(), /^linux-(x64|arm64)-(gnu|musl)$|^darwin-|^win32-/);
});

test('opening says which option is wrong', async () => {
  const good = { dataDir: '/nowhere', clusterUuid: CLUSTER, site: 1 };
  const cases: [object, RegExp][] = [
    [{ ...good, site: 0 }, /^site is 0, expected an integer from 1 to 65535/],
    [{ ...good, clusterUuid: 'x' }, /^clusterUuid is "x", expected a UUID/],
    [{ ...good, dataDir: undefined }, /^dataDir is undefined, expected a string/],
    [{ ...good, shardCount: 5000 }, /^shardCount is 5000/],
    [{ ...good, retentionBytes: -1 }, /^retentionBytes is -1/],
  ];
  for (const [options, message] of cases) {
    await assert.rejects(Engine.open(options as typeof good), {
      code: 'CFS_INVALID_ARGUMENT',
      message,
    });
  }
});

test('a directory is of one cluster and one site, and opened once', async (t) => {
  const folder = scratchFolder(t);
  const engine = await Engine.open(optionsFor(folder));
  await assert.rejects(Engine.open(optionsFor(folder)), { code: 'CFS_LOCKED' });
  await engine.close();
  await assert.rejects(Engine.open(optionsFor(folder, 2)), { code: 'CFS_WRONG_CLUSTER' });
  const again = await Engine.open(optionsFor(folder));
  await again.close();
});

test('status tells numbers as numbers and identities as bigint', async (t) => {
  const engine = await openEngine(t);
  await engine.append({ op: 'mkdir', path: '/d' });
  const status = engine.status();
  assert.equal(status.stopped, undefined);
  assert.equal(status.diskFull, false);
  assert.match(status.ioBackend, /^(io_uring|posix)$/);
  assert.deepEqual([status.lastLsn, status.durableLsn], [1n, 1n]);
  assert.deepEqual([status.entriesAppended, status.names], [1, 1]);
  assert.equal(typeof status.origin.incarnation, 'bigint');
  for (const [name, value] of Object.entries(status)) {
    if (typeof value === 'number') assert.ok(Number.isSafeInteger(value), name);
  }
  const members = readSource('bindings/types.ts').split('export interface EngineStatus')[1];
  const declared = all(members?.split('\n}')[0] ?? '', /^ {2}(\w+): /gm);
  assert.deepEqual(Object.keys(status).sort(), declared.sort());
});

test('progress of a recovery is told', async (t) => {
  const folder = scratchFolder(t);
  const first = await Engine.open(optionsFor(folder));
  await first.append({ op: 'mkdir', path: '/d' });
  await first.close({ checkpoint: true });
  const phases = new Set<string>();
  const second = await Engine.open(optionsFor(folder), ({ phase, doneBytes, totalBytes }) => {
    assert.ok(totalBytes === 0 || doneBytes <= totalBytes);
    phases.add(phase);
  });
  assert.equal((await second.lookupPath('/d')).kind, 'directory');
  await second.close();
  assert.deepEqual([...phases], ['checkpoint']);
});
