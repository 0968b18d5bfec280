import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ConduitError } from '../../../src/conduit/errors';
import {
  CONTROL_BYTES_MAX,
  FRAME_BYTES_MAX,
  KIND_CONTROL,
  KIND_FRAME,
  decodePrefix,
  encodePrefix,
} from '../../../src/conduit/protocol';

test('a prefix is eight bytes, little endian', () => {
  assert.equal(encodePrefix(KIND_FRAME, 0x00012345).toString('hex'), '4523010002010000');
  assert.deepEqual(decodePrefix(encodePrefix(KIND_CONTROL, 77)), {
    kind: KIND_CONTROL,
    bodyBytes: 77,
  });
});

test('what breaks a rule is refused by name', () => {
  const length = (kind: number, bytes: number): Buffer => {
    const prefix = encodePrefix(KIND_CONTROL, bytes);
    prefix.writeUInt8(kind, 4);
    return prefix;
  };
  const patched = (offset: number, value: number): Buffer => {
    const prefix = encodePrefix(KIND_FRAME, 200);
    prefix.writeUInt8(value, offset);
    return prefix;
  };
  const table: [string, Buffer, string, RegExp][] = [
    ['kind 0', length(0, 200), 'malformed', /kind 0/],
    ['kind 3', length(3, 200), 'malformed', /kind 3/],
    ['version 2', patched(5, 2), 'malformed', /version 2/],
    ['reserved', patched(6, 1), 'malformed', /reserved is 1/],
    ['reserved high', patched(7, 1), 'malformed', /reserved is 256/],
    ['control of 0', length(KIND_CONTROL, 0), 'malformed', /0 bytes/],
    ['control of 7', length(KIND_CONTROL, 7), 'malformed', /at least 8/],
    ['control over', length(KIND_CONTROL, CONTROL_BYTES_MAX + 1), 'too_large', /at most 262144/],
    ['control of 2^32 - 1', length(KIND_CONTROL, 2 ** 32 - 1), 'too_large', /4294967295 bytes/],
    ['frame of 127', length(KIND_FRAME, 127), 'malformed', /at least 128/],
    ['frame over', length(KIND_FRAME, FRAME_BYTES_MAX + 1), 'too_large', /at most 4194432/],
    ['frame of 2^32 - 1', length(KIND_FRAME, 2 ** 32 - 1), 'too_large', /4294967295 bytes/],
  ];
  for (const [name, prefix, code, words] of table) {
    assert.throws(
      () => decodePrefix(prefix),
      (error) => error instanceof ConduitError && error.code === code && words.test(error.message),
      name,
    );
  }
});

test('the limits themselves pass', () => {
  for (const [kind, bytes] of [
    [KIND_CONTROL, 8],
    [KIND_CONTROL, CONTROL_BYTES_MAX],
    [KIND_FRAME, 128],
    [KIND_FRAME, FRAME_BYTES_MAX],
  ] as const) {
    assert.deepEqual(decodePrefix(encodePrefix(kind, bytes)), { kind, bodyBytes: bytes });
  }
});
