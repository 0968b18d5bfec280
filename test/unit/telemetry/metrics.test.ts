import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EngineStatus } from '../../../bindings';
import { NodeMetrics } from '../../../src/telemetry/metrics';
import { METRICS } from '../../../src/telemetry/metrics-table';
import type { AuditStatus, NodeStatus, PeerStatus } from '../../../src/telemetry/node-status';

/** What a test does not name is 0. */
function zeroElse<T extends object>(named: Partial<T>): T {
  return new Proxy(named, {
    get: (target, key) => (key in target ? Reflect.get(target, key) : 0) as unknown,
  }) as T;
}

const engine = zeroElse<EngineStatus>({
  stopped: undefined,
  diskFull: false,
  ioBackend: 'posix',
  epoch: 1n,
  lastLsn: 50n,
  durableLsn: 40n,
  journalBytes: 4096,
  syncNs: 2.5e9,
  entriesAppended: 50,
  checkpointUnixMs: 0,
});

const known: Partial<PeerStatus> = {
  site: 2,
  name: 'bonn',
  state: 'connected',
  health: 'DEGRADED',
  ackedLsn: 30n,
  lagEntries: 10n,
  lagMs: 1500,
  rttMs: 0.5,
  bytesRaw: 1000,
  bytesCompacted: 500,
  bytesCompressed: 100,
  bytesSent: 123,
  entriesSent: 20,
  entriesReceived: 7,
  errors: new Map([['link_lost', 3]]),
  quarantine: { alarm: true, framesTotal: 4, waiting: undefined },
  clockSkewMs: -250.5,
};
const peer = zeroElse<PeerStatus>(known);

const status = {
  audit: zeroElse<AuditStatus>({ events: 12, dropped: 3 }),
  site: 1,
  name: 'oslo',
  clusterName: 'test',
  version: '1.2.3',
  unixMs: 10_000,
  engine,
  clock: { driftLimitMs: 500, hlcAheadMs: 3000 },
  evictions: [
    { site: 3, incarnation: 1n, bySite: 1, unixMs: 1, gone: true, waitingFor: [] },
    { site: 4, incarnation: 1n, bySite: 1, unixMs: 1, gone: false, waitingFor: [] },
  ],
  strangersRefused: new Map([['self_signed', 4]]),
  peers: [
    peer,
    zeroElse<PeerStatus>({
      ...known,
      name: 'kiel',
      state: 'connecting',
      health: 'DOWN',
      lagMs: 20,
      bytesCompressed: 0,
    }),
    zeroElse<PeerStatus>({ ...known, name: 'turku', state: 'evicted', health: 'DOWN' }),
  ],
} as Partial<NodeStatus> as NodeStatus;

function open(t: TestContext, take: () => NodeStatus = () => status): NodeMetrics {
  const metrics = new NodeMetrics(take);
  t.after(() => metrics.close());
  return metrics;
}

const expected = [
  'claudefs_replication_clock_skew_ms{peer="bonn"} -250.5',
  'claudefs_replication_quarantined{peer="bonn"} 1',
  'claudefs_replication_evicted_sites 1',
  'claudefs_replication_quarantined_frames_total{peer="bonn"} 4',
  'claudefs_replication_hlc_ahead_ms 3000',
  'claudefs_replication_lag_ms{peer="bonn"} 1500',
  'claudefs_replication_lag_ms{peer="kiel"} 20',
  'claudefs_replication_lag_entries{peer="bonn"} 10',
  'claudefs_replication_unreplicated_oldest_ms 1500',
  'claudefs_replication_entries_processed_total{direction="appended",site="oslo"} 50',
  'claudefs_replication_entries_processed_total{direction="sent",site="bonn"} 20',
  'claudefs_replication_entries_processed_total{direction="received",site="bonn"} 7',
  'claudefs_replication_bytes_sent_total{peer="bonn"} 123',
  'claudefs_replication_compaction_ratio{peer="bonn"} 2',
  'claudefs_replication_compression_ratio{peer="bonn"} 5',
  'claudefs_replication_peer_up{peer="bonn"} 1',
  'claudefs_replication_peer_up{peer="kiel"} 0',
  'claudefs_replication_peer_health{peer="bonn"} 1',
  'claudefs_replication_errors_total{peer="bonn",code="link_lost"} 3',
  'claudefs_replication_epoch 1',
  'claudefs_replication_journal_bytes 4096',
  'claudefs_replication_journal_sync_seconds_total 2.5',
  'claudefs_replication_checkpoint_age_seconds 0',
  'claudefs_replication_audit_events_total 12',
  'claudefs_replication_audit_dropped_total 3',
  'claudefs_replication_info{site="oslo",cluster="test",version="1.2.3",io="posix"} 1',
];

test('a scrape shows the status of that moment', async (t) => {
  const lines = (await open(t).text()).split('\n');
  for (const line of expected) assert.ok(lines.includes(line), line);
  assert.ok(
    !lines.some((line) => line.startsWith('claudefs_replication_compression_ratio{peer="kiel"}')),
    'what is not known yet is not shown',
  );
  const alarming = /^claudefs_replication_(lag_ms|lag_entries|peer_up|peer_health)\{peer="turku"\}/;
  assert.ok(!lines.some((line) => alarming.test(line)), 'an evicted site raises no alarm');
});

test('counters follow the status, and a peer that is gone is gone', async (t) => {
  let now = status;
  const metrics = open(t, () => now);
  await metrics.text();
  now = { ...status, peers: [zeroElse<PeerStatus>({ ...known, bytesSent: 200 })] };
  const text = await metrics.text();
  assert.match(text, /^claudefs_replication_bytes_sent_total\{peer="bonn"\} 200$/m);
  assert.ok(!text.includes('kiel'));
});

test('every metric has help, a unit or a plain meaning, and counters end in _total', () => {
  const names = METRICS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, type, help } of METRICS) {
    assert.match(name, /^[a-z][a-z_]*$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.match(help, /\.$/, name);
  }
});

test('two nodes in one process have their own registries', async (t) => {
  const [a, b] = [open(t), open(t, () => ({ ...status, name: 'kiel' }))];
  assert.match(await a.text(), /info\{site="oslo"/);
  assert.match(await b.text(), /info\{site="kiel"/);
});

test('the process tells what it uses', async (t) => {
  const text = await open(t).text();
  for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes']) {
    assert.match(text, new RegExp(`^${name} [0-9.e+]+$`, 'm'));
  }
  assert.match(text, /^nodejs_eventloop_delay_seconds\{quantile="0.99"\} /m);
});
