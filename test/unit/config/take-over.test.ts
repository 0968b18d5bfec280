/** What a running node takes over of a configuration that has changed, and what waits for a restart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  asInFile,
  parseConfig,
  takeOver,
  type Config,
  type ConfigInput,
} from '../../../src/config';
import { least } from './fixtures';

const idMap = { in: { uid: [{ from: 1000, to: 2000, count: 100 }], defaultUid: 65534 } };
const oslo = { site: 2, name: 'oslo', endpoints: ['oslo.example.net:9500'] };
const bonn = { site: 3, name: 'bonn', endpoints: [] };

const configOf = (change: Partial<ConfigInput>): Config => parseConfig({ ...least, ...change });

test('nothing has changed', () => {
  const running = configOf({ peers: [{ ...oslo, idMap }] });
  const { config, changed, needsRestart } = takeOver(
    running,
    configOf({ peers: [{ ...oslo, idMap }] }),
  );
  assert.deepEqual(config, running);
  assert.deepEqual([changed, needsRestart], [[], []]);
});

test('live keys are taken over, the others are not, and all are named', () => {
  const running = configOf({ peers: [oslo] });
  const next = configOf({
    log: { level: 'debug' },
    audit: { retentionBytes: '128MiB', fileBytes: '1MiB' },
    listen: { port: 9600 },
    shards: 7,
    tls: { ...least.tls, ca: ['tls/ca.crt', 'tls/new.crt'] },
    peers: [{ ...oslo, idMap, endpoints: ['10.0.0.1:1', '[::1]:2'] }],
  });
  const { config, changed, needsRestart } = takeOver(running, next);
  assert.deepEqual(changed, [
    {
      key: 'peers[site 2].id_map',
      from: 'nothing',
      to: '{ in: { uid: [ { from: 1000, to: 2000, count: 100 } ], gid: [], default_uid: 65534 } }',
    },
    { key: 'audit.retention_bytes', from: '256MiB', to: '128MiB' },
    { key: 'log.level', from: 'info', to: 'debug' },
  ]);
  assert.deepEqual(
    needsRestart.map(({ key }) => key),
    ['shards', 'listen.port', 'tls.ca', 'peers[site 2].endpoints', 'audit.file_bytes'],
  );
  assert.deepEqual(needsRestart[3], {
    key: 'peers[site 2].endpoints',
    from: '[ oslo.example.net:9500 ]',
    to: '[ 10.0.0.1:1, "[::1]:2" ]',
  });
  const expected = configOf({
    log: { level: 'debug' },
    audit: { retentionBytes: '128MiB' },
    peers: [{ ...oslo, idMap }],
  });
  assert.deepEqual(config, expected);
  assert.deepEqual(takeOver(config, next).changed, [], 'taken over once');
  assert.equal(takeOver(config, next).needsRestart.length, 5, 'still waiting');
});

test('a live key that is gone from the file is what it is without', () => {
  const running = configOf({ peers: [{ ...oslo, idMap }], log: { level: 'warn' } });
  const { config, changed } = takeOver(running, configOf({ peers: [oslo] }));
  assert.deepEqual(config, configOf({ peers: [oslo] }));
  assert.deepEqual(
    changed.map(({ key, to }) => [key, to]),
    [
      ['peers[site 2].id_map', 'nothing'],
      ['log.level', 'info'],
    ],
  );
});

test('peers are known by their site: order is nothing, to come and to go needs a restart', () => {
  const running = configOf({ peers: [oslo, bonn] });
  const swapped = takeOver(running, configOf({ peers: [bonn, { ...oslo, idMap }] }));
  assert.deepEqual(
    swapped.changed.map(({ key }) => key),
    ['peers[site 2].id_map'],
  );
  assert.deepEqual(swapped.needsRestart, []);
  assert.deepEqual(
    swapped.config.peers.map(({ site }) => site),
    [2, 3],
  );
  const other = takeOver(running, configOf({ peers: [{ ...bonn, site: 4 }, oslo] }));
  assert.deepEqual(
    other.needsRestart.map(({ key, from, to }) => [key, from === 'nothing', to === 'nothing']),
    [
      ['peers[site 4]', true, false],
      ['peers[site 3]', false, true],
    ],
  );
  assert.deepEqual(other.config, running);
});

test('maps of sites that are no peers are live as a whole', () => {
  const idMaps = [{ site: 9, in: { defaultUid: 1 } }];
  const { config, changed } = takeOver(configOf({}), configOf({ idMaps }));
  assert.deepEqual(changed, [
    { key: 'id_maps', from: '[]', to: '[ { site: 9, in: { uid: [], gid: [], default_uid: 1 } } ]' },
  ]);
  assert.deepEqual(config.idMaps, configOf({ idMaps }).idMaps);
});

test('long values are cut', () => {
  const uid = Array.from({ length: 100 }, (_, id) => ({ from: id, to: id, count: 1 }));
  const next = configOf({ peers: [{ ...oslo, idMap: { in: { uid } } }] });
  const [change] = takeOver(configOf({ peers: [oslo] }), next).changed;
  assert.match(change?.to ?? '', /^\{ in: .*\.\.\.$/);
  assert.ok((change?.to.length ?? 0) <= 203);
});

test('a configuration is spelled as a file has it', () => {
  const spelled = asInFile(configOf({ peers: [{ ...oslo, idMap }] })) as Record<string, unknown>;
  assert.deepEqual(spelled['listen'], { host: '0.0.0.0', port: 9500 });
  assert.equal((spelled['batch'] as Record<string, unknown>)['bytes_max'], '1MiB');
  assert.deepEqual(spelled['peers'], [
    {
      site: 2,
      name: 'oslo',
      endpoints: ['oslo.example.net:9500'],
      codec: 'auto',
      id_map: {
        in: { uid: [{ from: 1000, to: 2000, count: 100 }], gid: [], default_uid: 65534 },
      },
      enabled: true,
    },
  ]);
});
