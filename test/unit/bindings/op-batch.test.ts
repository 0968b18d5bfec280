/** The batch builder: what it refuses, and that an append under way owns what was in it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BATCH_BYTES_MAX, InvalidArgumentError, OpBatch, type Operation } from '../../../bindings';
import { openEngine } from './fixtures';

/** What a caller without types might pass. */
function untyped(value: unknown): Operation {
  return value as Operation;
}

function refused(operation: unknown, message: RegExp): void {
  const batch = new OpBatch().add({ op: 'mkdir', path: '/before' });
  const { count, byteLength } = batch;
  assert.throws(
    () => batch.add(untyped(operation)),
    (error) => {
      assert.ok(error instanceof InvalidArgumentError, String(error));
      assert.equal(error.code, 'CFS_INVALID_ARGUMENT');
      assert.match(error.message, message);
      return true;
    },
  );
  assert.deepEqual([batch.count, batch.byteLength], [count, byteLength], 'nothing was added');
}

test('operations count, and grow the batch beyond its first capacity', () => {
  const batch = new OpBatch(200);
  for (let i = 0; i < 1000; i++) batch.setattr(1, { mode: 0o755 });
  assert.equal(batch.count, 1000);
  assert.equal(batch.byteLength, 1000 * 120);
  batch.reset();
  assert.deepEqual([batch.count, batch.byteLength], [0, 0]);
});

test('a batch has a largest size', () => {
  const value = Buffer.alloc(16 * 1024 * 1024);
  const batch = new OpBatch();
  for (let i = 0; i < 3; i++) batch.add({ op: 'setxattr', inode: 1n, key: 'k', value });
  assert.throws(() => batch.add({ op: 'setxattr', inode: 1n, key: 'k', value }), {
    code: 'CFS_TOO_LARGE',
  });
  assert.ok(batch.byteLength < BATCH_BYTES_MAX);
  assert.equal(batch.count, 3);
});

test('an operation must be one of the twelve', () => {
  refused({ op: 'chmod', path: '/f' }, /^op is "chmod", expected one of create, mkdir/);
  refused(undefined, /^operation is undefined, expected an object/);
});

test('an error names the argument, its value and what was expected', () => {
  refused({ op: 'create', path: '/f', mode: '644' }, /^create: mode is "644", expected an integer/);
  refused({ op: 'create', path: '/f', mode: 0o200000 }, /mode is 65536/);
  refused(
    { op: 'create', path: '/f', uid: -1 },
    /uid is -1, expected an integer from 0 to 2\^32-2/,
  );
  refused({ op: 'create', path: '/f', size: 1.5 }, /size is 1.5/);
  refused(
    { op: 'create', path: '/f', size: 2 ** 60 },
    /size is 1152921504606847000, .* a bigint beyond 2\^53/,
  );
  refused({ op: 'create', path: '/f', mtimeNs: 1n << 63n }, /mtimeNs is 9223372036854775808n/);
  refused({ op: 'create', path: '/f', inode: -5n }, /inode is -5n/);
  refused({ op: 'mkdir', path: '/d', shard: 70000 }, /shard is 70000, expected .* 65535/);
  refused({ op: 'mkdir', path: '/d', shard: 1, seq: 'x' }, /seq is "x"/);
  refused({ op: 'create', path: 7 }, /path is 7, expected a string or a Uint8Array/);
  refused({ op: 'symlink', path: '/s' }, /target is undefined/);
  refused({ op: 'write', path: '/f' }, /size is undefined/);
  refused({ op: 'setxattr', path: '/f', key: 'k' }, /value is undefined/);
});

test('text with lone surrogates is refused: UTF-8 would silently change it', () => {
  refused({ op: 'create', path: '/a\ud800' }, /path is .* without lone surrogates/);
  refused({ op: 'create', parent: 1n, name: '\udfff' }, /name is .* without lone surrogates/);
  refused({ op: 'symlink', path: '/s', target: 'x\udc00y' }, /target is/);
  assert.equal(new OpBatch().add({ op: 'create', path: '/\u{1f600}' }).count, 1);
});

