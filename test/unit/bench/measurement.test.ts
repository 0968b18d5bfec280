import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lagsOf } from '../../../bench/lag';
import { beside, median, percentile, rounded } from '../../../bench/support/measurement';

test('a percentile is one of the values, whatever their order', () => {
  const values = [5, 1, 4, 2, 3];
  assert.equal(percentile(values, 0), 1);
  assert.equal(percentile(values, 0.99), 5);
  assert.equal(percentile(values, 1), 5);
  assert.equal(median(values), 3);
  assert.deepEqual(values, [5, 1, 4, 2, 3], 'the values stay as they were');
});

test('of no values there is no percentile', () => {
  assert.ok(Number.isNaN(median([])));
});

test('large numbers are rounded to whole ones, small ones to four digits', () => {
  assert.equal(rounded(1_234_567.8), 1_234_568);
  assert.equal(rounded(0.0123456), 0.01235);
});

test('the ratio is ours over theirs', () => {
  const measured = { bench: 'replicate', value: 1000, unit: 'entries/s', params: {} };
  assert.equal(beside(measured, { name: 'another', value: 250 }).ratio, 4);
  assert.deepEqual(beside(measured, undefined), measured);
});

test('an append lags until the first frame that reaches it is applied', () => {
  const appends = [
    { lsn: 1, atUs: 100 },
    { lsn: 2, atUs: 110 },
    { lsn: 3, atUs: 120 },
  ];
  const applied = [
    { lsn: 2, atUs: 200 },
    { lsn: 5, atUs: 300 },
  ];
  assert.deepEqual(lagsOf(appends, applied), [100, 90, 180]);
});

test('an append that was never applied is an error, not a short lag', () => {
  assert.throws(() => lagsOf([{ lsn: 7, atUs: 0 }], [{ lsn: 6, atUs: 1 }]), /LSN 7/);
});
