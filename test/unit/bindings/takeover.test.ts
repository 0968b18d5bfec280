/** Taking over a peer's checkpoint, carried from engine to engine. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  ClosedError,
  DataError,
  Engine,
  InvalidArgumentError,
  NotFoundError,
  type TakeOver,
  type TakeOverStatus,
} from '../../../bindings';
import { defer, openEngine, optionsFor, paths, replicate, scratchFolder } from './fixtures';

async function carry(takeOver: TakeOver, peer: Engine): Promise<TakeOverStatus> {
  let step = await takeOver.start();
  while (step.question !== undefined) step = await takeOver.next(await peer.answer(step.question));
  return step.status;
}

test('a checkpoint is taken over and there after the next opening', async (t) => {
  const peer = await openEngine(t, 1);
  await peer.append([
    { op: 'mkdir', path: '/d' },
    { op: 'create', path: '/d/f' },
  ]);
  const options = optionsFor(join(scratchFolder(t), 'data'), 2);
  const engine = await Engine.open(options);
  await engine.append({ op: 'mkdir', path: '/own' });
  const takeOver = engine.takeOver(1);
  const first = await takeOver.start();
  assert.deepEqual(first.status, { done: false, bytesDone: 0, bytesTotal: 0, held: [] });
  assert.deepEqual(await takeOver.start(), first, 'the question stands until it is answered');

  const status = await carry(takeOver, peer);
  assert.equal(status.done, true);
  assert.equal(status.bytesDone, peer.status().checkpointBytes);
  assert.equal(status.bytesTotal, status.bytesDone);
  assert.deepEqual(
    status.held.map(({ site, incarnation, lsn }) => ({ site, incarnation, lsn })),
    [{ ...peer.status().origin, lsn: 2n }],
  );
  assert.deepEqual(await paths(engine), ['/own']);

  await engine.close();
  const again = await Engine.open(options);
  defer(t, () => again.close({ checkpoint: false }));
  assert.deepEqual(await paths(again), ['/d', '/d/f', '/own']);
  await replicate(again, peer);
  assert.deepEqual(await peer.digest({ rescan: true }), await again.digest({ rescan: true }));
});

test('what cannot be taken over is refused', async (t) => {
  const [peer, engine] = [await openEngine(t, 1), await openEngine(t, 2)];
  await peer.append({ op: 'mkdir', path: '/d' });
  assert.throws(() => engine.takeOver(0), InvalidArgumentError);
  assert.throws(() => engine.takeOver(70_000), InvalidArgumentError);

  const takeOver = engine.takeOver(1);
  await assert.rejects(takeOver.next(Buffer.from('nonsense')), DataError);
  const { question } = await takeOver.start();
  assert.ok(question);
  const part = await takeOver.next(await peer.answer(question));
  assert.ok(part.question);
  await peer.checkpoint();
  await peer.checkpoint();
  await assert.rejects(peer.answer(part.question), NotFoundError);
  engine.takeOver(1);
  await assert.rejects(takeOver.next(new Uint8Array(0)), ClosedError);

  await replicate(peer, engine);
  assert.throws(
    () => engine.takeOver(1),
    (error) =>
      error instanceof InvalidArgumentError && /nothing but own entries/.test(error.message),
  );
});