test('names and objects are given once, in one way', () => {
  refused({ op: 'unlink' }, /expected path alone, or parent with name/);
  refused({ op: 'unlink', path: '/a', name: 'a', parent: 1 }, /expected path alone/);
  refused({ op: 'unlink', name: 'a' }, /expected path alone/);
  refused({ op: 'setattr', inode: 1n, path: '/a', mode: 0 }, /given twice/);
  refused({ op: 'rename', path: '/a' }, /expected newPath alone, or newParent with newName/);
  refused({ op: 'link', path: '/b' }, /targetPath is undefined and inode is undefined/);
  refused({ op: 'link', path: '/b', targetPath: '/a', inode: 5n }, /expected one of them/);
});

test('of several operations none is appended if one is wrong, and the error says which', async (t) => {
  const engine = await openEngine(t);
  const wrong = [{ op: 'mkdir', path: '/a' }, untyped({ op: 'mkdir', path: '/b', mode: -1 })];
  await assert.rejects(engine.append(wrong as Operation[]), {
    code: 'CFS_INVALID_ARGUMENT',
    message: /^operations\[1\]: mkdir: mode is -1/,
  });
  assert.equal((await engine.append({ op: 'mkdir', path: '/c' })).firstLsn, 1n);
});

test('options are checked', async (t) => {
  const engine = await openEngine(t);
  const operation: Operation = { op: 'mkdir', path: '/a' };
  await assert.rejects(engine.append(operation, { ack: 'remote' as 'local' }), {
    code: 'CFS_INVALID_ARGUMENT',
    message: /ack is "remote", expected local or memory/,
  });
  assert.equal(engine.status().lastLsn, 0n);
});

test('an append takes what is in a batch and leaves it empty and usable', async (t) => {
  const engine = await openEngine(t);
  const batch = new OpBatch();
  batch.add({ op: 'mkdir', path: '/a' });
  const first = engine.append(batch);
  assert.deepEqual([batch.count, batch.byteLength], [0, 0]);
  batch.add({ op: 'mkdir', path: '/b' });
  batch.reset();
  batch.add({ op: 'mkdir', path: '/c' });
  const second = engine.append(batch);
  assert.equal((await first).lastLsn, 1n);
  assert.equal((await second).lastLsn, 2n);
  const names = (await engine.list('/', undefined, 10)).map(({ path }) => String(path));
  assert.deepEqual(names, ['a', 'c']);
});

test('memory that has been used before carries nothing over', async (t) => {
  const engine = await openEngine(t);
  const batch = new OpBatch();
  batch.add({
    op: 'create',
    path: '/first',
    mode: 0o777,
    uid: 1,
    gid: 2,
    size: 3,
    extentRef: 4,
    atimeNs: 5,
    mtimeNs: 6,
    fileFlags: 7,
    project: 8,
    shard: 9,
    seq: 1,
  });
  await engine.append(batch);
  const before = await engine.lookupPath('/first');
  await engine.append(new OpBatch().setattr(before.inode, { atimeNs: 50n }));
  assert.deepEqual(
    { ...(await engine.lookupPath('/first')), ctimeNs: 0n },
    { ...before, atimeNs: 50n, ctimeNs: 0n },
  );
});

test('direct methods write what objects do', async (t) => {
  const engine = await openEngine(t);
  const { inodes } = await engine.append({ op: 'create', path: '/f' }, { wantInodes: true });
  const inode = inodes?.[0] ?? 0n;
  const batch = new OpBatch()
    .setattr(Number(inode), { mode: 0o600, uid: 1, gid: 2 }, 7, 1n)
    .write(inode, 1234, 5_000_000_000_000_000_000n, 99n, 7, 2);
  const { appended } = await engine.append(batch);
  assert.equal(appended, 2);
  assert.equal(engine.nextSeq(7), 3n);
  const info = await engine.lookup(inode);
  assert.deepEqual([info.mode, info.uid, info.gid], [0o100600, 1, 2]);
  assert.deepEqual(
    [info.size, info.mtimeNs, info.extentRef],
    [1234n, 5_000_000_000_000_000_000n, 99n],
  );
});
