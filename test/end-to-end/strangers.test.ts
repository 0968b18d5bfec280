/** Who is not let in: an agent at its door, and a second agent with something wrong of its own. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { makeAuthority, makeSite } from '../../src/security/certificate-maker';
import { siteFiles } from '../../src/security/tls-init';
import { makeOddMaterial } from '../unit/conduit/fixtures';
import { type Agent, CLUSTER_UUID, Cluster, waitUntil } from './support/cluster';

const DAY_MS = 86_400_000;
const OTHER_CLUSTER = '99999999-9a51-4a0e-8a54-1f1d2f0c9b11';

interface Papers {
  readonly certificate: string | Buffer;
  readonly key: string | Buffer;
}

/** Comes to the agent's port as a peer would, and stays until it is put out. */
function knock(port: number, papers: Papers | undefined): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ALPNProtocols: ['cfs-repl'],
      minVersion: 'TLSv1.3',
      rejectUnauthorized: false,
      ...(papers === undefined ? {} : { cert: papers.certificate, key: papers.key }),
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve());
    socket.resume();
  });
}

async function refusals(agent: Agent): Promise<Record<string, number>> {
  const { text } = await agent.request('GET', '/metrics');
  const lines = text.matchAll(
    /^claudefs_replication_connections_refused_total\{reason="(\w+)"\} (\d+)$/gm,
  );
  return Object.fromEntries([...lines].map(([, reason = '', count]) => [reason, Number(count)]));
}

test('wrong certificates are refused, counted by reason in the metrics, and logged', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const agent = await cluster.spawn(1);
  const tls = join(cluster.directory, 'tls');
  const read = (name: string): string => readFileSync(join(tls, name), 'utf8');
  const authority = { certificate: read('ca.crt'), key: read('ca.key') };
  const now = new Date();
  const good = { now, days: 1 };
  const site = (id: number, clusterUuid = CLUSTER_UUID) => ({ clusterUuid, site: id });
  const past = { now: new Date(now.getTime() - 10 * DAY_MS), days: 1 };
  const stranger = await makeAuthority(CLUSTER_UUID, good);
  const table: readonly (readonly [string, Papers | undefined])[] = [
    ['no_certificate', undefined],
    ['self_signed', await makeOddMaterial(`cfs-repl://${CLUSTER_UUID}/site/2`, true)],
    ['expired', await makeSite(site(2), [], authority, past)],
    ['unknown_site', await makeSite(site(9), [], authority, good)],
    ['wrong_cluster', await makeSite(site(2, OTHER_CLUSTER), [], authority, good)],
    ['untrusted', await makeSite(site(2), [], stranger, good)],
  ];
  for (const [, papers] of table) await knock(cluster.port(1), papers);
  const expected = Object.fromEntries(table.map(([reason]) => [reason, 1]));
  await waitUntil('all are counted', async () => {
    const sum = Object.values(await refusals(agent)).reduce((total, count) => total + count, 0);
    return sum >= table.length;
  });
  assert.deepEqual(await refusals(agent), expected);
  const logged = agent.log
    .split('\n')
    .filter((line) => line.includes('connection refused'))
    .map((line) => JSON.parse(line) as { level: string; code: string; address: string });
  assert.deepEqual(logged.map(({ code }) => code).sort(), Object.keys(expected).sort());
  for (const { level, address } of logged) {
    assert.equal(level, 'warn');
    assert.match(address, /127\.0\.0\.1/);
  }
  const status = JSON.parse((await agent.request('GET', '/replication/status')).text) as {
    strangers_refused: unknown;
  };
  assert.deepEqual(status.strangers_refused, expected);
  t.diagnostic(`${table.length} wrong certificates refused`);
});

/** Site 1 with `spoil`ed files does not start; what it says. */
async function refusedStart(t: TestContext, spoil: (cluster: Cluster) => void): Promise<string> {
  const cluster = await Cluster.make(t, 2);
  spoil(cluster);
  const agent = cluster.start(1, {}, {}, 'pipe');
  await agent.exited;
  assert.notEqual(agent.child.exitCode, 0);
  return agent.errors;
}

test('an agent does not start with a key that others can read', async (t) => {
  const said = await refusedStart(t, (cluster) => {
    chmodSync(siteFiles(join(cluster.directory, 'tls'), 1).key, 0o644);
  });
  assert.match(said, /tls\.key: .*site-1\.key.*0644/s);
});

test("an agent does not start with another site's certificate", async (t) => {
  const said = await refusedStart(t, (cluster) => {
    const [own, other] = [1, 2].map((id) => siteFiles(join(cluster.directory, 'tls'), id));
    writeFileSync(own?.certificate ?? '', readFileSync(other?.certificate ?? ''));
    writeFileSync(own?.key ?? '', readFileSync(other?.key ?? ''));
  });
  assert.match(said, /tls\.cert: .*is of site 2: expected site\.id, 1/s);
});

test('a second agent on the same data directory is refused', async (t) => {
  const cluster = await Cluster.make(t, 1);
  await cluster.spawn(1);
  const second = cluster.start(1, { listen: { host: '127.0.0.1', port: 0 } }, {}, 'pipe');
  await second.exited;
  assert.notEqual(second.child.exitCode, 0);
  assert.match(
    second.errors + second.log,
    /lock is locked by process \d+; one process at a time may use a data directory/,
  );
});
