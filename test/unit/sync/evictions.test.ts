/** Who counts for what may be forgotten, while sites are evicted and come back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countedReports, goneSites, isClosed, withoutEntry } from '../../../src/sync/evictions';
import { wireCursor } from './fakes';

/** Site 3 was closed up to incarnation 30 by LSN 7 of site 1. */
const BY = { site: 1, incarnation: 10n, lsn: 7n };
const CLOSED = [{ site: 3, incarnation: 30n, by: BY }];

const ofSite1 = (lsn: bigint) => wireCursor({ site: 1, incarnation: 10n }, lsn);
const ofSite3 = (incarnation: bigint, lsn: bigint) => wireCursor({ site: 3, incarnation }, lsn);
const report = (incarnation: bigint, ...cursors: ReturnType<typeof wireCursor>[]) => ({
  incarnation,
  cursors,
});

test('an eviction closes the incarnation it names and those before it', () => {
  assert.ok(isClosed(CLOSED, { site: 3, incarnation: 29n }));
  assert.ok(isClosed(CLOSED, { site: 3, incarnation: 30n }));
  assert.ok(!isClosed(CLOSED, { site: 3, incarnation: 31n }));
  assert.ok(!isClosed(CLOSED, { site: 2, incarnation: 1n }));
});

test('a site is gone until an entry of a later incarnation is held', () => {
  assert.deepEqual([...goneSites(CLOSED, [ofSite3(30n, 99n)]).keys()], [3]);
  assert.deepEqual([...goneSites(CLOSED, [ofSite3(30n, 99n), ofSite3(31n, 1n)]).keys()], []);
});

test('a site that is gone counts, holding nothing, until all others hold its eviction', () => {
  const reports = new Map([
    [1, report(10n, ofSite1(9n))],
    [2, report(20n, ofSite1(6n))],
    [3, report(30n, ofSite1(5n))],
  ]);
  assert.deepEqual(countedReports(reports, CLOSED, []).get(3), []);
  reports.set(2, report(20n, ofSite1(7n)));
  assert.deepEqual([...countedReports(reports, CLOSED, []).keys()], [1, 2]);
});

test('two sites that are gone do not wait for each other', () => {
  const closed = [...CLOSED, { site: 2, incarnation: 20n, by: { ...BY, lsn: 8n } }];
  const reports = new Map([
    [1, report(10n, ofSite1(9n))],
    [2, report(20n)],
    [3, report(30n)],
  ]);
  assert.deepEqual([...countedReports(reports, closed, []).keys()], [1]);
});

test('a site that is back counts, and what it said before it was evicted does not', () => {
  const held = [ofSite1(9n), ofSite3(31n, 1n)];
  const reports = new Map([
    [1, report(10n, ...held)],
    [3, report(30n, ofSite1(5n))],
  ]);
  assert.deepEqual(countedReports(reports, CLOSED, held).get(3), []);
  reports.set(3, report(31n, ofSite1(8n)));
  assert.deepEqual(countedReports(reports, CLOSED, held).get(3), [ofSite1(8n)]);
});

test('a site that holds nothing of others waits for nobody and keeps nobody waiting', () => {
  const fresh = wireCursor({ site: 4, incarnation: 40n }, 1n);
  const reports = new Map([
    [1, report(10n, ofSite1(9n))],
    [3, report(30n, ofSite1(5n))],
    [4, report(40n, fresh)],
  ]);
  assert.deepEqual([...countedReports(reports, CLOSED, []).keys()], [1, 4]);
  assert.deepEqual(withoutEntry(countedReports(reports, CLOSED, []), BY), []);
});

test('names the sites that are not known to hold an entry', () => {
  const counted = new Map([
    [1, [ofSite1(9n)]],
    [2, [ofSite1(6n)]],
    [4, []],
  ]);
  assert.deepEqual(withoutEntry(counted, BY), [2, 4]);
});
