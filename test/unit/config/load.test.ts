import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';

import { ConfigError, loadConfig, parseConfig, type ConfigIssue } from '../../../src/config';
import { least, leastYaml, scratchFolder, writeConfig } from './fixtures';

function errorOf(work: () => unknown): ConfigError {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  return assert.fail('expected a ConfigError');
}

function issuesOf(context: TestContext, text: string): readonly ConfigIssue[] {
  const file = writeConfig(context, text);
  return errorOf(() => loadConfig(file)).issues;
}

/** The one issue of a file that is right but for `extra`, as "path: message". */
function issueWith(context: TestContext, extra: string): string {
  const issues = issuesOf(context, leastYaml + extra);
  assert.equal(issues.length, 1, JSON.stringify(issues));
  return `${issues[0]?.path ?? ''}: ${issues[0]?.message ?? ''}`;
}

test('the least configuration gets every default', (context) => {
  const file = writeConfig(context, leastYaml);
  const folder = dirname(file);
  assert.deepEqual(loadConfig(file), {
    cluster: { uuid: '0b5aa1e4-6f0c-4d7a-9c53-2a1f64f5a0b7', name: 'claudefs' },
    site: { id: 1, name: 'munich' },
    dataDir: join(folder, 'data'),
    shards: 256,
    listen: { host: '0.0.0.0', port: 9500 },
    tls: {
      ca: [join(folder, 'tls/ca.crt')],
      cert: join(folder, 'tls/site-1.crt'),
      key: join(folder, 'tls/site-1.key'),
      expiryWarnDays: 30,
    },
    peers: [],
    idMaps: [],
    journal: {
      io: 'auto',
      segmentBytes: 67108864,
      retentionBytes: 268435456,
      tailCacheBytes: 33554432,
      sealCacheBytes: 16777216,
      diskReserveBytes: 33554432,
    },
    checkpoint: { intervalBytes: 536870912 },
    batch: { bytesMax: 1048576, delayMsMax: 100 },
    conduit: {
      heartbeatIntervalMs: 250,
      heartbeatTimeoutMs: 900,
      handshakeTimeoutMs: 5000,
      windowBytes: 16777216,
      windowFrames: 1024,
      reconnect: { delayMsMin: 100, delayMsMax: 10000 },
    },
    admin: {
      socket: join(folder, 'data/admin.sock'),
      http: { enabled: true, host: '127.0.0.1', port: 9501 },
    },
    audit: { retentionDays: 365, retentionBytes: 268435456, fileBytes: 8388608 },
    conflicts: { ledgerBytes: 67108864, ledgerDays: 90 },
    state: { keepRemovedMinutes: 10 },
    clock: { driftLimitMs: 500 },
    log: { level: 'info' },
  });
});

test('sizes and times take units', (context) => {
  const extra = `
journal: { segment_bytes: 16MiB, retention_bytes: "1.5 GiB" }
batch: { bytes_max: 65536, delay_ms_max: 0.25s }
conduit: { heartbeat_timeout_ms: 2s }
`;
  const config = loadConfig(writeConfig(context, leastYaml + extra));
  assert.equal(config.journal.segmentBytes, 16777216);
  assert.equal(config.journal.retentionBytes, 1610612736);
  assert.deepEqual(config.batch, { bytesMax: 65536, delayMsMax: 250 });
  assert.equal(config.conduit.heartbeatTimeoutMs, 2000);
});

test('peers have endpoints, by name or address', (context) => {
  const extra = `
peers:
  - { site: 2, name: oslo, endpoints: ["oslo.example.net:9500", "[2001:db8::1]:9501"] }
  - { site: 3, name: porto, endpoints: [], codec: zstd, enabled: false }
`;
  const config = loadConfig(writeConfig(context, leastYaml + extra));
  assert.deepEqual(config.peers, [
    {
      site: 2,
      name: 'oslo',
      endpoints: [
        { host: 'oslo.example.net', port: 9500 },
        { host: '2001:db8::1', port: 9501 },
      ],
      codec: 'auto',
      enabled: true,
    },
    { site: 3, name: 'porto', endpoints: [], codec: 'zstd', enabled: false },
  ]);
});

test('a program gives the same as an object, relative to a folder it names', (context) => {
  const file = writeConfig(context, leastYaml);
  assert.deepEqual(parseConfig(least, dirname(file)), loadConfig(file));
});

