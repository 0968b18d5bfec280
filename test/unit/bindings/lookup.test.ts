/** Looking at the state: lookups, listings in pages, the dump and the digest. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NotFoundError, type Operation, TreeError } from '../../../bindings';
import { openEngine, paths, replicate, text } from './fixtures';

test('the root is there from the start', async (t) => {
  const engine = await openEngine(t);
  const root = await engine.lookup(1n);
  assert.equal(root.kind, 'directory');
  assert.equal((await engine.lookupPath('/')).inode, 1n);
  assert.deepEqual(await paths(engine), []);
});

test('what is not there is not found, what is below a file is not a directory', async (t) => {
  const engine = await openEngine(t);
  await engine.append({ op: 'create', path: '/f' });
  await assert.rejects(engine.lookup(12345n), NotFoundError);
  await assert.rejects(engine.lookupPath('/g'), NotFoundError);
  await assert.rejects(engine.lookupPath('/f/g'), TreeError);
  await assert.rejects(engine.list('/f', undefined, 10), TreeError);
});

test('arguments are checked', async (t) => {
  const engine = await openEngine(t);
  const invalid = { code: 'CFS_INVALID_ARGUMENT' };
  await assert.rejects(engine.lookup(-1n), invalid);
  await assert.rejects(engine.lookupPath('/\ud800'), invalid);
  await assert.rejects(engine.lookupPath(7 as unknown as string), invalid);
  await assert.rejects(engine.list('/', undefined, 0), invalid);
  await assert.rejects(engine.dump(undefined, Number.NaN), invalid);
});

test('a listing is in byte order and comes in pages', async (t) => {
  const engine = await openEngine(t);
  const names = ['b', 'a', 'B', 'é', '10', '9'];
  await engine.append(names.map((name): Operation => ({ op: 'create', parent: 1n, name })));
  const seen: (string | undefined)[] = [];
  let after: Uint8Array | undefined;
  for (;;) {
    const page = await engine.list('/', after, 2);
    assert.ok(page.length <= 2);
    if (page.length === 0) break;
    seen.push(...page.map(({ path }) => text(path)));
    after = page.at(-1)?.path;
  }
  assert.deepEqual(seen, ['10', '9', 'B', 'a', 'b', 'é']);
});

test('the dump is every visible name in byte order of its whole path, in pages', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'mkdir', path: '/d' },
    { op: 'create', path: '/d/x' },
    { op: 'create', path: '/d-1' },
    { op: 'link', path: '/a', targetPath: '/d/x' },
  ]);
  const whole = ['/a', '/d', '/d-1', '/d/x'];
  assert.deepEqual(await paths(engine), whole);
  const seen: (string | undefined)[] = [];
  for (let after: Uint8Array | undefined; ;) {
    const [one] = await engine.dump(after, 1);
    if (one === undefined) break;
    seen.push(text(one.path));
    assert.equal(one.info.paths, undefined);
    after = one.path;
  }
  assert.deepEqual(seen, whole);
});

test('two sites that hold the same entries have the same digest', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  const empty = await second.digest();
  await first.append([
    { op: 'mkdir', path: '/d' },
    { op: 'create', path: '/d/f', size: 5 },
  ]);
  const digest = await first.digest();
  assert.match(digest.digest, /^[0-9a-f]{16}$/);
  assert.notEqual(digest.digest, empty.digest);
  assert.deepEqual([digest.inodes, digest.names], [3n, 2n]);
  await replicate(first, second);
  assert.deepEqual(await second.digest(), digest);
});
