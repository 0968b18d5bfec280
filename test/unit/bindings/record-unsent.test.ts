/** What a journal had not sent when it was closed: into the ledger of its site's next incarnation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DataError, InvalidArgumentError } from '../../../bindings';
import { allFrames, openEngine, paths } from './fixtures';

test('the changes of a closed journal are recorded once, and can be restored', async (t) => {
  const old = await openEngine(t, 3);
  await old.append([
    { op: 'mkdir', path: '/d' },
    { op: 'create', path: '/d/f' },
  ]);
  const next = await openEngine(t, 3);
  const [frame] = await allFrames(old, { compact: false });
  assert.ok(frame);
  await assert.rejects(next.recordUnsent(frame.bytes, old), InvalidArgumentError);

  const { site, incarnation } = old.status().origin;
  await next.evict(site, incarnation);
  assert.equal(await next.recordUnsent(frame.bytes, old), 2);
  assert.equal(await next.recordUnsent(frame.bytes, old), 0);

  const recorded = await next.conflicts(undefined, 10);
  assert.deepEqual(
    recorded.map(({ lost, path, loser, winner }) => [
      [lost, Buffer.from(path).toString(), loser.op, loser.lsn],
      [winner.op, winner.evicts, winner.lsn],
    ]),
    [
      [
        ['unsent', '/d', 'mkdir', 1n],
        ['evict', { site, incarnation }, 1n],
      ],
      [
        ['unsent', '/d/f', 'create', 2n],
        ['evict', { site, incarnation }, 1n],
      ],
    ],
  );
  for (const { id } of recorded) await next.settleConflict(id, 'restored');
  assert.deepEqual(await paths(next), ['/d', '/d/f']);
});

test('what is no frame is refused', async (t) => {
  const engine = await openEngine(t, 3);
  await assert.rejects(engine.recordUnsent(new Uint8Array(200), engine), DataError);
  await assert.rejects(
    engine.recordUnsent('frame' as unknown as Uint8Array, engine),
    InvalidArgumentError,
  );
});
