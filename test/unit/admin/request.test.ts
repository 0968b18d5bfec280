/** Query parameters: read as declared, or refused with their name, value and what was expected. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../../../src/admin/api-error';
import { type ParamSpec, Params } from '../../../src/admin/request';

const SPECS: readonly ParamSpec[] = [
  { name: 'path', kind: 'text', description: 'a path' },
  { name: 'path_base64', kind: 'base64', description: 'a path' },
  { name: 'max', kind: 'integer', min: 1, max: 10, description: 'how many' },
  { name: 'inode', kind: 'uint64', description: 'a number' },
  { name: 'follow', kind: 'flag', description: 'or not' },
];

test('values come as their kinds', () => {
  const params = Params.parse('path=%2Fa+b&max=10&inode=18446744073709551615&follow', SPECS);
  assert.equal(params.text('path'), '/a b');
  assert.equal(params.bytes('path')?.toString(), '/a b');
  assert.equal(params.integer('max'), 10);
  assert.equal(params.uint64('inode'), 0xffff_ffff_ffff_ffffn);
  assert.equal(params.flag('follow'), true);
});

test('what is left out is undefined, and a flag is false', () => {
  const params = Params.parse('follow=0', SPECS);
  assert.equal(params.bytes('path'), undefined);
  assert.equal(params.integer('max'), undefined);
  assert.equal(params.uint64('inode'), undefined);
  assert.equal(params.flag('follow'), false);
});

test('base64 gives any bytes, in both alphabets', () => {
  const bytes = Buffer.from([0x2f, 0xff, 0xfe, 0xfb]);
  for (const encoding of ['base64', 'base64url'] as const) {
    const text = encodeURIComponent(bytes.toString(encoding));
    assert.deepEqual(Params.parse(`path_base64=${text}`, SPECS).bytes('path'), bytes);
  }
});

const refusals: readonly [string, RegExp][] = [
  ['max=0', /^parameter max: expected an integer from 1 to 10, got "0"$/],
  ['max=11', /^parameter max: expected an integer from 1 to 10, got "11"$/],
  ['max=1e1', /^parameter max: .* got "1e1"$/],
  ['max=-1', /^parameter max: .* got "-1"$/],
  [
    'inode=18446744073709551616',
    /^parameter inode: expected an integer from 0 to 18446744073709551615/,
  ],
  ['inode=0x10', /^parameter inode: .* got "0x10"$/],
  ['follow=maybe', /^parameter follow: expected true or false, got "maybe"$/],
  ['path_base64=%21', /^parameter path_base64: expected base64$/],
  ['depth=3', /^parameter depth: unknown; expected path, path_base64, max, inode, follow$/],
  ['max=1&max=2', /^parameter max: given twice, expected once$/],
];
for (const [query, message] of refusals) {
  test(`"${query}" is refused`, () => {
    assert.throws(
      () => Params.parse(query, SPECS),
      (error) => error instanceof ApiError && error.status === 400 && message.test(error.message),
    );
  });
}

test('text and base64 of the same thing are refused together', () => {
  const params = Params.parse('path=%2Fa&path_base64=L2E%3D', SPECS);
  assert.throws(() => params.bytes('path'), /expected one of them, got both/);
});

test('what is required and missing is named with what it is', () => {
  const required: ParamSpec[] = [
    { name: 'to', kind: 'text', required: true, description: 'a site' },
  ];
  assert.throws(
    () => Params.parse('', required),
    /^ApiError: parameter to: missing; expected a site$/,
  );
  assert.throws(
    () => Params.parse('', SPECS).requiredBytes('path'),
    /expected path or path_base64/,
  );
});
