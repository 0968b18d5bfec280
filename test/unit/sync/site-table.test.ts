import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SiteTable } from '../../../src/sync/site-table';
import { wireCursor } from './fakes';

const GRACE_MS = 2000;
const heldBy = (site: number) => [wireCursor({ site, incarnation: 1n }, 10n)];
const standing = (...reached: number[]) => ({ reached, known: [] });

test('a node that has just started says nothing: that it reaches nobody yet means nothing', () => {
  const table = new SiteTable(1, [2, 3], 0);
  table.sessionUp(2);
  assert.equal(table.tell(2, GRACE_MS - 1, heldBy), undefined);
  assert.deepEqual(table.tell(2, GRACE_MS, heldBy)?.reached, [2]);
});

test('tells at most once a second, and at once in a new session', () => {
  const table = new SiteTable(1, [2], -GRACE_MS);
  table.sessionUp(2);
  assert.notEqual(table.tell(2, 0, heldBy), undefined);
  assert.equal(table.tell(2, 999, heldBy), undefined);
  assert.notEqual(table.tell(2, 1000, heldBy), undefined);
  table.sessionUp(2);
  assert.notEqual(table.tell(2, 1001, heldBy), undefined);
});

test('a session that ended a moment ago still counts as one', () => {
  const table = new SiteTable(1, [2, 3], -GRACE_MS);
  table.sessionUp(2);
  table.sessionUp(3);
  table.sessionDown(3, 10_000);
  assert.deepEqual(table.tell(2, 11_999, heldBy)?.reached, [2, 3]);
  assert.deepEqual(table.tell(2, 13_000, heldBy)?.reached, [2]);
});

test('a peer lacks a way to the sites that it does not reach, once it has said which it does', () => {
  const table = new SiteTable(2, [1, 3], 0);
  for (const site of [1, 2, 3, 4]) table.noteWriter(site);
  table.sessionUp(3);
  assert.deepEqual([...table.unreachedBy(3)], []);
  table.hear(3, standing(2));
  assert.deepEqual([...table.unreachedBy(3)], [1, 4]);
  table.hear(3, standing(2, 1));
  assert.deepEqual([...table.unreachedBy(3)], [4]);
  table.sessionUp(3);
  assert.deepEqual([...table.unreachedBy(3)], [], 'a new session has not said anything yet');
});

test('passes on what it has heard of sites that are no peers, and never less than before', () => {
  const table = new SiteTable(1, [2], -GRACE_MS);
  const of = (lsn: bigint) => ({
    site: 3,
    cursors: [wireCursor({ site: 1, incarnation: 1n }, lsn)],
  });
  table.hear(2, { reached: [1], known: [of(7n)] });
  table.hear(2, { reached: [1], known: [of(5n)] });
  table.sessionUp(2);
  const known = table.tell(2, 0, heldBy)?.known ?? [];
  assert.deepEqual(
    known.map(({ site, cursors }) => [site, cursors[0]?.lsn]),
    [
      [1, 10n],
      [2, 10n],
      [3, 7n],
    ],
  );
});

test('what is said of its own peers comes back to be noted, of itself it is dropped', () => {
  const table = new SiteTable(1, [2, 3], 0);
  const row = (site: number) => ({ site, cursors: heldBy(site) });
  const ofPeers = table.hear(2, { reached: [1], known: [row(1), row(2), row(3), row(4)] });
  assert.deepEqual(
    ofPeers.map(({ site }) => site),
    [2, 3],
  );
});