test('every problem is listed, in the order of the file, with its place, value and cure', (context) => {
  const text = `cluster:
  uuid: not-a-uuid
site:
  id: 0
data_dir: data
lisen:
  port: 1
listen:
  port: 95000
tls:
  ca: []
  cert: 7
  key: k
peers:
  - site: 2
    name: oslo
    endpoints:
      - oslo.example.net
`;
  const file = writeConfig(context, text);
  const error = errorOf(() => loadConfig(file));
  assert.equal(error.code, 'CFS_CONFIG');
  assert.deepEqual(error.message.replaceAll(`${file}:`, '').split('\n'), [
    '2:3: cluster.uuid: "not-a-uuid": expected a UUID in lower case, such as 0b5aa1e4-6f0c-4d7a-9c53-2a1f64f5a0b7',
    '3:1: site.name: is missing: expected a name of 1 to 63 letters, digits, dots, dashes or underscores',
    '4:3: site.id: 0: expected a whole number from 1 to 65535',
    '6:1: lisen: unknown key: expected listen?',
    '9:3: listen.port: 95000: expected a whole number from 0 to 65535',
    '11:3: tls.ca: an empty list: expected a path, or a list of paths',
    '12:3: tls.cert: 7: expected a path',
    '18:9: peers[0].endpoints[0]: "oslo.example.net": expected host:port, such as oslo.example.net:9500 or [2001:db8::1]:9500',
  ]);
});

const wrongValues: readonly [extra: string, issue: RegExp][] = [
  ['shards: 0', /^shards: 0: expected a whole number from 1 to 4096$/],
  ['shards: 2.5', /^shards: 2\.5: expected a whole number/],
  ['shards: "256"', /^shards: "256": expected a whole number/],
  ['listen: 9500', /^listen: 9500: expected a group of keys$/],
  ['listen: { host: "a b" }', /^listen\.host: "a b": expected a host name or an address$/],
  ['peers: oslo', /^peers: "oslo": expected a list of 0 to 64$/],
  ['journal: { io: aio }', /^journal\.io: "aio": expected auto, io_uring or posix$/],
  [
    'journal: { segment_bytes: 64MB }',
    /^journal\.segment_bytes: "64MB": expected a size from 16MiB to 1GiB, in bytes or with a unit/,
  ],
  [
    'journal: { segment_bytes: 4KiB }',
    /^journal\.segment_bytes: "4KiB": expected a size from 16MiB/,
  ],
  ['journal: { retention_bytes: -1 }', /^journal\.retention_bytes: -1: expected a size from 0 to/],
  ['checkpoint: { interval_bytes: ".5B" }', /^checkpoint\.interval_bytes: "\.5B": expected a size/],
  [
    'batch: { delay_ms_max: 1y }',
    /^batch\.delay_ms_max: "1y": expected a time from 0 ms to 10000 ms/,
  ],
  ['conduit: { window_bytes: 1MiB }', /^conduit\.window_bytes: "1MiB": expected a size from/],
  [
    'audit: { retention_days: 0 }',
    /^audit\.retention_days: 0: expected a whole number from 1 to 36500/,
  ],
  [
    'audit: { retention_bytes: 1KiB }',
    /^audit\.retention_bytes: "1KiB": expected a size from 128KiB/,
  ],
  [
    'conflicts: { ledger_bytes: 1KiB }',
    /^conflicts\.ledger_bytes: "1KiB": expected a size from 1MiB/,
  ],
  ['conflicts: { ledger_days: 0 }', /^conflicts\.ledger_days: 0: expected a whole number from 1/],
  ['log: { level: loud }', /^log\.level: "loud": expected trace, debug, info, warn, error, fatal/],
  [
    'admin: { http: { enabled: yes please } }',
    /^admin\.http\.enabled: "yes please": expected true/,
  ],
];

for (const [extra, issue] of wrongValues) {
  test(`wrong value: ${extra}`, (context) => assert.match(issueWith(context, extra), issue));
}

