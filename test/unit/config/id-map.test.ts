import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { ID_MAX as ID_MAX_OF_CORE } from '../../../bindings';
import { ConfigError, loadConfig, type Config } from '../../../src/config';
import { ID_MAX } from '../../../src/config/id-map';
import { leastYaml, writeConfig } from './fixtures';

const peerWith = (idMap: string): string =>
  `peers: [{ site: 2, name: oslo, endpoints: [], id_map: ${idMap} }]\n`;

function load(context: TestContext, extra: string): Config {
  return loadConfig(writeConfig(context, leastYaml + extra));
}

/** "path: message" of each. */
function issuesOf(context: TestContext, extra: string): string[] {
  try {
    load(context, extra);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.issues.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

test('a map has what it is given and nothing else', (context) => {
  const idMap =
    '{ in: { uid: [{ from: 1000, to: 2000, count: 100 }], default_gid: 65534 }, out: {} }';
  assert.deepEqual(load(context, peerWith(idMap)).peers[0]?.idMap, {
    in: { uid: [{ from: 1000, to: 2000, count: 100 }], gid: [], defaultGid: 65534 },
    out: { uid: [], gid: [] },
  });
  assert.deepEqual(load(context, peerWith('{}')).peers[0]?.idMap, {});
  assert.equal(load(context, peerWith('')).peers[0]?.idMap, undefined);
});

test('ranges may touch, lead to one id, and reach the last', (context) => {
  const ranges =
    '[{ from: 0, to: 9, count: 1 }, { from: 1, to: 9, count: 1 }, ' +
    '{ from: 2, to: 0, count: 4294967293 }]';
  assert.deepEqual(issuesOf(context, peerWith(`{ in: { uid: ${ranges} } }`)), []);
  const all = '[{ from: 0, to: 0, count: 4294967295 }]';
  assert.deepEqual(issuesOf(context, peerWith(`{ out: { gid: ${all} } }`)), []);
});

const IN = 'peers[0].id_map.in';
const wrong: readonly [idMap: string, issue: string][] = [
  ['1000', 'peers[0].id_map: 1000: expected a group of keys'],
  ['{ inn: {} }', 'peers[0].id_map.inn: unknown key: expected in?'],
  ['{ in: { uids: [] } }', `${IN}.uids: unknown key: expected uid?`],
  ['{ in: { uid: 5 } }', `${IN}.uid: 5: expected a list of 0 to 1024`],
  ['{ in: { uid: [5] } }', `${IN}.uid[0]: 5: expected a group of keys`],
  [
    '{ in: { uid: [{ from: 1, to: 2 }] } }',
    `${IN}.uid[0].count: is missing: expected a whole number from 1 to 4294967295`,
  ],
  [
    '{ in: { uid: [{ from: 4294967295, to: 2, count: 1 }] } }',
    `${IN}.uid[0].from: 4294967295: expected a whole number from 0 to 4294967294`,
  ],
  [
    '{ in: { uid: [{ from: 1, to: -2, count: 1 }] } }',
    `${IN}.uid[0].to: -2: expected a whole number from 0 to 4294967294`,
  ],
  [
    '{ in: { uid: [{ from: 1, to: "x", count: 1 }] } }',
    `${IN}.uid[0].to: "x": expected a whole number from 0 to 4294967294`,
  ],
  [
    '{ in: { gid: [{ from: 1, to: 2, count: 0 }] } }',
    `${IN}.gid[0].count: 0: expected a whole number from 1 to 4294967295`,
  ],
  [
    '{ in: { uid: [{ from: 1, to: 4294967290, count: 6 }] } }',
    `${IN}.uid[0].count: 6 ids go past 4294967294, the last there is: expected at most 5`,
  ],
  [
    '{ in: { default_uid: 4294967295 } }',
    `${IN}.default_uid: 4294967295: expected a whole number from 0 to 4294967294`,
  ],
  [
    '{ out: { gid: [{ from: 1000, to: 1, count: 100 }, { from: 5, to: 5, count: 1 }, ' +
      '{ from: 990, to: 1, count: 11 }] } }',
    'peers[0].id_map.out.gid[2]: 990 to 1000 overlaps gid[0], 1000 to 1099: ' +
      'expected each id in one range',
  ],
];

for (const [idMap, issue] of wrong) {
  test(`wrong map: ${idMap}`, (context) =>
    assert.deepEqual(issuesOf(context, peerWith(idMap)), [issue]));
}

test('one range more than fit', (context) => {
  const ranges = Array.from({ length: 1025 }, (_, id) => `{ from: ${id}, to: 0, count: 1 }`);
  assert.deepEqual(issuesOf(context, peerWith(`{ in: { uid: [${ranges.join(',')}] } }`)), [
    `${IN}.uid: a list: expected a list of 0 to 1024`,
  ]);
});

test('a site that is no peer has its map apart', (context) => {
  const uid = [{ from: 1, to: 2, count: 3 }];
  const config = load(
    context,
    'id_maps: [{ site: 3, in: { uid: [{ from: 1, to: 2, count: 3 }] } }]',
  );
  assert.deepEqual(config.idMaps, [{ site: 3, in: { uid, gid: [] } }]);
  const peer = 'peers: [{ site: 2, name: oslo, endpoints: [] }]\n';
  const wrongSites: readonly [string, string][] = [
    ['[{ site: 1 }]', "id_maps[0].site: 1 is this site's own id: expected another site's"],
    [
      '[{ site: 2 }]',
      'id_maps[0].site: 2 is the site of peers[0]: expected its map there, as peers[0].id_map',
    ],
    [
      '[{ site: 3 }, { site: 4 }, { site: 3 }]',
      'id_maps[2].site: 3 is already that of id_maps[0]: expected one entry a site',
    ],
    ['[{ site: 3, out: {} }]', 'id_maps[0].out: unknown key: expected one of site, in'],
  ];
  for (const [maps, issue] of wrongSites) {
    assert.deepEqual(issuesOf(context, `${peer}id_maps: ${maps}`), [issue]);
  }
});

test('the last id is the same to all', () => {
  assert.equal(ID_MAX, ID_MAX_OF_CORE);
});
