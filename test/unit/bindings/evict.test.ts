/** Evicting a site: its journals are closed, everywhere, for whoever speaks from one of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EvictedError, InvalidArgumentError, type Operation } from '../../../bindings';
import { entryToJson } from '../../../src/journal/entry-json';
import { operationFromJson } from '../../../src/journal/operation-json';
import { allEntries, allFrames, openEngine, paths, replicate } from './fixtures';

test('a site that is evicted is refused wherever that is known, and the status says by whom', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  const third = await openEngine(t, 3);
  await third.append({ op: 'mkdir', path: '/d' });
  const { site, incarnation } = third.status().origin;
  assert.equal(await first.evict(site, incarnation), 1n);
  await replicate(first, second);
  const { origin, lastHlc: hlc } = first.status();
  const evicted = [{ site, incarnation, by: { ...origin, hlc, lsn: 1n } }];
  const [frame] = await allFrames(third);
  assert.ok(frame);
  for (const engine of [first, second]) {
    assert.deepEqual(engine.status().evictions, evicted);
    // Also under another name, as from a copied directory.
    for (const session of [incarnation, incarnation + 1n]) {
      await assert.rejects(engine.receive(frame.bytes, site, session), (error) => {
        assert.ok(error instanceof EvictedError);
        assert.equal(error.code, 'CFS_EVICTED');
        assert.equal(error.retryable, false);
        assert.match(error.message, /^site 3 in incarnation \d+ was evicted by LSN 1 of site 1/);
        return true;
      });
    }
    assert.equal(engine.status().framesRefused, 2);
    await engine.receive(frame.bytes, 4, 1n); // passed on by another site
    assert.deepEqual(await paths(engine), ['/d']);
  }
});

test('the entry is in the journal, and shown with what it closes', async (t) => {
  const engine = await openEngine(t);
  await engine.evict(2, 2n ** 64n - 1n);
  const [entry] = await allEntries(engine);
  assert.ok(entry);
  assert.deepEqual([entry.op, entry.opNumber, entry.inode, entry.seq], ['evict', 15, 1n, 0n]);
  assert.deepEqual(entry.evicts, { site: 2, incarnation: 2n ** 64n - 1n });
  assert.equal(entryToJson(entry)['evicted_incarnation'], '18446744073709551615');
});

test('only journals that this site no longer writes can be closed', async (t) => {
  const engine = await openEngine(t);
  const { incarnation } = engine.status().origin;
  await assert.rejects(engine.evict(1, incarnation), InvalidArgumentError);
  await assert.rejects(engine.evict(0, 1n), InvalidArgumentError);
  await assert.rejects(engine.evict(2, -1n), InvalidArgumentError);
  await assert.rejects(engine.evict(2, 2n ** 64n), InvalidArgumentError);
  assert.deepEqual(engine.status().evictions, []);
  assert.equal(await engine.evict(1, incarnation - 1n), 1n);
});

test('nobody evicts by an append', async (t) => {
  const engine = await openEngine(t);
  const evict = { op: 'evict', path: '/', site: 2, incarnation: '1' };
  assert.throws(() => operationFromJson(evict), { name: 'OperationJsonError' });
  await assert.rejects(engine.append(evict as unknown as Operation), InvalidArgumentError);
  assert.equal(engine.status().durableLsn, 0n);
});
