/** Numbers, times, modes and names as people read them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatMode,
  formatName,
  formatNouns,
  formatTime,
  formatTimeNs,
} from '../../../src/cli/format';

function table<T>(
  title: string,
  format: (value: T) => string,
  rows: readonly (readonly [T, string])[],
): void {
  for (const [value, expected] of rows) {
    test(`${title}: ${expected}`, () => assert.equal(format(value), expected));
  }
}

table('count', formatCount, [
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [1_234_567, '1,234,567'],
  [18_446_744_073_709_551_615n, '18,446,744,073,709,551,615'],
  ['-12345', '-12,345'],
]);

test('nouns: one and many', () => {
  assert.equal(formatNouns(1, 'name'), '1 name');
  assert.equal(formatNouns(0, 'name'), '0 names');
  assert.equal(formatNouns(1500, 'name'), '1,500 names');
});

table('bytes', formatBytes, [
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536 * 1024, '1.5 MiB'],
  ['18446744073709551615', '16.0 EiB'],
]);

table('duration', formatDuration, [
  [0, '0 ms'],
  [0.4234, '0.42 ms'],
  [9.999, '10 ms'],
  [123.4, '123 ms'],
  [3400, '3.4 s'],
  [61_000, '1m 1s'],
  [7_380_000, '2h 3m'],
  [363_600_000, '4d 5h'],
]);

table('time', formatTime, [
  [0, '1970-01-01 00:00:00Z'],
  [1_700_000_000_123, '2023-11-14 22:13:20Z'],
  [Number.NaN, '-'],
  [9e15, '-'],
]);

test('time in nanoseconds, before the epoch too', () => {
  assert.equal(formatTimeNs('1700000000123456789'), '2023-11-14 22:13:20Z');
  assert.equal(formatTimeNs('-1000000000'), '1969-12-31 23:59:59Z');
});

table('mode', formatMode, [
  [0o100644, '-rw-r--r--'],
  [0o040755, 'drwxr-xr-x'],
  [0o120777, 'lrwxrwxrwx'],
  [0o104755, '-rwsr-xr-x'],
  [0o102644, '-rw-r-Sr--'],
  [0o041777, 'drwxrwxrwt'],
  [0o041776, 'drwxrwxrwT'],
  [0o010600, 'prw-------'],
  [0o020600, 'crw-------'],
  [0o060600, 'brw-------'],
  [0o140600, 'srw-------'],
]);

table('name', formatName, [
  [Buffer.from('plain.txt'), 'plain.txt'],
  [Buffer.from('größe 大'), 'größe 大'],
  [Buffer.from([0x61, 0xff, 0x62]), 'a\\xffb'],
  [Buffer.from('bell\u0007 and \u001b[31mred'), 'bell\\x07 and \\x1b[31mred'],
  [Buffer.from('a\nb'), 'a\\x0ab'],
  [Buffer.from(' a b '), '\\x20a b\\x20'],
  [Buffer.from('back\\slash'), 'back\\x5cslash'],
  [Buffer.from('right\u202eleft'), 'right\\xe2\\x80\\xaeleft'],
]);
