import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OpBatch } from '../../../bindings';
import { OperationJsonError, operationFromJson } from '../../../src/journal/operation-json';

const bytes = (text: string): Buffer => Buffer.from(text);

const accepted: readonly [string, object, object][] = [
  [
    'create with all it may have',
    {
      op: 'create',
      path: '/a/b',
      mode: 33188,
      uid: 1,
      gid: 2,
      size: '18446744073709551614',
      extent_ref: 7,
      atime_ns: '-1',
      mtime_ns: '1700000000000000001',
      file_flags: 3,
      project: 4,
      inode: '281474976710657',
      shard: 9,
      seq: 10,
    },
    {
      op: 'create',
      path: bytes('/a/b'),
      mode: 33188,
      uid: 1,
      gid: 2,
      size: 18446744073709551614n,
      extentRef: 7n,
      atimeNs: -1n,
      mtimeNs: 1700000000000000001n,
      fileFlags: 3,
      project: 4,
      inode: 281474976710657n,
      shard: 9,
      seq: 10n,
    },
  ],
  [
    'create by parent and name',
    { op: 'create', parent: 1, name: 'x' },
    { op: 'create', parent: 1n, name: bytes('x') },
  ],
  [
    'create of a device',
    { op: 'create', path: '/d', mode: 0o060660, rdev: 5 },
    { op: 'create', path: bytes('/d'), mode: 0o060660, rdev: 5 },
  ],
  [
    'mkdir with type bits',
    { op: 'mkdir', path: '/d', mode: 0o40755 },
    { op: 'mkdir', path: bytes('/d'), mode: 0o40755 },
  ],
  [
    'mkdir without',
    { op: 'mkdir', path: '/d', mode: 0o755 },
    { op: 'mkdir', path: bytes('/d'), mode: 0o755 },
  ],
  [
    'symlink',
    { op: 'symlink', path: '/s', target: '../t' },
    { op: 'symlink', path: bytes('/s'), target: bytes('../t') },
  ],
  [
    'link by path',
    { op: 'link', path: '/l', target_path: '/f' },
    { op: 'link', path: bytes('/l'), targetPath: bytes('/f') },
  ],
  [
    'link by inode',
    { op: 'link', parent: 1, name: 'l', inode: 5 },
    { op: 'link', parent: 1n, name: bytes('l'), inode: 5n },
  ],
  ['unlink', { op: 'unlink', path: '/f' }, { op: 'unlink', path: bytes('/f') }],
  ['rmdir', { op: 'rmdir', parent: 2, name: 'd' }, { op: 'rmdir', parent: 2n, name: bytes('d') }],
  [
    'rename by paths',
    { op: 'rename', path: '/a', new_path: '/b' },
    { op: 'rename', path: bytes('/a'), newPath: bytes('/b') },
  ],
  [
    'rename by parents',
    { op: 'rename', parent: 1, name: 'a', new_parent: 2, new_name: 'b' },
    { op: 'rename', parent: 1n, name: bytes('a'), newParent: 2n, newName: bytes('b') },
  ],
  [
    'write',
    { op: 'write', inode: 5, size: 1, mtime_ns: 2 },
    { op: 'write', inode: 5n, size: 1n, mtimeNs: 2n },
  ],
  [
    'truncate',
    { op: 'truncate', path: '/f', size: 0 },
    { op: 'truncate', path: bytes('/f'), size: 0n },
  ],
  [
    'setattr of the root',
    { op: 'setattr', path: '/', mode: 0o700 },
    { op: 'setattr', path: bytes('/'), mode: 0o700 },
  ],
  [
    'setattr of owner',
    { op: 'setattr', inode: 1, uid: 3, gid: 4 },
    { op: 'setattr', inode: 1n, uid: 3, gid: 4 },
  ],
  [
    'setxattr',
    { op: 'setxattr', path: '/f', key: 'user.a', value_base64: 'AP8=' },
    { op: 'setxattr', path: bytes('/f'), key: bytes('user.a'), value: Buffer.from([0, 255]) },
  ],
  [
    'setxattr of nothing',
    { op: 'setxattr', inode: 1, key: 'k', value_base64: '' },
    { op: 'setxattr', inode: 1n, key: bytes('k'), value: bytes('') },
  ],
  [
    'removexattr',
    { op: 'removexattr', inode: 1, key: 'k' },
    { op: 'removexattr', inode: 1n, key: bytes('k') },
  ],
  [
    'names that are not UTF-8',
    { op: 'rename', path_base64: 'L/8=', new_path_base64: 'L/4' },
    { op: 'rename', path: Buffer.from([0x2f, 0xff]), newPath: Buffer.from([0x2f, 0xfe]) },
  ],
];

