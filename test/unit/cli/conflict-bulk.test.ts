/** `cfs admin replication conflicts ack|restore --filter`, against an agent that refuses some. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NotFoundError } from '../../../bindings';
import type { ConflictQuery } from '../../../src/admin/admin-target';
import { openServer } from '../admin/fixtures';
import { type Run, cfs } from './fixtures';

const IDS = ['3.abc.2', '3.abc.3', '3.abc.4'];
const REFUSED = '3.abc.3';

interface Asked {
  readonly queries: Pick<ConflictQuery, 'filter' | 'open'>[];
  readonly restored: string[];
  readonly acknowledged: string[];
}

/** The words after `conflicts`, to an agent whose ledger has IDS and does not restore REFUSED. */
async function run(t: TestContext, ...words: string[]): Promise<Run & Asked> {
  const asked: Asked = { queries: [], restored: [], acknowledged: [] };
  const { socketPath } = await openServer(t, {
    async *conflictLines({ filter, open }) {
      asked.queries.push({ filter, open });
      for (const id of IDS) yield await Promise.resolve(`${JSON.stringify({ id })}\n`);
    },
    restoreConflict(id) {
      if (id === REFUSED) {
        return Promise.reject(new NotFoundError('CFS_NOT_FOUND', 'nothing is left to remove'));
      }
      asked.restored.push(id);
      return Promise.resolve(BigInt(100 + asked.restored.length));
    },
    acknowledgeConflict(id) {
      asked.acknowledged.push(id);
      return Promise.resolve(BigInt(200 + asked.acknowledged.length));
    },
  });
  const all = ['admin', 'replication', 'conflicts', ...words, '--socket', socketPath];
  return { ...(await cfs(all)), ...asked };
}

test('all open ones that match are settled, oldest first', async (t) => {
  const { exitCode, stdout, stderr, acknowledged, queries } = await run(
    t,
    'ack',
    '--filter',
    'lost=unsent',
  );
  assert.equal(exitCode, 0, stderr);
  assert.equal(stdout, '3 of 3 open conflicts acknowledged, LSN 203\n');
  assert.deepEqual(acknowledged, IDS);
  assert.deepEqual(queries, [{ filter: 'lost=unsent', open: true }]);
});

test('it stops at the first that is refused, and says which', async (t) => {
  const { exitCode, stdout, stderr, restored } = await run(t, 'restore', '--filter', '*');
  assert.equal(exitCode, 1);
  assert.deepEqual(restored, ['3.abc.2']);
  assert.equal(stdout, '1 of 3 open conflicts restored, LSN 101\n');
  assert.equal(stderr, '3.abc.3 refused: nothing is left to remove (CFS_NOT_FOUND)\n');
});

test('--keep-going goes on, and reports each that was refused', async (t) => {
  const { exitCode, stdout, restored } = await run(
    t,
    'restore',
    '--filter',
    '*',
    '--keep-going',
    '--json',
  );
  assert.equal(exitCode, 1);
  assert.deepEqual(restored, ['3.abc.2', '3.abc.4']);
  assert.deepEqual(JSON.parse(stdout), {
    matched: 3,
    settled: 2,
    refused: 1,
    last_lsn: '102',
    errors: [{ id: REFUSED, code: 'CFS_NOT_FOUND', message: 'nothing is left to remove' }],
  });
});

for (const [what, words, message] of [
  ['neither an id nor a filter', [], /expected one of ID and --filter/],
  ['both of them', ['3.abc.2', '--filter', '*'], /expected one of ID and --filter/],
  ['one that is to keep going', ['3.abc.2', '--keep-going'], /--keep-going: expected --filter/],
] as const) {
  test(`${what}: exit status 2`, async (t) => {
    const { exitCode, stderr, restored } = await run(t, 'restore', ...words);
    assert.equal(exitCode, 2);
    assert.match(stderr, message);
    assert.deepEqual(restored, []);
  });
}
