/** Sites are compared, one that was damaged is found out and mended, and writes disturb none of it. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { cfs } from '../unit/cli/fixtures';
import { schemaFaults } from './cli-openapi';
import { type Agent, Cluster, connected, converged, levelled, waitUntil } from './support/cluster';
import { assertSameTree } from './support/compare';
import { damageMode } from './support/damage';

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const CHECK = ['admin', 'meta', 'consistency-check'];
const RESYNC = ['admin', 'replication', 'resync'];

function run(agent: Agent, ...words: readonly string[]): Promise<Run> {
  return cfs([...words, '--socket', agent.socket]);
}

interface Register {
  readonly register: string;
  readonly here: { readonly value: string };
  readonly there: { readonly value: string };
  readonly repaired: boolean;
}

interface Report {
  readonly equal: boolean;
  readonly exchanges: number;
  readonly registers_repaired: number;
  readonly differences: readonly {
    readonly inode: string;
    readonly path: string;
    readonly registers: readonly Register[];
  }[];
}

async function append(agent: Agent, ...operations: readonly object[]): Promise<void> {
  const body = operations.map((operation) => `${JSON.stringify(operation)}\n`).join('');
  const { status, text } = await agent.request('POST', '/journal/append', body);
  assert.equal(status, 200, text);
}

async function lookup(agent: Agent, path: string): Promise<{ inode: string; mode: number }> {
  const { text } = await agent.request('GET', `/meta/lookup?path=${encodeURIComponent(path)}`);
  return JSON.parse(text) as { inode: string; mode: number };
}

async function peersUp(...agents: readonly Agent[]): Promise<void> {
  for (const agent of agents) {
    await waitUntil('the peer is connected', async () => {
      const { text } = await agent.request('GET', '/replication/status');
      return text.includes('"connected"');
    });
  }
}

/** Two agents with 500 files; at site 2 the mode of /f7 is not what its entry said. */
async function damagedSites(t: TestContext): Promise<[Cluster, Agent, Agent, string]> {
  const cluster = await Cluster.make(t, 2);
  const one = await cluster.spawn(1);
  let two = await cluster.spawn(2);
  const files = Array.from({ length: 500 }, (_, i) => ({ op: 'create', path: `/f${i}` }));
  await append(one, ...files);
  await levelled(one, two);
  const { inode } = await lookup(one, '/f7');
  await two.kill('SIGTERM');
  damageMode(cluster.dataDir(2), BigInt(inode), 0o666);
  two = await cluster.spawn(2);
  await peersUp(one, two);
  return [cluster, one, two, inode];
}

test('an inode that differs is found, shown, mended from the site that is right, and stays so', async (t) => {
  const sites = await damagedSites(t);
  const [cluster] = sites;
  let [, one, two] = sites;
  const inode = sites[3];

  const found = await run(one, ...CHECK);
  assert.equal(found.exitCode, 4, found.stderr);
  assert.match(found.stdout, /^site 2: 1 inode differs in 1 register as of site 1 to LSN 500 /m);
  assert.match(found.stdout, new RegExp(`^inode ${inode} {2}/f7$`, 'm'));
  assert.match(found.stdout, /^ {4}here +0644 /m);
  assert.match(found.stdout, /^ {4}there +0666 /m);

  const dry = await run(two, ...RESYNC, '--peer', '1', '--all', '--dry-run', '--json');
  assert.equal(dry.exitCode, 4, dry.stderr);
  const wanted = JSON.parse(dry.stdout) as Report;
  assert.deepEqual(schemaFaults(wanted, 'Resync'), []);
  assert.deepEqual([wanted.registers_repaired, wanted.differences[0]?.path], [0, '/f7']);
  assert.ok(wanted.exchanges <= 5, `${wanted.exchanges} exchanges`);
  assert.equal((await lookup(two, '/f7')).mode & 0o777, 0o666, 'nothing was changed');

  const mended = await run(two, ...RESYNC, '--peer', '1', '--all');
  assert.equal(mended.exitCode, 0, mended.stderr);
  assert.match(mended.stdout, /^ {2}mode: repaired: taken from there$/m);
  assert.match(mended.stdout, /^1 register of 1 taken from site 1$/m);
  assert.equal((await lookup(two, '/f7')).mode & 0o777, 0o644);
  const trail = await run(
    two,
    'admin',
    'replication',
    'audit',
    '--filter',
    'kind=resync.*',
    '--json',
  );
  const [register, finished] = trail.stdout.split('\n').map((line) => line);
  assert.match(register ?? '', /"register":"mode","old":"0666[^"]*".*"new":"0644/);
  assert.match(finished ?? '', /"kind":"resync.finished","outcome":"ok"/);

  for (const round of [0, 1]) {
    const check = await run(one, ...CHECK, '--peer', '2', '--json');
    assert.equal(check.exitCode, 0, check.stderr);
    const result = JSON.parse(check.stdout) as { peers: Report[] };
    assert.deepEqual(schemaFaults(result, 'Consistency'), []);
    assert.deepEqual([result.peers[0]?.equal, result.peers[0]?.exchanges], [true, 1]);
    for (const agent of [one, two]) {
      const digest = await run(agent, 'admin', 'meta', 'digest', '--verify');
      assert.equal(digest.exitCode, 0, digest.stderr);
    }
    if (round === 1) break;
    await Promise.all([one.kill('SIGKILL'), two.kill('SIGKILL')]);
    [one, two] = await Promise.all([cluster.spawn(1), cluster.spawn(2)]);
    await peersUp(one, two);
  }
});

