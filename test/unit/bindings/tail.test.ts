/** Decoding frames for tail: every op as it was appended, and nothing that was not verified. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  DataError,
  type DecodedEntry,
  OP_NAMES,
  type Operation,
  decodeFrame,
  peekFrame,
  verifyControl,
} from '../../../bindings';
import { allEntries, allFrames, openEngine, replicate, text } from './fixtures';

const NAME = Buffer.from([0x01, 0xff, 0x80, 0x20, 0x2e]);
const KEY = Buffer.from([0x75, 0xfe]);
const VALUE = Buffer.from([0, 255, 10]);
const TARGET = Buffer.from([0x2f, 0xc0]);

const EVERY_OP: Operation[] = [
  { op: 'create', parent: 1n, name: NAME, mode: 0o640, uid: 1, gid: 2, size: 3, mtimeNs: 4n },
  { op: 'mkdir', path: '/d', mode: 0o750 },
  { op: 'symlink', path: '/s', target: TARGET },
  { op: 'link', path: '/d/l', targetPath: Buffer.concat([Buffer.from('/'), NAME]) },
  { op: 'unlink', path: '/s' },
  { op: 'rename', path: '/d/l', newPath: '/l' },
  { op: 'write', path: '/l', size: 10n, mtimeNs: 11n, extentRef: 12n },
  { op: 'truncate', path: '/l', size: 0n },
  { op: 'setattr', path: '/l', mode: 0o600, atimeNs: -5n },
  { op: 'setxattr', path: '/l', key: KEY, value: VALUE },
  { op: 'removexattr', path: '/l', key: KEY },
  { op: 'rmdir', path: '/d' },
];

function find(entries: DecodedEntry[], op: DecodedEntry['op']): DecodedEntry {
  const entry = entries.find((each) => each.op === op);
  assert.ok(entry, `no ${op}`);
  return entry;
}

test('every op is decoded as it was appended', async (t) => {
  const engine = await openEngine(t);
  await engine.append(EVERY_OP);
  const entries = await allEntries(engine);
  assert.deepEqual(entries.map(({ op }) => op).sort(), [...OP_NAMES].sort());
  const { origin } = engine.status();
  entries.forEach((entry, index) => {
    assert.equal(entry.lsn, BigInt(index + 1));
    assert.deepEqual([entry.site, entry.incarnation], [origin.site, origin.incarnation]);
    assert.equal(OP_NAMES[entry.opNumber - 1], entry.op);
  });

  const create = find(entries, 'create');
  assert.deepEqual(Buffer.from(create.name ?? []), NAME);
  assert.deepEqual([create.parent, create.mode, create.uid, create.gid], [1n, 0o100640, 1, 2]);
  assert.deepEqual([create.size, create.mtimeNs], [3n, 4n]);
  const file = create.inode;

  const mkdir = find(entries, 'mkdir');
  assert.deepEqual([text(mkdir.name), mkdir.mode], ['d', 0o040750]);
  assert.deepEqual(Buffer.from(find(entries, 'symlink').target ?? []), TARGET);

  const link = find(entries, 'link');
  assert.deepEqual([link.inode, link.parent, text(link.name)], [file, mkdir.inode, 'l']);

  const unlink = find(entries, 'unlink');
  assert.deepEqual([unlink.parent, text(unlink.name)], [1n, 's']);
  assert.equal(unlink.link?.lsn, find(entries, 'symlink').lsn, 'the op that made the name');

  const rename = find(entries, 'rename');
  assert.deepEqual([rename.parent, text(rename.name)], [mkdir.inode, 'l']);
  assert.deepEqual([rename.newParent, text(rename.newName)], [1n, 'l']);
  assert.deepEqual([rename.link?.lsn, rename.replacedInode], [link.lsn, undefined]);

  const write = find(entries, 'write');
  assert.deepEqual([write.inode, write.size, write.extentRef], [file, 10n, 12n]);
  assert.equal(find(entries, 'truncate').size, 0n);
  const setattr = find(entries, 'setattr');
  assert.deepEqual([setattr.mode, setattr.atimeNs], [0o600, -5n]);
  assert.deepEqual([setattr.uid, setattr.size, setattr.mtimeNs], [undefined, undefined, undefined]);

  const setxattr = find(entries, 'setxattr');
  assert.deepEqual(Buffer.from(setxattr.key ?? []), KEY);
  assert.deepEqual(Buffer.from(setxattr.value ?? []), VALUE);
  assert.deepEqual(Buffer.from(find(entries, 'removexattr').key ?? []), KEY);
  assert.equal(find(entries, 'rmdir').inode, mkdir.inode);
});

test('a rename onto another name says what it replaced', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'create', path: '/a' },
    { op: 'create', path: '/b' },
    { op: 'rename', path: '/a', newPath: '/b' },
  ]);
  const [, b, rename] = await allEntries(engine);
  assert.equal(rename?.replacedInode, b?.inode);
  assert.equal(rename?.replacedLink?.lsn, b?.lsn);
});

test('entries carry the source numbers they came with', async (t) => {
  const engine = await openEngine(t);
  await engine.append([
    { op: 'mkdir', path: '/a', shard: 7, seq: 1n },
    { op: 'mkdir', path: '/b', shard: 7, seq: 2n },
  ]);
  const [frame] = await allFrames(engine);
  const decoded = await decodeFrame(frame?.bytes ?? Buffer.alloc(0));
  assert.deepEqual(decoded.shards, [{ shard: 7, firstSeq: 1n, lastSeq: 2n }]);
  assert.deepEqual(
    Array.from(decoded, ({ shard, seq }) => [shard, seq]),
    [
      [7, 1n],
      [7, 2n],
    ],
  );
  assert.throws(() => decoded.entry(2), RangeError);
});

test('a frame says what its origin had seen of others', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  await first.append({ op: 'mkdir', path: '/a' });
  await replicate(first, second);
  await second.append({ op: 'mkdir', path: '/b' });
  const [frame] = await allFrames(second);
  const { seen } = await decodeFrame(frame?.bytes ?? Buffer.alloc(0));
  const { origin } = first.status();
  assert.deepEqual(seen.at(-1)?.seen, [{ site: 1, incarnation: origin.incarnation, lsn: 1n }]);
});

test('nothing is decoded that is damaged or cut', async (t) => {
  const engine = await openEngine(t);
  await engine.append(EVERY_OP);
  for (const codec of ['none', 'lz4', 'zstd'] as const) {
    const [frame] = await allFrames(engine, { codec });
    const bytes = frame?.bytes ?? Buffer.alloc(0);
    for (let at = 0; at < bytes.byteLength; at += 11) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      await assert.rejects(decodeFrame(damaged), DataError, `${codec}, byte ${at}`);
      if (at < 128) assert.throws(() => peekFrame(damaged), DataError);
    }
    await assert.rejects(decodeFrame(bytes.subarray(0, -1)));
    await assert.rejects(decodeFrame(Buffer.concat([bytes, Buffer.from([0])])), DataError);
  }
});

test('what is no frame and no control message is refused', async () => {
  await assert.rejects(decodeFrame(Buffer.alloc(0)));
  await assert.rejects(decodeFrame('frame' as unknown as Uint8Array), {
    code: 'CFS_INVALID_ARGUMENT',
  });
  assert.throws(() => peekFrame(Buffer.alloc(10)), { code: 'CFS_INVALID_ARGUMENT' });
  assert.throws(() => verifyControl(Buffer.from('not a control message')), DataError);
});