for (const [what, json, expected] of accepted) {
  test(`reads ${what}`, () => {
    const operation = operationFromJson(json);
    assert.deepEqual(operation, expected);
    assert.equal(new OpBatch().add(operation).count, 1);
  });
}

const refused: readonly [object | string | null, RegExp][] = [
  [null, /^line: expected a JSON object .*got null/],
  [[], /^line: expected a JSON object/],
  [{}, /^op: expected one of create, mkdir, .*got nothing/],
  [{ op: 'chmod', path: '/a' }, /^op: expected one of .*got "chmod"/],
  [{ op: 'create' }, /^path: expected path, or parent and name, got nothing/],
  [{ op: 'create', path: 'a' }, /^path: expected an absolute path.*got "a"/],
  [{ op: 'create', path: '/' }, /^path: expected a path below/],
  [{ op: 'create', path: '' }, /^path: expected an absolute path/],
  [
    { op: 'create', path: '/a//b' },
    /^path: every part of a path is a name: expected a name of 1 to 255/,
  ],
  [{ op: 'create', path: '/a/' }, /^path: every part/],
  [{ op: 'create', path: '/a/../b' }, /^path: .*other than "\." and "\.\."/],
  [{ op: 'create', path: '/a/./b' }, /^path: .*other than/],
  [{ op: 'create', path: '/a\0' }, /^path: .*without NUL/],
  [
    { op: 'create', path: `/${'x'.repeat(256)}` },
    /^path: .*at most 255 bytes \(this one has 256\)/,
  ],
  [{ op: 'create', path: `/${'x/'.repeat(33000)}x` }, /^path: expected at most 65536 bytes/],
  [{ op: 'create', parent: 1, name: '' }, /^name: expected a name of 1 to 255 bytes, got ""/],
  [{ op: 'create', parent: 1, name: 'a/b' }, /^name: expected a name without "\/"/],
  [{ op: 'create', parent: 1, name: '..' }, /^name: expected a name other than/],
  [{ op: 'create', parent: 1, name: '\ud800' }, /^name: expected valid Unicode/],
  [
    { op: 'create', parent: 1, name: 'a', name_base64: 'YQ==' },
    /^name_base64: expected either name or name_base64/,
  ],
  [
    { op: 'create', parent: 1, name_base64: 'Y!' },
    /^name_base64: expected a base64 string, got "Y!"/,
  ],
  [{ op: 'create', parent: 1, name_base64: 'Li4=' }, /^name_base64: expected a name other than/],
  [{ op: 'create', parent: 1 }, /^name: expected a name in parent, got nothing/],
  [{ op: 'create', name: 'a' }, /^parent: expected the inode that name is in/],
  [
    { op: 'create', path: '/a', parent: 1, name: 'b' },
    /^parent: expected path, or parent and name, not both/,
  ],
  [
    { op: 'create', path: '/a', mode: 0o40755 },
    /^mode: expected type bits of a file.*create \(type bits are 0o40000\), got 16877/,
  ],
  [{ op: 'create', path: '/a', mode: 0o120777 }, /^mode: expected type bits of a file/],
  [{ op: 'create', path: '/a', mode: 0o200000 }, /^mode: expected an integer from 0 to 65535/],
  [{ op: 'create', path: '/a', rdev: 5 }, /^rdev: expected only with a mode/],
  [{ op: 'mkdir', path: '/a', mode: 0o100644 }, /^mode: expected type bits of a directory/],
  [
    { op: 'symlink', path: '/a', target: 't', mode: 0o100644 },
    /^mode: expected type bits of a symbolic link/,
  ],
  [{ op: 'symlink', path: '/a' }, /^target: expected what the symbolic link points to/],
  [{ op: 'symlink', path: '/a', target: '' }, /^target: expected 1 to 4095 bytes/],
  [
    { op: 'symlink', path: '/a', target: 'x'.repeat(4096) },
    /^target: expected 1 to 4095 bytes \(this has 4096\)/,
  ],
  [{ op: 'link', path: '/a' }, /^target_path: expected the file to link once/],
  [
    { op: 'link', path: '/a', target_path: '/b', inode: 4 },
    /^target_path: expected the file to link once/,
  ],
  [{ op: 'unlink', path: '/a', inode: 1 }, /^inode: unlink takes no such field/],
  [{ op: 'rename', path: '/a' }, /^new_path: expected new_path, or new_parent and new_name/],
  [{ op: 'write', inode: 1 }, /^size: expected the resulting size/],
  [{ op: 'write', inode: 1, path: '/a', size: 1 }, /^inode: expected the object once/],
  [{ op: 'setattr', path: '/a' }, /^setattr: expected at least one of mode, uid/],
  [{ op: 'setattr', path: '/a', rdev: 1 }, /^rdev: setattr takes no such field/],
  [
    { op: 'setxattr', path: '/a', value_base64: '' },
    /^key: expected the name of the extended attribute/,
  ],
  [{ op: 'setxattr', path: '/a', key: 'k' }, /^value_base64: expected the value as base64/],
  [
    { op: 'setxattr', path: '/a', key: 'k', value: 'v' },
    /^value: setxattr takes no such field \(did you mean "value_base64"\?\)/,
  ],
  [
    { op: 'setxattr', path: '/a', key: 'k'.repeat(256), value_base64: '' },
    /^key: expected 1 to 255 bytes/,
  ],
  [{ op: 'create', path: '/a', mtime: 1 }, /did you mean "mtime_ns"\?/],
  [{ op: 'create', pathh: '/a' }, /^pathh: .*did you mean "path"\?/],
  [{ op: 'create', path: '/a', zzzzzzzzzz: 1 }, /^zzzzzzzzzz: create takes no such field, got 1/],
  [{ op: 'create', path: '/a', uid: 1.5 }, /^uid: expected an integer, got 1.5/],
  [{ op: 'create', path: '/a', uid: -1 }, /^uid: expected an integer from 0 to 4294967295, got -1/],
  [
    { op: 'create', path: '/a', uid: '4294967296' },
    /^uid: expected an integer from 0 to 4294967295/,
  ],
  [
    { op: 'create', path: '/a', size: 2 ** 53 },
    /^size: expected a string of digits for a number beyond 2\^53/,
  ],
  [
    { op: 'create', path: '/a', size: '1e3' },
    /^size: expected an integer, as a number or a string of digits/,
  ],
  [{ op: 'create', path: '/a', size: '0x10' }, /^size: expected an integer/],
  [{ op: 'create', path: '/a', size: null }, /^size: expected an integer/],
  [{ op: 'create', path: '/a', inode: 0 }, /^inode: expected an integer from 1/],
  [
    { op: 'create', path: '/a', mtime_ns: '9223372036854775808' },
    /^mtime_ns: expected an integer from -9223372036854775808/,
  ],
  [{ op: 'create', path: '/a', seq: 0 }, /^seq: expected an integer from 1/],
  [{ op: 'create', path: ['/a'] }, /^path: expected a string, got \["\/a"\]/],
  [{ op: 'create', path: '/a', ['__proto__x']: {} }, /takes no such field/],
];

for (const [json, message] of refused) {
  test(`refuses ${JSON.stringify(json).slice(0, 80)}`, () => {
    assert.throws(
      () => operationFromJson(json),
      (error) => error instanceof OperationJsonError && message.test(error.message),
      String(message),
    );
  });
}
