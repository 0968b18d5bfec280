import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Horizon } from '../../../src/sync/horizon';
import { wireCursor } from './fakes';

/** What a site holds of sites 1, 2 and 3. */
const vector = (...lsns: number[]) =>
  lsns.map((lsn, index) => wireCursor({ site: index + 1, incarnation: 1n }, BigInt(lsn)));
const reports = (...vectors: number[][]) =>
  new Map(vectors.map((lsns, index) => [index + 1, vector(...lsns)]));
const lsnsOf = (horizon: ReturnType<Horizon['step']>) => horizon?.map(({ lsn }) => Number(lsn));

test('what all had by the snapshot is the horizon once everything that any had is here', () => {
  const horizon = new Horizon();
  const at = reports([9, 5, 5], [7, 8, 6], [8, 6, 9]);
  assert.equal(horizon.step(vector(9, 5, 5), at), undefined);
  assert.equal(horizon.step(vector(9, 7, 9), at), undefined, 'one entry of site 2 is on its way');
  assert.deepEqual(lsnsOf(horizon.step(vector(9, 8, 9), at)), [7, 5, 5]);
});

test('goes on from one snapshot to the next, under writes that never end', () => {
  const horizon = new Horizon();
  horizon.step(vector(1, 1), reports([1, 1], [1, 1]));
  assert.deepEqual(lsnsOf(horizon.step(vector(5, 4), reports([5, 4], [3, 6]))), [1, 1]);
  assert.equal(horizon.step(vector(6, 5), reports([6, 5], [5, 9])), undefined);
  assert.deepEqual(lsnsOf(horizon.step(vector(8, 9), reports([8, 9], [7, 11]))), [3, 4]);
});

test('a site that was never heard of holds it back, and so does one that comes in between', () => {
  const horizon = new Horizon();
  const silent = reports([9, 9], [9, 9], []);
  horizon.step(vector(9, 9), silent);
  assert.equal(horizon.step(vector(9, 9), silent), undefined);

  const two = reports([9, 9], [9, 9]);
  const other = new Horizon();
  other.step(vector(9, 9), two);
  assert.equal(other.step(vector(9, 9), silent), undefined, 'site 3 has come');
  assert.equal(other.step(vector(9, 9), silent), undefined);
});

test('a site alone has seen all there is', () => {
  const horizon = new Horizon();
  horizon.step(vector(4), reports([4]));
  assert.deepEqual(lsnsOf(horizon.step(vector(6), reports([6]))), [4]);
});
