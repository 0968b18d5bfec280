/** What an append does to the journal and the tree, operation by operation, and how it is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AppendError,
  type Engine,
  ExistsError,
  NotFoundError,
  OpBatch,
  SequenceGapError,
} from '../../../bindings';
import { openEngine, paths, text } from './fixtures';

const S_IFIFO = 0o010000;
const S_IFCHR = 0o020000;

async function refusal(appended: Promise<unknown>): Promise<AppendError> {
  const error = await appended.then(
    () => assert.fail('the append was not refused'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof AppendError, String(error));
  return error;
}

async function inodeOf(engine: Engine, path: string): Promise<bigint> {
  return (await engine.lookupPath(path)).inode;
}

test('create makes a file with the attributes given', async (t) => {
  const engine = await openEngine(t);
  const result = await engine.append({
    op: 'create',
    path: '/f',
    mode: 0o640,
    uid: 10,
    gid: 20,
    size: 2n ** 53n + 1n,
    extentRef: 7,
    atimeNs: -1n,
    mtimeNs: 1763712000123456789n,
    fileFlags: 3,
    project: 4,
  });
  assert.deepEqual([result.firstLsn, result.lastLsn, result.appended], [1n, 1n, 1]);
  const info = await engine.lookupPath('/f');
  assert.equal(info.kind, 'file');
  assert.equal(info.mode, 0o100640);
  assert.deepEqual([info.uid, info.gid, info.size, info.extentRef], [10, 20, 2n ** 53n + 1n, 7n]);
  assert.deepEqual([info.atimeNs, info.mtimeNs], [-1n, 1763712000123456789n]);
  assert.deepEqual([info.fileFlags, info.project, info.nlink], [3, 4, 1]);
});

test('create with type bits makes a fifo or a device', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'create', path: '/pipe', mode: S_IFIFO | 0o600 },
    { op: 'create', path: '/tty', mode: S_IFCHR | 0o620, rdev: 0x0401 },
  ]);
  assert.equal((await engine.lookupPath('/pipe')).kind, 'fifo');
  const tty = await engine.lookupPath('/tty');
  assert.deepEqual([tty.kind, tty.rdev], ['chardevice', 0x0401]);
});

test('an object may come with its own inode, and name its parent by inode', async (t) => {
  const engine = await openEngine(t);
  const inode = (1n << 48n) | 99n;
  const { inodes } = await engine.append(
    [
      { op: 'mkdir', path: '/d', inode },
      { op: 'create', parent: inode, name: 'f' },
    ],
    { wantInodes: true },
  );
  assert.equal(inodes?.[0], inode);
  assert.equal(await inodeOf(engine, '/d/f'), inodes[1]);
});

test('symlink keeps its target as bytes', async (t) => {
  const engine = await openEngine(t);
  const target = Buffer.from([0x2e, 0xff, 0x2f, 0xfe]);
  await engine.append({ op: 'symlink', path: '/s', target });
  const info = await engine.lookupPath('/s');
  assert.equal(info.kind, 'symlink');
  assert.deepEqual(info.target, target);
});

test('link gives a file a further name, by path or by inode', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'create', path: '/a' },
    { op: 'link', path: '/b', targetPath: '/a' },
  ]);
  const inode = await inodeOf(engine, '/a');
  await engine.append({ op: 'link', parent: 1n, name: 'c', inode });
  const info = await engine.lookup(inode);
  assert.equal(info.nlink, 3);
  assert.deepEqual(info.paths?.map(text).sort(), ['/a', '/b', '/c']);
});

test('unlink takes one name, rmdir an empty directory', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'mkdir', path: '/d' },
    { op: 'create', path: '/d/f' },
  ]);
  const error = await refusal(engine.append({ op: 'rmdir', path: '/d' }));
  assert.equal(error.code, 'CFS_NOT_EMPTY');
  await engine.append([
    { op: 'unlink', path: '/d/f' },
    { op: 'rmdir', parent: 1, name: 'd' },
  ]);
  assert.deepEqual(await paths(engine), []);
});

test('rename moves a name, and takes the place of another', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'mkdir', path: '/d' },
    { op: 'create', path: '/a', size: 1 },
    { op: 'create', path: '/d/b', size: 2 },
    { op: 'rename', path: '/a', newPath: '/d/b' },
  ]);
  assert.deepEqual(await paths(engine), ['/d', '/d/b']);
  assert.equal((await engine.lookupPath('/d/b')).size, 1n);
  const d = await inodeOf(engine, '/d');
  await engine.append({ op: 'rename', parent: d, name: 'b', newParent: 1n, newName: 'c' });
  assert.deepEqual(await paths(engine), ['/c', '/d']);
});

test('write and truncate state the resulting size', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'create', path: '/f' },
    { op: 'write', path: '/f', size: 10, extentRef: 5n, mtimeNs: 77n },
  ]);
  const written = await engine.lookupPath('/f');
  assert.deepEqual([written.size, written.extentRef, written.mtimeNs], [10n, 5n, 77n]);
  await engine.append({ op: 'truncate', inode: written.inode, size: 0 });
  const truncated = await engine.lookup(written.inode);
  assert.equal(truncated.size, 0n);
  assert.equal(truncated.extentRef, 5n, 'what was not given stays');
});

test('setattr changes what is given and nothing else', async (t) => {
  const engine = await openEngine(t);
  await engine.append({ op: 'create', path: '/f', mode: 0o600, uid: 1, gid: 2, size: 3 });
  await engine.append({ op: 'setattr', path: '/f', mode: 0o644, gid: 20 });
  const info = await engine.lookupPath('/f');
  assert.deepEqual([info.mode, info.uid, info.gid, info.size], [0o100644, 1, 20, 3n]);
});

test('type bits in the mode of setattr must agree with the object', async (t) => {
  const engine = await openEngine(t);
  await engine.append({ op: 'create', path: '/f' });
  await engine.append({ op: 'setattr', path: '/f', mode: 0o100600 });
  assert.equal((await engine.lookupPath('/f')).mode, 0o100600);
  const error = await refusal(engine.append({ op: 'setattr', path: '/f', mode: 0o040700 }));
  assert.equal(error.code, 'CFS_INVALID_ARGUMENT');
});

test('setxattr and removexattr keep keys and values as bytes', async (t) => {
  const engine = await openEngine(t);
  const key = Buffer.from([0x75, 0x73, 0x65, 0x72, 0x2e, 0xff]);
  const value = Buffer.from([0, 1, 2, 255]);
  await engine.append([
    { op: 'create', path: '/f' },
    { op: 'setxattr', path: '/f', key, value },
    { op: 'setxattr', path: '/f', key: 'user.b', value: '' },
  ]);
  const { xattrs } = await engine.lookupPath('/f');
  assert.deepEqual(
    xattrs.map((x) => [Buffer.from(x.key).toString('latin1'), [...x.value]]),
    [
      ['user.b', []],
      ['user.\u00ff', [0, 1, 2, 255]],
    ],
  );
  await engine.append({ op: 'removexattr', path: '/f', key });
  assert.equal((await engine.lookupPath('/f')).xattrs.length, 1);
});

test('names may be any bytes but slash and NUL', async (t) => {
  const engine = await openEngine(t);
  const name = Buffer.from(Array.from({ length: 254 }, (_, i) => i + 1).filter((b) => b !== 0x2f));
  await engine.append({ op: 'create', parent: 1n, name });
  const [found] = await engine.list('/', undefined, 10);
  assert.deepEqual(Buffer.from(found?.path ?? []), name);
  const path = Buffer.concat([Buffer.from('/'), name]);
  assert.equal((await engine.lookupPath(path)).kind, 'file');
  for (const wrong of ['', '.', '..', 'a/b', 'a\0b', 'x'.repeat(256)]) {
    const error = await refusal(engine.append({ op: 'create', parent: 1n, name: wrong }));
    assert.match(error.code, /^CFS_(INVALID_ARGUMENT|TOO_LARGE)$/, JSON.stringify(wrong));
  }
});

test('operations before the refused one are in the journal, those after it are not', async (t) => {
  const engine = await openEngine(t);
  const error = await refusal(
    engine.append([
      { op: 'mkdir', path: '/a' },
      { op: 'create', path: '/missing/f' },
      { op: 'mkdir', path: '/b' },
    ]),
  );
  assert.equal(error.code, 'CFS_NOT_FOUND');
  assert.equal(error.index, 1);
  assert.ok(error.cause instanceof NotFoundError);
  assert.deepEqual([error.result.appended, error.result.refused], [1, 1]);
  assert.deepEqual(await paths(engine), ['/a']);
});

test('keepGoing skips refused operations and says which', async (t) => {
  const engine = await openEngine(t);
  const result = await engine.append(
    [
      { op: 'mkdir', path: '/a' },
      { op: 'mkdir', path: '/a' },
      { op: 'mkdir', path: '/b' },
    ],
    { keepGoing: true, wantInodes: true },
  );
  assert.deepEqual([result.appended, result.refused], [2, 1]);
  assert.deepEqual(
    result.errors.map(({ index, error }) => [index, error.code, error instanceof ExistsError]),
    [[1, 'CFS_EXISTS', true]],
  );
  assert.equal(result.inodes?.[1], 0n);
  assert.deepEqual(await paths(engine), ['/a', '/b']);
});

test('a source numbers its own operations: again is a no-op, a gap is refused', async (t) => {
  const engine = await openEngine(t);
  assert.equal(engine.nextSeq(5), 1n);
  await engine.append({ op: 'mkdir', path: '/a', shard: 5, seq: 1n });
  const again = await engine.append({ op: 'mkdir', path: '/a', shard: 5, seq: 1 });
  assert.deepEqual([again.appended, again.duplicates, again.firstLsn], [0, 1, 0n]);
  const error = await refusal(engine.append({ op: 'mkdir', path: '/b', shard: 5, seq: 3n }));
  assert.equal(error.code, 'CFS_SEQUENCE_GAP');
  assert.ok(error.cause instanceof SequenceGapError);
  assert.equal(engine.nextSeq(5), 2n);
});

test('appends resolve in the order of the calls, whatever their ack', async (t) => {
  const engine = await openEngine(t);
  await engine.append({ op: 'create', path: '/f' });
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const result = await engine.append({ op: 'setattr', path: '/f', mode: index });
      assert.equal(result.lastLsn, BigInt(index + 2));
      order.push(index);
    }),
  );
  assert.deepEqual(order, [...order.keys()]);
});

test('with ack memory an append is visible at once and durable soon', async (t) => {
  const engine = await openEngine(t);
  const { lastLsn } = await engine.append({ op: 'mkdir', path: '/a' }, { ack: 'memory' });
  assert.equal((await engine.lookupPath('/a')).kind, 'directory');
  await engine.append({ op: 'mkdir', path: '/b' });
  assert.ok(engine.status().durableLsn > lastLsn);
});

test('an empty batch resolves and makes no entry', async (t) => {
  const engine = await openEngine(t);
  const result = await engine.append([]);
  assert.deepEqual([result.firstLsn, result.appended, result.errors.length], [0n, 0, 0]);
  assert.equal((await engine.append(new OpBatch())).appended, 0);
});