test('a single inode can be mended, and one that is equal is left alone', async (t) => {
  const [, one, two, inode] = await damagedSites(t);
  const other = await lookup(two, '/f8');
  const equal = await run(two, ...RESYNC, '--peer', '1', '--inode', other.inode);
  assert.equal(equal.exitCode, 0, equal.stderr);
  assert.match(equal.stdout, /^site 1: equal as of site 1 to LSN 500 \(1 exchange\)$/m);
  const mended = await run(two, ...RESYNC, '--peer', '1', '--inode', inode, '--json');
  assert.equal(mended.exitCode, 0, mended.stderr);
  assert.equal((JSON.parse(mended.stdout) as Report).registers_repaired, 1);
  await levelled(one, two);
});

test('what cannot be compared says why', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const one = await cluster.spawn(1);
  const away = await run(one, ...CHECK);
  assert.equal(away.exitCode, 1);
  assert.match(away.stdout, /^site 2: not compared: site 2 is not connected$/m);
  const named = await run(one, ...CHECK, '--peer', '2');
  assert.equal(named.exitCode, 1);
  assert.match(named.stderr, /site 2 is not connected/);
  const stranger = await run(one, ...RESYNC, '--peer', '9', '--all');
  assert.equal(stranger.exitCode, 1);
  assert.match(stranger.stderr, /site 9 is no peer of this node, expected one of: 2/);
  for (const words of [['--peer', '2'], ['--peer', '2', '--all', '--inode', '7'], ['--all']]) {
    assert.equal((await run(one, ...RESYNC, ...words)).exitCode, 2, words.join(' '));
  }
});

test('sites that are written to all the time are equal in every comparison', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const nodes = [await cluster.open(1), await cluster.open(2)] as const;
  await connected(nodes[0], 2);
  const stop = new AbortController();
  const writers = nodes.map(async (node, index) => {
    for (let round = 0; !stop.signal.aborted; round++) {
      const file = `/d${round % 7}/f${round % 23}`;
      await node.append(
        [
          { op: 'mkdir', path: `/d${round % 7}` },
          { op: 'create', path: file, mode: 0o600 + index },
          { op: 'setattr', path: `/d${(round + 3) % 7}`, uid: round },
          { op: 'rename', path: file, newPath: `/d${(round + 1) % 7}/g${round % 11}` },
          { op: 'unlink', path: `/d${(round + 2) % 7}/g${round % 11}` },
        ],
        { keepGoing: true },
      );
    }
  });
  let inFlight = 0;
  for (let round = 0; round < 40; round++) {
    const here = nodes[round % 2 === 0 ? 0 : 1];
    const peer = round % 2 === 0 ? 2 : 1;
    const report = await (round % 4 < 2 ? here.consistencyCheck(peer) : here.resync(peer));
    assert.deepEqual(report.differences, [], `round ${round}`);
    assert.equal(report.equal, true);
    inFlight += report.inodesInFlight;
  }
  stop.abort();
  await Promise.all(writers);
  await converged(...nodes);
  await assertSameTree(...nodes);
  assert.equal((await nodes[0].consistencyCheck(2)).exchanges, 1);
  t.diagnostic(`40 comparisons, ${inFlight} inodes in flight, none called different`);
});