const brokenRules: readonly [extra: string, issue: string][] = [
  [
    'peers: [{ site: 1, name: oslo, endpoints: [] }]',
    "peers[0].site: 1 is this site's own id: expected another site's",
  ],
  [
    'peers: [{ site: 2, name: a, endpoints: [] }, { site: 2, name: b, endpoints: [] }]',
    'peers[1].site: 2 is already that of peers[0]: expected one entry a peer',
  ],
  [
    'peers: [{ site: 2, name: a, endpoints: [] }, { site: 3, name: a, endpoints: [] }]',
    'peers[1].name: a is already that of peers[0]: expected one entry a peer',
  ],
  [
    'conduit: { heartbeat_interval_ms: 500 }',
    'conduit.heartbeat_timeout_ms: 900 is less than twice heartbeat_interval_ms (500): expected at least 1000',
  ],
  [
    'audit: { retention_bytes: 1MiB, file_bytes: 1MiB }',
    'audit.file_bytes: 1MiB is more than half of retention_bytes (1MiB): expected at most 512KiB',
  ],
  [
    'conduit: { reconnect: { delay_ms_min: 60s } }',
    'conduit.reconnect.delay_ms_max: 10000 is below delay_ms_min (60000): expected at least as much',
  ],
  [
    'admin: { http: { host: 0.0.0.0 } }',
    'admin.http.host: "0.0.0.0" can be reached from elsewhere: expected 127.0.0.1, ::1 or localhost',
  ],
];

for (const [extra, issue] of brokenRules) {
  test(`broken rule: ${extra}`, (context) => assert.equal(issueWith(context, extra), issue));
}

const unknownKeys: readonly [extra: string, issue: string][] = [
  ['peer: []', 'peer: unknown key: expected peers?'],
  ['dataDir: x', 'dataDir: unknown key: expected data_dir?'],
  ['listen: { prot: 1 }', 'listen.prot: unknown key: expected port?'],
  ['log: { destination: 1 }', 'log.destination: unknown key: expected one of level'],
  [
    'conduit: { reconnect: { delay: 1 } }',
    'conduit.reconnect.delay: unknown key: expected one of delay_ms_min, delay_ms_max',
  ],
];

for (const [extra, issue] of unknownKeys) {
  test(`unknown key: ${extra}`, (context) => assert.equal(issueWith(context, extra), issue));
}

test("keys spelled the programs' way are unknown in a file even where no other way is given", (context) => {
  const issues = issuesOf(context, leastYaml.replace('data_dir', 'dataDir'));
  assert.deepEqual(
    issues.map(({ path, message, line }) => `${line ?? 0} ${path} ${message}`),
    ['0 data_dir is missing: expected a path', '6 dataDir unknown key: expected data_dir?'],
  );
});

test('a key given twice is a fault of the file', (context) => {
  const [issue] = issuesOf(context, `${leastYaml}shards: 1\nshards: 2\n`);
  assert.match(issue?.message ?? '', /^not valid YAML: Map keys must be unique/);
  assert.equal(issue?.line, 12);
});

test('a file that is no YAML is told so, with the place', (context) => {
  const [issue] = issuesOf(context, 'cluster:\n  uuid: [1\nsite: }\n');
  assert.match(issue?.message ?? '', /^not valid YAML: /);
  assert.ok((issue?.line ?? 0) >= 2);
});

for (const text of ['', '# nothing\n', '---\n']) {
  test(`a file with nothing in it (${JSON.stringify(text)}) lacks what is required`, (context) => {
    const paths = issuesOf(context, text).map((issue) => issue.path);
    assert.deepEqual(paths, ['cluster', 'site', 'data_dir', 'tls']);
  });
}

test('a file with a list at the top is told what was expected', (context) => {
  const [issue] = issuesOf(context, '- a\n');
  assert.equal(issue?.message, 'a list: expected a group of keys');
});

test('a key with nothing after it is left out', (context) => {
  const config = loadConfig(writeConfig(context, `${leastYaml}peers:\nlog:\n`));
  assert.deepEqual(config.peers, []);
  assert.equal(config.log.level, 'info');
});

test('a file that is not there', (context) => {
  const file = join(scratchFolder(context), 'none.yaml');
  assert.equal(
    errorOf(() => loadConfig(file)).message,
    `${file}: does not exist: expected a configuration file, which \`cfs-repl init\` makes`,
  );
});

test('a file that is far too large is not parsed', (context) => {
  const file = join(scratchFolder(context), 'large.yaml');
  writeFileSync(file, Buffer.alloc(1024 * 1024 + 1, '#'));
  assert.match(errorOf(() => loadConfig(file)).message, /1048577 bytes: expected at most 1048576$/);
});

test('aliases that refer to themselves end', (context) => {
  assert.ok(issuesOf(context, 'cluster: &a { uuid: *a }\n').length > 0);
});

test('a socket path longer than the kernel takes is refused', (context) => {
  const issue = issueWith(context, `admin: { socket: "/${'x'.repeat(107)}" }`);
  assert.match(issue, /^admin\.socket: .* has 108 bytes: expected at most 107/);
});
