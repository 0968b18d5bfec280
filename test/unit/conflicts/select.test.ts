/** Which conflicts a filter leaves, and how a conflict is named. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConflictSide, RecordedConflict } from '../../../bindings';
import { QueryError } from '../../../src/config/query';
import { parseConflictFilter } from '../../../src/conflicts/select';
import { conflictId, decidedBy, parseConflictId } from '../../../src/journal/conflict-json';

const side = (site: number, hlc: bigint): ConflictSide => {
  return { site, incarnation: 3n, lsn: 4n, hlc, inode: 9n, op: 'setattr', seen: [] };
};
const conflict: RecordedConflict = {
  id: { site: 1, incarnation: 0xabcn, lsn: 7n },
  hlc: 50n,
  lost: 'fields',
  loser: side(1, 10n),
  winner: side(2, 20n),
  path: Buffer.from('/projects/plan'),
  settled: undefined,
  arrival: 1,
};

for (const [filter, expected] of [
  ['', true],
  ['/projects/*', true],
  ['/elsewhere/*', false],
  ['path=/projects/* lost=fields loser_site=1', true],
  ['winner_site=1', false],
  ['winner_site!=1 op=setattr inode=9 state=open', true],
  ['state=restored', false],
] as const) {
  test(`"${filter}" ${expected ? 'leaves it' : 'leaves it out'}`, () => {
    assert.equal(parseConflictFilter(filter)(conflict), expected);
  });
}

test('what was not sent is found by what it lost', () => {
  const isUnsent = parseConflictFilter('lost=unsent');
  assert.equal(isUnsent(conflict), false);
  assert.equal(isUnsent({ ...conflict, lost: 'unsent' }), true);
});

test('a filter that is none is refused', () => {
  assert.throws(() => parseConflictFilter('lost='), QueryError);
  assert.throws(
    () => parseConflictFilter('sites=2'),
    /"sites": expected one of the keys path, lost,/,
  );
});

test('an id is read as it is written, and nothing else is', () => {
  assert.equal(conflictId(conflict.id), '1.abc.7');
  assert.deepEqual(parseConflictId('1.abc.7'), conflict.id);
  for (const text of ['', '1.abc', '0.abc.7', '65536.abc.7', '1.xyz.7', '1.abc.0', '1.abc.7 ']) {
    assert.equal(parseConflictId(text), undefined, text);
  }
});

test('an earlier winner means that the tree decided', () => {
  assert.equal(decidedBy(conflict), 'later');
  const loser = side(1, 30n);
  assert.equal(decidedBy({ ...conflict, loser: { ...loser, op: 'rename' } }), 'cycle');
  assert.equal(decidedBy({ ...conflict, loser: { ...loser, op: 'rmdir' } }), 'in_use');
  assert.equal(decidedBy({ ...conflict, loser, lost: 'unsent' }), 'evicted');
});
