import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Operation } from '../../../bindings';
import { type WalkOptions, walkTree } from '../../../src/journal/walk-tree';

function directory(t: TestContext): string {
  const path = fs.mkdtempSync(join(tmpdir(), 'cfs-repl-walk-'));
  t.after(() => fs.rmSync(path, { recursive: true, force: true }));
  return path;
}

async function walk(root: string | Buffer, options?: WalkOptions) {
  const tree = walkTree(root, options);
  const batches: Operation[][] = [];
  for await (const batch of tree.batches()) batches.push(batch);
  return { operations: batches.flat(), batches, totals: tree.totals };
}

/** "op path" of each, bytes as latin1. */
function shown(operations: readonly Operation[]): string[] {
  return operations.map((operation) => {
    const path = 'path' in operation ? operation.path : undefined;
    return `${operation.op} ${Buffer.from(path ?? '').toString('latin1')}`;
  });
}

test('directories come before what is in them, names in byte order', async (t) => {
  const root = directory(t);
  fs.mkdirSync(join(root, 'b', 'inner'), { recursive: true });
  for (const name of ['c', 'a', 'b/z', 'b/inner/x', 'B'])
    fs.writeFileSync(join(root, name), 'text');
  const { operations, totals } = await walk(root);
  assert.deepEqual(shown(operations), [
    'create /B',
    'create /a',
    'mkdir /b',
    'mkdir /b/inner',
    'create /b/inner/x',
    'create /b/z',
    'create /c',
  ]);
  assert.deepEqual(shown((await walk(root)).operations), shown(operations), 'every time');
  assert.deepEqual([totals.names, totals.directories, totals.files, totals.bytes], [7, 2, 5, 20n]);
});

test('what lstat tells is in the operation', async (t) => {
  const root = directory(t);
  const file = join(root, 'f');
  fs.writeFileSync(file, 'hello', { mode: 0o640 });
  fs.utimesSync(file, 1000, 2000.5);
  const { operations } = await walk(root);
  const { mode, uid, gid } = fs.lstatSync(file);
  assert.deepEqual(operations, [
    {
      op: 'create',
      path: Buffer.from('/f'),
      mode,
      uid,
      gid,
      size: 5n,
      atimeNs: 1_000_000_000_000n,
      mtimeNs: 2_000_500_000_000n,
    },
  ]);
});

test('links, fifos and names that are not UTF-8', async (t) => {
  const root = directory(t);
  fs.writeFileSync(join(root, 'first'), '');
  fs.linkSync(join(root, 'first'), join(root, 'second'));
  fs.symlinkSync('no/where', join(root, 'soft'));
  execFileSync('mkfifo', [join(root, 'fifo')]);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x80])]), '');
  const { operations, totals } = await walk(root);
  assert.deepEqual(shown(operations), [
    'create /fifo',
    'create /first',
    'link /second',
    'symlink /soft',
    'create /\xff\x80',
  ]);
  const [fifo, , link, soft] = operations;
  assert.ok(fifo?.op === 'create' && ((fifo.mode ?? 0) & 0o170000) === 0o010000);
  assert.ok(link?.op === 'link' && String(link.targetPath) === '/first');
  assert.ok(soft?.op === 'symlink' && String(soft.target) === 'no/where');
  assert.deepEqual([totals.hardLinks, totals.symlinks, totals.specials], [1, 1, 1]);
});

test('a target path is made part by part', async (t) => {
  const root = directory(t);
  fs.writeFileSync(join(root, 'f'), '');
  const { operations } = await walk(`${root}//`, { target: '/in/to/' });
  assert.deepEqual(shown(operations), ['mkdir /in', 'mkdir /in/to', 'create /in/to/f']);
  assert.throws(() => walkTree(root, { target: 'in' }), /expected an absolute path/);
});

test('batches are as large as asked for', async (t) => {
  const root = directory(t);
  for (let i = 0; i < 10; i++) fs.writeFileSync(join(root, String(i)), '');
  const { batches } = await walk(root, { batchOperations: 4 });
  assert.deepEqual(
    batches.map(({ length }) => length),
    [4, 4, 2],
  );
});

test('what vanishes on the way is skipped and told', async (t) => {
  const root = directory(t);
  for (const name of ['first', 'second']) fs.mkdirSync(join(root, name));
  const tree = walkTree(root, { batchOperations: 1 });
  const seen: string[] = [];
  for await (const batch of tree.batches()) {
    seen.push(...shown(batch));
    fs.rmSync(join(root, 'second'), { recursive: true, force: true });
  }
  assert.deepEqual(seen, ['mkdir /first', 'mkdir /second']);
  assert.equal(tree.totals.skipped, 1);
  assert.equal(tree.totals.skippedNames[0]?.path, join(root, 'second'));
});

test('an empty directory gives nothing, a file or nothing at all is an error', async (t) => {
  const root = directory(t);
  assert.deepEqual((await walk(root)).operations, []);
  fs.writeFileSync(join(root, 'f'), '');
  await assert.rejects(walk(join(root, 'f')), /expected a directory/);
  await assert.rejects(walk(join(root, 'none')), { code: 'ENOENT' });
});
