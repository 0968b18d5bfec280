import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SiteTable } from '../../../src/sync/site-table';
import { wireCursor } from './fakes';

const GRACE_MS = 2000;
const SITE_1 = { site: 1, incarnation: 1n };
const held = () => [wireCursor({ site: 1, incarnation: 1n }, 10n)];
const standing = (...reached: number[]) => ({ reached, known: [] });

test('a node that has just started says nothing: that it reaches nobody yet means nothing', () => {
  const table = new SiteTable(SITE_1, [2, 3], 0);
  table.sessionUp(2, 1n);
  assert.equal(table.tell(2, GRACE_MS - 1, held), undefined);
  assert.deepEqual(table.tell(2, GRACE_MS, held)?.reached, [2]);
});

test('tells at most once a second, and at once in a new session', () => {
  const table = new SiteTable(SITE_1, [2], -GRACE_MS);
  table.sessionUp(2, 1n);
  assert.notEqual(table.tell(2, 0, held), undefined);
  assert.equal(table.tell(2, 999, held), undefined);
  assert.notEqual(table.tell(2, 1000, held), undefined);
  table.sessionUp(2, 1n);
  assert.notEqual(table.tell(2, 1001, held), undefined);
});

test('a session that ended a moment ago still counts as one', () => {
  const table = new SiteTable(SITE_1, [2, 3], -GRACE_MS);
  table.sessionUp(2, 1n);
  table.sessionUp(3, 1n);
  table.sessionDown(3, 10_000);
  assert.deepEqual(table.tell(2, 11_999, held)?.reached, [2, 3]);
  assert.deepEqual(table.tell(2, 13_000, held)?.reached, [2]);
});

test('a peer lacks a way to the sites that it does not reach, once it has said which it does', () => {
  const table = new SiteTable({ site: 2, incarnation: 1n }, [1, 3], 0);
  for (const site of [1, 2, 3, 4]) table.noteWriter(site);
  table.sessionUp(3, 1n);
  assert.deepEqual([...table.unreachedBy(3)], []);
  table.hear(3, standing(2));
  assert.deepEqual([...table.unreachedBy(3)], [1, 4]);
  table.hear(3, standing(2, 1));
  assert.deepEqual([...table.unreachedBy(3)], [4]);
  table.sessionUp(3, 1n);
  assert.deepEqual([...table.unreachedBy(3)], [], 'a new session has not said anything yet');
});

/** What a site said in an incarnation; 0 where its version does not say which. */
const of = (
  site: number,
  incarnation: bigint,
  ...lsns: [site: number, incarnation: bigint, lsn: bigint][]
) => ({
  site,
  incarnation,
  cursors: lsns.map(([origin, incarnation, lsn]) => wireCursor({ site: origin, incarnation }, lsn)),
});
const lsnsOf = (cursors: readonly { readonly lsn: bigint }[]) => cursors.map(({ lsn }) => lsn);

test('passes on what every site has said of itself, and never less than before', () => {
  const table = new SiteTable(SITE_1, [2], -GRACE_MS);
  table.hear(2, { reached: [1], known: [of(3, 1n, [1, 1n, 7n])] });
  table.hear(2, { reached: [1], known: [of(3, 1n, [1, 1n, 5n]), of(2, 1n, [1, 1n, 9n])] });
  table.sessionUp(2, 1n);
  const known = table.tell(2, 0, held)?.known ?? [];
  assert.deepEqual(
    known.map(({ site, cursors }) => [site, lsnsOf(cursors)]),
    [
      [1, [10n]],
      [2, [9n]],
      [3, [7n]],
    ],
  );
});

test('a site that was put back to an older copy holds less, as a new incarnation', () => {
  const table = new SiteTable(SITE_1, [2], 0);
  table.hear(2, { reached: [1], known: [of(2, 5n, [2, 5n, 40n], [1, 1n, 9n])] });
  table.hear(2, { reached: [1], known: [of(2, 6n, [2, 5n, 30n], [2, 6n, 1n], [1, 1n, 4n])] });
  assert.deepEqual(lsnsOf(table.reports(held()).get(2)?.cursors ?? []), [30n, 1n, 4n]);
  table.hear(2, { reached: [1], known: [of(2, 5n, [2, 5n, 40n], [1, 1n, 9n])] });
  assert.deepEqual(lsnsOf(table.reports(held()).get(2)?.cursors ?? []), [30n, 1n, 4n]);
});

test('of a version that does not say in which incarnation, the latest that it held of its own counts', () => {
  const table = new SiteTable(SITE_1, [2], 0);
  table.hear(2, { reached: [1], known: [of(2, 0n, [2, 5n, 40n], [1, 1n, 9n])] });
  assert.equal(table.reports(held()).get(2)?.incarnation, 5n);
});

test('a site that is back has said nothing yet, whatever is passed on of what it said before', () => {
  const table = new SiteTable(SITE_1, [2, 3], 0);
  table.hear(2, { reached: [1], known: [of(3, 5n, [1, 1n, 9n])] });
  table.sessionUp(3, 6n);
  table.hear(2, { reached: [1], known: [of(3, 5n, [1, 1n, 9n])] });
  assert.deepEqual(table.reports(held()).get(3), { incarnation: 6n, cursors: [] });
});

test('tells of those that count alone, and says of whom a peer has told in its session', () => {
  const table = new SiteTable(SITE_1, [2, 3], -GRACE_MS);
  table.sessionUp(2, 1n);
  assert.deepEqual(table.toldBy(2), []);
  table.hear(2, { reached: [1], known: [of(2, 1n), of(4, 1n)] });
  assert.deepEqual(table.toldBy(2), [2, 4]);
  const told = table.tell(2, 0, held, () => new Set([2, 4]));
  assert.deepEqual(
    told?.known.map(({ site }) => site),
    [1, 2, 4],
  );
  table.sessionDown(2, 10);
  assert.deepEqual(table.toldBy(2), []);
});

test('of a site that has written and said nothing, the report is empty', () => {
  const table = new SiteTable(SITE_1, [2], 0);
  table.noteWriter(7);
  assert.deepEqual([...table.reports(held()).keys()], [2, 1, 7]);
  assert.deepEqual(table.reports(held()).get(7)?.cursors, []);
});

test('what is said of its own peers comes back to be noted, of itself it is dropped', () => {
  const table = new SiteTable(SITE_1, [2, 3], 0);
  const row = (site: number) => ({ site, incarnation: 1n, cursors: held() });
  const ofPeers = table.hear(2, { reached: [1], known: [row(1), row(2), row(3), row(4)] });
  assert.deepEqual(
    ofPeers.map(({ site }) => site),
    [2, 3],
  );
});
