import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DecodedEntry } from '../../../bindings';
import { entryToJson, entryToLine } from '../../../src/journal/entry-json';

const header: DecodedEntry = {
  lsn: 2n ** 60n,
  hlc: 7_000_000_000_000_000_001n,
  site: 3,
  incarnation: 18446744073709551615n,
  shard: 9,
  seq: 4n,
  inode: (3n << 48n) | 1n,
  op: 'create',
  opNumber: 1,
  schema: 1,
};
const common = {
  inode: '844424930131969',
  shard: 9,
  seq: '4',
  hlc: '7000000000000000001',
  site: 3,
  incarnation: '18446744073709551615',
};

test('numbers of 64 bits are strings, others numbers, in the words of operations', () => {
  const entry: DecodedEntry = {
    ...header,
    parent: 1n,
    name: Buffer.from('é'),
    mode: 33188,
    uid: 1,
    gid: 2,
    size: 2n ** 63n,
    extentRef: 0n,
    atimeNs: -1n,
    mtimeNs: 5n,
    rdev: 0,
    fileFlags: 6,
    project: 7,
  };
  assert.deepEqual(entryToJson(entry), {
    lsn: '1152921504606846976',
    op: 'create',
    ...common,
    parent: '1',
    name: 'é',
    mode: 33188,
    uid: 1,
    gid: 2,
    size: '9223372036854775808',
    extent_ref: '0',
    atime_ns: '-1',
    mtime_ns: '5',
    rdev: 0,
    file_flags: 6,
    project: 7,
  });
});

test('bytes that are not UTF-8 come as base64, xattr values always', () => {
  const rename = entryToJson({
    ...header,
    op: 'rename',
    parent: 1n,
    name: Buffer.from([0xff]),
    newParent: 2n,
    newName: Buffer.from('plain'),
    link: { site: 1, incarnation: 5n, lsn: 6n },
    replacedInode: 8n,
    replacedLink: { site: 2, incarnation: 9n, lsn: 10n },
  });
  assert.equal(rename['name'], undefined);
  assert.equal(rename['name_base64'], '/w==');
  assert.equal(rename['new_name'], 'plain');
  assert.deepEqual(rename['link'], { site: 1, incarnation: '5', lsn: '6' });
  assert.deepEqual(rename['replaced_link'], { site: 2, incarnation: '9', lsn: '10' });
  assert.equal(rename['replaced_inode'], '8');

  const xattr = entryToJson({
    ...header,
    op: 'setxattr',
    key: Buffer.from('user.a'),
    value: Buffer.from('text'),
  });
  assert.equal(xattr['key'], 'user.a');
  assert.equal(xattr['value_base64'], 'dGV4dA==');
});

test('an evict says which journals it closes', () => {
  const evicts = { site: 2, incarnation: 2n ** 63n };
  const json = entryToJson({ ...header, op: 'evict', opNumber: 15, inode: 1n, evicts });
  assert.deepEqual(
    [json['op'], json['evicted_site'], json['evicted_incarnation']],
    ['evict', 2, '9223372036854775808'],
  );
});

test('an entry of a newer schema is shown whole', () => {
  const entry: DecodedEntry = {
    ...header,
    op: 'unknown',
    opNumber: 77,
    schema: 2,
    payload: Buffer.from([1, 2]),
  };
  const json = entryToJson(entry);
  assert.deepEqual(
    [json['op'], json['op_number'], json['schema'], json['payload_base64']],
    ['unknown', 77, 2, 'AQI='],
  );
});

test('a line is one line', () => {
  const line = entryToLine({ ...header, name: Buffer.from('a\nb') });
  assert.equal(line.indexOf('\n'), line.length - 1);
});
