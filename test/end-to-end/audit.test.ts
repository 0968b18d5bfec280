/** The audit trails of two agents: what is in them, who may not change them, and what peers keep of them. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeSite } from '../../src/security/certificate-maker';
import { authorityFiles, siteFiles } from '../../src/security/tls-init';
import { cfs } from '../unit/cli/fixtures';
import { makeOddMaterial } from '../unit/conduit/fixtures';
import { RawPeer } from '../unit/conduit/network';
import { schemaFaults } from './cli-openapi';
import { type Agent, CLUSTER_UUID, Cluster, connected, waitUntil } from './support/cluster';

interface Event {
  readonly seq: number;
  readonly kind: string;
  readonly outcome: string;
  readonly actor: Readonly<Record<string, unknown>>;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly hash: string;
}

interface Report {
  readonly whole: boolean;
  readonly lines: number;
  readonly faults: readonly { file: string; line: number; message: string }[];
  readonly anchors: readonly { site: number; seq: number; hash: string }[];
}

const FIRST_FILE = 'audit-0000000000000001.jsonl';

async function audit(agent: Agent, ...args: readonly string[]): Promise<string> {
  const words = ['admin', 'replication', 'audit', ...args, '--socket', agent.socket];
  const { exitCode, stdout, stderr } = await cfs(words);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

async function events(agent: Agent, filter: string): Promise<Event[]> {
  const text = await audit(agent, '--json', '--filter', filter);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event);
}

async function eventOf(agent: Agent, filter: string): Promise<Event> {
  await waitUntil(`there is ${filter}`, async () => (await events(agent, filter)).length > 0);
  return (await events(agent, filter))[0] ?? assert.fail(filter);
}

async function verified(agent: Agent): Promise<Report> {
  const report = JSON.parse(await audit(agent, '--verify', '--json')) as Report;
  assert.deepEqual(schemaFaults(report, 'AuditReport'), []);
  return report;
}

async function twoAgents(t: TestContext): Promise<{ cluster: Cluster; one: Agent; two: Agent }> {
  const cluster = await Cluster.make(t, 2);
  const one = await cluster.spawn(1);
  const two = await cluster.spawn(2);
  return { cluster, one, two };
}

test('two agents record each other, and keep the ends of each other as anchors', async (t) => {
  const { one, two } = await twoAgents(t);
  const started = await eventOf(one, 'node.started');
  assert.equal(started.fields['ended_before'], 'never ran');
  assert.equal(typeof started.fields['incarnation'], 'string');
  const up = await eventOf(one, 'peer.connected site=2');
  assert.equal(up.actor['name'], 'site-2');
  for (const event of await events(one, '*'))
    assert.deepEqual(schemaFaults(event, 'AuditEvent'), []);

  const anchor = await eventOf(two, 'audit.anchor site=1');
  const { seq, hash } = anchor.fields;
  const [line] = await events(one, `seq=${String(seq)}`);
  assert.equal(line?.hash, hash);
  await eventOf(one, 'audit.anchor site=2');
  const report = await verified(two);
  assert.equal(report.whole, true);
  assert.deepEqual(
    report.anchors.map(({ site }) => site),
    [1],
  );
  await audit(one, '--verify', '--anchor', `${String(seq)}:${String(hash)}`);
});

test('whoever is turned away is recorded, with the reason', async (t) => {
  const { cluster, one } = await twoAgents(t);
  await eventOf(one, 'peer.connected site=2');
  const endpoint = { host: '127.0.0.1', port: cluster.port(1) };
  const tls = join(cluster.directory, 'tls');
  const files = authorityFiles(tls);
  const authority = { key: text(files.key), certificate: text(files.certificate) };
  const valid = { now: new Date(), days: 1 };
  const past = { now: new Date(Date.now() - 9 * 86_400_000), days: 1 };
  const ofSite = (site: number, clusterUuid = CLUSTER_UUID): Promise<object> =>
    makeSite({ clusterUuid, site }, [], authority, valid);
  const otherCluster = '00000000-0000-4000-8000-000000000000';
  const strangers: readonly [string, object][] = [
    ['self_signed', await makeOddMaterial(`cfs-repl://${CLUSTER_UUID}/site/2`, true)],
    ['expired', await makeSite({ clusterUuid: CLUSTER_UUID, site: 2 }, [], authority, past)],
    ['wrong_cluster', await ofSite(2, otherCluster)],
    ['unknown_site', await ofSite(9)],
    ['no_certificate', {}],
  ];
  for (const [code, material] of strangers) {
    const peer = await RawPeer.dial(endpoint, {
      ...material,
      authorities: [authority.certificate],
    });
    const event = await eventOf(one, `peer.refused code=${code}`);
    assert.equal(event.outcome, 'refused', code);
    assert.equal(event.actor['type'], 'stranger');
    peer.socket.destroy();
  }

  const { certificate, key } = siteFiles(tls, 2);
  const impostor = await RawPeer.dial(endpoint, {
    certificate: text(certificate),
    key: text(key),
    authorities: [authority.certificate],
  });
  impostor.socket.write(Buffer.from('ffffffff01010000', 'hex'));
  const event = await eventOf(one, 'peer.refused code=too_large');
  assert.deepEqual([event.actor['type'], event.actor['site']], ['peer', 2]);
  impostor.socket.destroy();
  assert.equal((await verified(one)).whole, true);
});

function text(file: string): string {
  return readFileSync(file, 'utf8');
}

test('what an operator changes is recorded with who asked, what is looked at is not', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const agent = await cluster.spawn(1);
  await cfs(['admin', 'replication', 'gc', '--socket', agent.socket]);
  await cfs(['admin', 'replication', 'status', '--socket', agent.socket]);
  const append = ['journal', 'append', '--socket', agent.socket];
  await cfs(append, { input: '{"op":"mkdir","path":"/a"}\n' });
  await cfs(append, { input: '{"op":"mkdir","path":"a"}\n' });
  const file = join(cluster.directory, 'site-1.yaml');
  const config = text(file);
  writeFileSync(file, `${config}audit: { retention_days: 30 }\n`);
  agent.child.kill('SIGHUP');
  const reloaded = await eventOf(agent, 'config.reloaded');
  assert.deepEqual(reloaded.fields, { 'audit.retention_days': '365 -> 30' });
  writeFileSync(file, `${config}nonsense: 1\n`);
  agent.child.kill('SIGHUP');
  assert.match(String((await eventOf(agent, 'config.refused')).fields['message']), /nonsense/);

  const actions = await events(agent, 'admin.*');
  assert.deepEqual(
    actions.map(({ kind, outcome, fields }) => [kind, outcome, fields['code']]),
    [
      ['admin.replication.gc', 'ok', undefined],
      ['admin.journal.append', 'refused', 'CFS_INVALID_ARGUMENT'],
    ],
  );
  assert.equal(actions[0]?.actor['via'], 'unix socket');

  const table = await audit(agent, '--tail', '2');
  assert.match(table, /^ {5}SEQ {2}TIME {18}KIND {18}OUTCOME {2}ACTOR {13}WHAT\n/);
  assert.match(table, /config\.refused +refused +SIGHUP +message=/);
  assert.equal(table.split('\n').length, 4);
  assert.match(await audit(agent, '--oldest'), /\n +1 .* audit\.file +ok +node +previous=0{64} /);
  assert.equal(await audit(agent, '--since', '2030-01-01'), '');
  const status = await cfs(['admin', 'replication', 'metrics', '--socket', agent.socket]);
  assert.match(status.stdout, /^claudefs_replication_audit_events_total [1-9]/m);
  assert.match(status.stdout, /^claudefs_replication_audit_dropped_total 0$/m);
  for (const wrong of [
    ['--since', 'yesterday'],
    ['--filter', 'a='],
  ]) {
    const words = ['admin', 'replication', 'audit', ...wrong, '--socket', agent.socket];
    const { exitCode, stderr } = await cfs(words);
    assert.equal(exitCode, 1);
    assert.match(stderr, /: expected .*\(CFS_INVALID_ARGUMENT\)\n$/);
  }
});

test('after kill -9 the trail goes on: a torn line is cut, and the next start tells', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const directory = join(cluster.dataDir(1), 'audit');
  let agent = await cluster.spawn(1);
  await eventOf(agent, 'node.started');
  await agent.kill('SIGKILL');
  appendFileSync(join(directory, FIRST_FILE), '{"seq":3,"time":"20');
  agent = await cluster.spawn(1);
  const starts = await events(agent, 'node.started');
  assert.deepEqual(
    starts.map(({ fields }) => fields['ended_before']),
    ['never ran', 'without a word'],
  );
  assert.equal((await eventOf(agent, 'audit.recovered')).fields['cut_bytes'], 19);
  assert.equal((await verified(agent)).whole, true);
  await agent.kill('SIGTERM');
  agent = await cluster.spawn(1);
  assert.equal((await events(agent, 'node.started'))[2]?.fields['ended_before'], 'in good order');
  await agent.kill('SIGTERM');
});

test('verify finds what was changed, also without an agent, and with an anchor what was cut off', async (t) => {
  const { cluster, one, two } = await twoAgents(t);
  const anchor = await eventOf(two, 'audit.anchor site=1');
  const directory = join(cluster.dataDir(1), 'audit');
  const file = join(directory, FIRST_FILE);
  await eventOf(one, 'peer.connected');
  const whole = text(file);
  const lines = whole.split('\n');
  writeFileSync(file, whole.replace('"kind":"node.started"', '"kind":"node.Started"'));
  const running = await cfs(['admin', 'replication', 'audit', '--verify', '--socket', one.socket]);
  assert.equal(running.exitCode, 4);
  assert.match(running.stdout, /^trail +not what was written: 1 fault\n/);
  assert.match(
    running.stdout,
    /^fault +audit-0000000000000001\.jsonl, line 2: event 2 has the hash [0-9a-f]{64}: expected/m,
  );
  writeFileSync(file, whole);
  await one.kill('SIGTERM');

  const verify = ['admin', 'replication', 'audit', '--verify', '--directory', directory];
  const clean = await cfs(verify);
  assert.equal(clean.exitCode, 0, clean.stderr);
  assert.match(clean.stdout, /^trail +whole\n/);
  const { seq, hash } = anchor.fields;
  writeFileSync(file, `${lines.slice(0, Number(seq) - 1).join('\n')}\n`);
  const known = ['--anchor', `${String(seq)}:${String(hash)}`];
  const cut = await cfs([...verify, ...known, '--json']);
  assert.equal(cut.exitCode, 4);
  const { faults } = JSON.parse(cut.stdout) as Report;
  assert.match(
    faults[0]?.message ?? '',
    /^the trail ends with event \d+: expected \d+, as the anchor says$/,
  );
});

test('a copied data directory is recorded as a new incarnation', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const first = await cluster.open(1);
  const { incarnation } = first.status().engine.origin;
  await first.close();
  const dataDir = cluster.dataDir(1);
  cpSync(dataDir, `${dataDir}-copy`, { recursive: true });
  rmSync(dataDir, { recursive: true });
  renameSync(`${dataDir}-copy`, dataDir);
  const agent = await cluster.spawn(1);
  const { fields } = await eventOf(agent, 'node.new_incarnation');
  assert.equal(fields['former'], String(incarnation));
  assert.notEqual(fields['former'], fields['incarnation']);
  assert.equal((await verified(agent)).whole, true);
});

test('a journal that is damaged is recorded, though the node does not start', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const node = await cluster.open(1);
  await node.close();
  const identity = join(cluster.dataDir(1), 'identity');
  const before = text(identity);
  writeFileSync(identity, before.replace('incarnation', 'incarnatiOn'));
  await assert.rejects(cluster.open(1), { code: 'CFS_CORRUPT' });
  writeFileSync(identity, before);
  const agent = await cluster.spawn(1);
  assert.match(String((await eventOf(agent, 'node.start_failed')).fields['message']), /identity/);
});

test('following shows an event as it happens', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const a = await cluster.open(1);
  const seen: Event[] = [];
  const controller = new AbortController();
  const query = {
    filter: 'peer.connected',
    oldest: false,
    follow: true,
    signal: controller.signal,
  };
  const following = (async () => {
    for await (const chunk of a.audit.lines(query)) {
      seen.push(
        ...chunk
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as Event),
      );
      if (seen.length > 0) controller.abort();
    }
  })();
  await cluster.open(2);
  await connected(a, 2);
  await following;
  assert.deepEqual(seen[0]?.actor['site'], 2);
});
