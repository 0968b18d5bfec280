/** How far the way back of a site is, over restarts. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Engine } from '../../bindings';
import { prepareRejoin, removeMarker, setAsideFolder, writeMarker } from '../../src/rejoin-marker';

const CLUSTER_UUID = '7d3c6a58-9a51-4a0e-8a54-1f1d2f0c9b11';

function makeDirectory(t: TestContext): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'cfs-marker-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  return dataDir;
}

/** A journal with one entry; gives its incarnation. */
async function writeJournal(dataDir: string): Promise<bigint> {
  const engine = await Engine.open({ dataDir, clusterUuid: CLUSTER_UUID, site: 1 });
  await engine.append([{ op: 'mkdir', path: '/old' }]);
  const { incarnation } = engine.status().origin;
  await engine.close({ checkpoint: true });
  return incarnation;
}

test('a directory whose site is not on its way back is left as it is', async (t) => {
  const dataDir = makeDirectory(t);
  await writeJournal(dataDir);
  assert.equal(await prepareRejoin(dataDir), undefined);
  assert.ok(existsSync(join(dataDir, 'journal')));
});

test('the old journal is moved away whole, and can be read there', async (t) => {
  const dataDir = makeDirectory(t);
  const previous = await writeJournal(dataDir);
  writeFileSync(join(dataDir, 'evicted'), 'by site 2\n');
  mkdirSync(join(dataDir, 'audit'));
  writeMarker(dataDir, { phase: 'set-aside', primary: 2, previous, last: previous });
  const marker = await prepareRejoin(dataDir);
  assert.deepEqual(marker, { phase: 'snapshot', primary: 2, previous, last: previous });
  assert.deepEqual(readdirSync(dataDir).sort(), ['audit', 'lock', 'rejoin.json', 'set-aside']);
  const kept = join(dataDir, setAsideFolder(previous));
  assert.ok(existsSync(join(kept, 'evicted')));
  const old = await Engine.open({ dataDir: kept, clusterUuid: CLUSTER_UUID, site: 1 });
  assert.equal((await old.lookupPath('/old')).nlink, 2);
  await old.close({ checkpoint: false });
});

test('what a crash left half moved is moved at the next opening, and then nothing any more', async (t) => {
  const dataDir = makeDirectory(t);
  const previous = await writeJournal(dataDir);
  writeMarker(dataDir, { phase: 'set-aside', primary: 2, previous, last: previous });
  await prepareRejoin(dataDir);
  // As if it had ended before it was noted, with a file still to be moved.
  writeMarker(dataDir, { phase: 'set-aside', primary: 2, previous, last: previous });
  writeFileSync(join(dataDir, 'refused'), 'text\n');
  assert.equal((await prepareRejoin(dataDir))?.phase, 'snapshot');
  assert.ok(!existsSync(join(dataDir, 'refused')));
  await writeJournal(dataDir);
  assert.equal((await prepareRejoin(dataDir))?.phase, 'snapshot');
  assert.ok(existsSync(join(dataDir, 'journal')));
  removeMarker(dataDir);
  assert.equal(await prepareRejoin(dataDir), undefined);
});

test('nothing is moved from under a process that has the directory', async (t) => {
  const dataDir = makeDirectory(t);
  const engine = await Engine.open({ dataDir, clusterUuid: CLUSTER_UUID, site: 1 });
  t.after(() => engine.close({ checkpoint: false }));
  writeMarker(dataDir, { phase: 'set-aside', primary: 2, previous: 5n, last: 5n });
  await assert.rejects(prepareRejoin(dataDir), { code: 'CFS_LOCKED' });
  assert.ok(existsSync(join(dataDir, 'journal')));
});

for (const text of [
  '',
  '{}',
  '{"phase":"lost","primary":1,"previous":"5"}',
  '{"phase":"unsent"}',
  'x',
]) {
  test(`a marker that says "${text}" is not guessed at`, async (t) => {
    const dataDir = makeDirectory(t);
    writeFileSync(join(dataDir, 'rejoin.json'), text);
    await assert.rejects(prepareRejoin(dataDir), { code: 'CFS_CORRUPT' });
  });
}
