import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Line, LineReader } from '../../../src/journal/line-reader';

function readAll(chunks: readonly Uint8Array[], lineBytesMax?: number): Line[] {
  const reader = new LineReader(lineBytesMax);
  const lines = chunks.flatMap((chunk) => [...reader.push(chunk)]);
  const last = reader.end();
  return last === undefined ? lines : [...lines, last];
}

const texts = (lines: readonly Line[]): string[] =>
  lines.map((line) => ('text' in line ? line.text : `fault: ${line.fault}`));

test('lines end with LF or CR LF, the last one with the input', () => {
  assert.deepEqual(readAll([Buffer.from('a\nb\r\n\nc')]), [
    { number: 1, text: 'a' },
    { number: 2, text: 'b' },
    { number: 3, text: '' },
    { number: 4, text: 'c' },
  ]);
  assert.deepEqual(readAll([Buffer.from('')]), []);
  assert.deepEqual(readAll([Buffer.from('a\n')]), [{ number: 1, text: 'a' }]);
});

test('where chunks are cut makes no difference', () => {
  const text = fc.array(fc.constantFrom('a', 'é', '漢', '\n', '\r\n', '{"op":1}'));
  fc.assert(
    fc.property(text, fc.array(fc.nat(30)), (parts, cuts) => {
      const bytes = Buffer.from(parts.join(''));
      const chunks: Buffer[] = [];
      let rest = bytes;
      for (const cut of cuts) {
        chunks.push(rest.subarray(0, cut));
        rest = rest.subarray(cut);
      }
      assert.deepEqual(readAll([...chunks, rest]), readAll([bytes]));
    }),
  );
});

test('a line over the bound is a fault of that line, and the next one is read', () => {
  const fault = 'fault: expected a line of at most 8 bytes';
  for (const chunks of [
    ['123456789\nok\n'],
    ['12345', '6789', '0123\nok\n'],
    ['12345678', '9\nok'],
  ]) {
    assert.deepEqual(
      texts(
        readAll(
          chunks.map((chunk) => Buffer.from(chunk)),
          8,
        ),
      ),
      [fault, 'ok'],
    );
  }
  assert.deepEqual(texts(readAll([Buffer.from('12345678\n')], 8)), ['12345678']);
});

test('100 MB without a newline keep no more memory than the bound', () => {
  const reader = new LineReader();
  const chunk = Buffer.alloc(1024 * 1024, 'x');
  const before = process.memoryUsage();
  const lines: Line[] = [];
  for (let i = 0; i < 100; i++) lines.push(...reader.push(chunk));
  const after = process.memoryUsage();
  lines.push(...reader.push(Buffer.from('\nafter\n')));
  assert.deepEqual(texts(lines), ['fault: expected a line of at most 1048576 bytes', 'after']);
  assert.ok(after.arrayBuffers - before.arrayBuffers < 8 * 1024 * 1024);
});

test('bytes that are not UTF-8 are a fault of their line alone', () => {
  const lines = readAll([Buffer.from([0x61, 0xff, 0x0a]), Buffer.from('b\n')]);
  assert.deepEqual(texts(lines), [
    'fault: expected UTF-8 (other bytes go in *_base64 fields)',
    'b',
  ]);
});

test('numbering goes on from where the caller says', () => {
  const reader = new LineReader(undefined, 41);
  assert.deepEqual(
    [...reader.push(Buffer.from('a\nb\n'))],
    [
      { number: 41, text: 'a' },
      { number: 42, text: 'b' },
    ],
  );
});
