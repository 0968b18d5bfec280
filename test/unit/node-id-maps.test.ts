/** Which maps of ids are in force: what the configuration says and what peers have told, kept for later. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { OwnerMap, SiteIdMap } from '../../bindings';
import { type Config, type ConfigInput, parseConfig } from '../../src/config';
import { NO_ID_MAP, NodeIdMaps } from '../../src/node-id-maps';
import { least } from './config/fixtures';

const range = (from: number, to: number, count = 10) => ({
  uid: [{ from, to, count }],
  gid: [],
});
const peer = (site: number, idMap?: object): NonNullable<ConfigInput['peers']>[number] => ({
  site,
  name: `site-${site}`,
  endpoints: [],
  ...(idMap === undefined ? {} : { idMap }),
});

function make(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'cfs-id-maps-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const set: (readonly SiteIdMap[])[] = [];
  const errors: unknown[] = [];
  const configOf = (change: Partial<ConfigInput>): Config =>
    parseConfig({ ...least, ...change, dataDir });
  const open = (change: Partial<ConfigInput>): NodeIdMaps =>
    new NodeIdMaps({
      engine: { setIdMaps: (maps) => set.push(maps) },
      config: configOf(change),
      onError: (error) => errors.push(error),
    });
  return { open, configOf, set, errors, file: join(dataDir, 'id-maps.json') };
}

function session(peerSite: number): {
  peerSite: number;
  told: OwnerMap[];
  sendIdMap: (map: OwnerMap) => void;
} {
  const told: OwnerMap[] = [];
  return { peerSite, told, sendIdMap: (map) => told.push(map) };
}

test('a peer is told at once, and again when the configuration changes', (t) => {
  const { open, configOf } = make(t);
  const maps = open({ peers: [peer(2, { out: range(1, 2) }), peer(3)] });
  const [two, three] = [session(2), session(3)];
  maps.attach(two, () => undefined);
  maps.attach(three, () => undefined);
  assert.deepEqual([two.told, three.told], [[range(1, 2)], [NO_ID_MAP]]);
  maps.configure(configOf({ peers: [peer(2), peer(3, { out: range(7, 8) })] }));
  assert.deepEqual([two.told[1], three.told[1]], [NO_ID_MAP, range(7, 8)]);
  const next = session(2);
  maps.attach(next, () => undefined);
  maps.configure(configOf({ peers: [peer(2), peer(3)] }));
  assert.equal(two.told.length, 2, 'the session before is over');
  assert.equal(next.told.length, 2);
});

test('what a peer tells is composed with what the configuration says, and is news once', (t) => {
  const { open, configOf, set } = make(t);
  const taken = range(100, 200);
  const maps = open({ peers: [peer(2, { in: taken }), peer(4)], idMaps: [{ site: 3, in: taken }] });
  const before = [
    { site: 2, out: undefined, in: taken },
    { site: 3, out: undefined, in: taken },
  ];
  assert.deepEqual(set, [before]);
  const news: OwnerMap[] = [];
  const hear = maps.attach(session(2), (map) => news.push(map));
  hear(NO_ID_MAP);
  hear(range(1, 100));
  hear(range(1, 100));
  maps.attach(session(4), (map) => news.push(map))(range(5, 6));
  assert.deepEqual(news, [range(1, 100), range(5, 6)]);
  assert.deepEqual(set.at(-1), [
    { site: 2, out: range(1, 100), in: taken },
    { site: 3, out: undefined, in: taken },
    { site: 4, out: range(5, 6), in: undefined },
  ]);
  maps.configure(configOf({}));
  const told = [
    { site: 2, out: range(1, 100), in: undefined },
    { site: 4, out: range(5, 6), in: undefined },
  ];
  assert.deepEqual(set.at(-1), told, 'what a former peer wrote is shown as it said');
  hear(NO_ID_MAP);
  assert.deepEqual(set.at(-1), told.slice(1));
});

test('what was told last is there after a restart', async (t) => {
  const { open, set, errors, file } = make(t);
  const maps = open({ peers: [peer(2)] });
  const hear = maps.attach(session(2), () => undefined);
  for (let to = 1; to <= 20; to++) hear({ ...range(1, to), defaultUid: 65534 });
  await maps.close();
  open({ peers: [peer(2)] });
  const expected = { site: 2, out: { ...range(1, 20), defaultUid: 65534 }, in: undefined };
  assert.deepEqual(set.at(-1), [expected]);
  assert.match(readFileSync(file, 'utf8'), /^\[\[2,\{.*\}\]\]\n$/);
  assert.deepEqual(errors, []);
});

test('a file that is no good is reported and told anew', async (t) => {
  const { open, set, errors, file } = make(t);
  for (const [index, text] of ['', '{', '7', '[{}]'].entries()) {
    writeFileSync(file, text);
    const maps = open({ peers: [peer(2, { in: range(1, 2) })] });
    assert.equal(errors.length, index + 1, text);
    assert.deepEqual(set.at(-1), [{ site: 2, out: undefined, in: range(1, 2) }]);
    maps.attach(session(2), () => undefined)(range(3, 4));
    await maps.close();
    assert.match(readFileSync(file, 'utf8'), /"from":3/);
  }
});

test('what the disk does not take is tried again when a peer tells it again', async (t) => {
  const { open, set, errors, file } = make(t);
  const maps = open({ peers: [peer(2)] });
  const hear = maps.attach(session(2), () => undefined);
  mkdirSync(`${file}.new`);
  hear(range(1, 2));
  await maps.close();
  assert.equal(errors.length, 1);
  assert.deepEqual(set.at(-1), [{ site: 2, out: range(1, 2), in: undefined }]);
  rmdirSync(`${file}.new`);
  hear(range(1, 2));
  await maps.close();
  assert.match(readFileSync(file, 'utf8'), /"to":2/);
});
