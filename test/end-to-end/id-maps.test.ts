/** Two agents whose users have other ids: each shows and takes its own, and both hold the same bytes. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stringify } from 'yaml';
import type { ConfigInput, RecordedConflict } from '../../src';
import { type Run, cfs } from '../unit/cli/fixtures';
import { schemaFaults } from './cli-openapi';
import {
  type Agent,
  Cluster,
  connected,
  converged,
  levelled,
  waitUntil,
  withFileKeys,
} from './support/cluster';

type Peer = NonNullable<ConfigInput['peers']>[number];
type IdMap = NonNullable<Peer['idMap']>;
type Change = Partial<Pick<ConfigInput, 'peers' | 'listen' | 'log'>>;

// Site 1's users 1000 to 1099 are site 2's 2000 to 2099. Site 1's groups 10 to 19 are 50 to 59 there; it
// shows them to site 2 as 70 to 79.
const FIRST: IdMap = {
  in: {
    uid: [{ from: 2000, to: 1000, count: 100 }],
    gid: [{ from: 50, to: 10, count: 10 }],
    defaultUid: 65534,
    defaultGid: 65534,
  },
  out: { gid: [{ from: 10, to: 70, count: 10 }] },
};
const SECOND: IdMap = {
  in: {
    uid: [{ from: 1000, to: 2000, count: 100 }],
    gid: [{ from: 70, to: 50, count: 10 }],
    defaultUid: 65533,
  },
};

/** The configuration's peers, all with one map. */
function mapped(cluster: Cluster, site: number, idMap: IdMap | undefined): Change {
  const { peers = [] } = cluster.config(site);
  return { peers: peers.map((peer) => (idMap === undefined ? peer : { ...peer, idMap })) };
}

function fileOf(cluster: Cluster, site: number): string {
  return join(cluster.directory, `site-${site}.yaml`);
}

/** Only the file changes; the agent takes it over when it is told to. */
function rewrite(cluster: Cluster, site: number, change: Change): void {
  const config = cluster.config(site, { log: { level: 'warn' }, ...change });
  writeFileSync(fileOf(cluster, site), stringify(withFileKeys(config)));
}

function replication(agent: Agent, ...words: readonly string[]): Promise<Run> {
  return cfs(['admin', 'replication', ...words, '--socket', agent.socket]);
}

async function append(agent: Agent, ...operations: readonly object[]): Promise<void> {
  const body = operations.map((operation) => `${JSON.stringify(operation)}\n`).join('');
  const { status, text } = await agent.request('POST', '/journal/append', body);
  assert.equal(status, 200, text);
}

async function ownerOf(agent: Agent, path: string): Promise<[number, number]> {
  const { text } = await agent.request('GET', `/meta/lookup?path=${encodeURIComponent(path)}`);
  const { uid, gid } = JSON.parse(text) as { uid: number; gid: number };
  return [uid, gid];
}

async function ownersIn(agent: Agent, route: string): Promise<Record<string, [number, number]>> {
  const { text } = await agent.request('GET', route);
  const rows = text.split('\n').filter((line) => line !== '');
  return Object.fromEntries(
    rows.map((line) => {
      const row = JSON.parse(line) as { path?: string; name?: string; uid: number; gid: number };
      return [row.path ?? row.name ?? '', [row.uid, row.gid]];
    }),
  );
}

async function idMapsOf(agent: Agent): Promise<Record<string, unknown>[]> {
  const { text } = await agent.request('GET', '/replication/id-maps');
  const answer = JSON.parse(text) as { sites: Record<string, unknown>[] };
  assert.deepEqual(schemaFaults(answer, 'IdMaps'), []);
  return answer.sites;
}

/** Both, once each knows what the other says of its ids. */
async function pair(t: TestContext): Promise<[Cluster, Agent, Agent]> {
  const cluster = await Cluster.make(t, 2);
  const one = await cluster.spawn(1, mapped(cluster, 1, FIRST));
  const two = await cluster.spawn(2, mapped(cluster, 2, SECOND));
  await waitUntil('site 2 was told', async () => {
    return (await idMapsOf(two)).some((map) => map['their_out'] !== undefined);
  });
  return [cluster, one, two];
}

async function equalDumps(one: Agent, two: Agent): Promise<void> {
  await levelled(one, two);
  assert.equal(await one.dump(), await two.dump());
}

test('each site shows and takes its own ids, and what is stored is the same at both', async (t) => {
  const [cluster, one, two] = await pair(t);
  await append(one, { op: 'create', path: '/f', uid: 1001, gid: 11 });
  await append(one, { op: 'create', path: '/odd', uid: 7, gid: 7 });
  await append(two, { op: 'create', path: '/g', uid: 2002, gid: 52 });
  await append(two, { op: 'create', path: '/root', uid: 0, gid: 0 });
  await equalDumps(one, two);
  assert.deepEqual(await ownerOf(two, '/f'), [2001, 51]);
  assert.deepEqual(await ownerOf(two, '/odd'), [65533, 7], 'a default, and none');
  assert.deepEqual(await ownerOf(one, '/g'), [1002, 12]);
  assert.deepEqual(await ownerOf(one, '/root'), [65534, 65534]);
  assert.deepEqual(await ownerOf(two, '/root'), [0, 0], 'our own stay');

  await append(two, { op: 'setattr', path: '/f', uid: 2009 });
  await equalDumps(one, two);
  assert.deepEqual(await ownerOf(two, '/f'), [2009, 51], 'the other half as it was shown');
  assert.deepEqual(await ownerOf(one, '/f'), [1009, 11]);
  assert.deepEqual((await ownersIn(one, '/meta/ls?path=/'))['f'], [1009, 11]);
  assert.deepEqual((await ownersIn(one, '/meta/dump'))['/f'], [2009, 51], 'as written');
  assert.deepEqual((await ownersIn(one, '/meta/dump?local_ids=true'))['/f'], [1009, 11]);
  const dump = await cfs(['admin', 'meta', 'dump', '--local-ids', '--socket', one.socket]);
  assert.match(dump.stdout, /1009[ :]+11\b.*\/f$/m);

  await one.kill('SIGKILL');
  await two.kill('SIGKILL');
  const alone = await cluster.spawn(2, mapped(cluster, 2, SECOND));
  assert.deepEqual(await ownerOf(alone, '/odd'), [65533, 7]);
  await append(alone, { op: 'setattr', path: '/f', uid: 2010 });
  const back = await cluster.spawn(1, mapped(cluster, 1, FIRST));
  await equalDumps(alone, back);
  assert.deepEqual(await ownerOf(back, '/f'), [1010, 11]);
});

test('what a peer said of its ids holds while it is away, also after a restart', async (t) => {
  const [cluster, one, two] = await pair(t);
  await append(one, { op: 'create', path: '/f', uid: 1001, gid: 11 });
  await levelled(one, two);
  await one.kill('SIGKILL');
  const kept = join(cluster.dataDir(2), 'id-maps.json');
  await waitUntil('it is kept', () => readFileSync(kept, 'utf8').includes('70'));
  await two.kill('SIGKILL');
  const alone = await cluster.spawn(2, mapped(cluster, 2, SECOND));
  assert.deepEqual(await ownerOf(alone, '/f'), [2001, 51]);
  await alone.kill('SIGTERM');
  writeFileSync(kept, '[[1,{"uid":[{"from":-1}');
  const damaged = await cluster.spawn(2, mapped(cluster, 2, SECOND));
  assert.deepEqual(await ownerOf(damaged, '/f'), [2001, 11], 'as it is without what was lost');
  await cluster.spawn(1, mapped(cluster, 1, FIRST));
  await waitUntil('it was told again', async () => (await ownerOf(damaged, '/f'))[1] === 51);
});

test('an owner that lost is shown and restored in the ids of who looks', async (t) => {
  const cluster = await Cluster.make(t, 2);
  let one = await cluster.open(1, mapped(cluster, 1, FIRST));
  let two = await cluster.open(2, mapped(cluster, 2, SECOND));
  await connected(two, 1);
  await one.append({ op: 'create', path: '/f', uid: 1000, gid: 10 });
  await converged(one, two);
  await two.close();
  await one.append({ op: 'setattr', path: '/f', uid: 1001, gid: 11 });
  await one.close();
  two = await cluster.open(2, mapped(cluster, 2, SECOND));
  await two.append({ op: 'setattr', path: '/f', uid: 2002, gid: 52 });
  one = await cluster.open(1, mapped(cluster, 1, FIRST));
  const heard: (RecordedConflict | undefined)[] = [undefined, undefined];
  one.on('conflict', (conflict) => (heard[0] = conflict));
  two.on('conflict', (conflict) => (heard[1] = conflict));
  await waitUntil('both have heard', () => heard.every((conflict) => conflict !== undefined));
  await converged(one, two);
  const shown = heard.map((c) => [c?.loser.uid, c?.loser.gid, c?.winner.uid, c?.winner.gid]);
  assert.deepEqual(shown, [
    [1001, 11, 1002, 12],
    [2001, 51, 2002, 52],
  ]);
  const listed: unknown[] = [];
  for await (const page of two.conflicts.pages()) {
    listed.push(...page.map(({ loser }) => [loser.uid, loser.gid]));
  }
  assert.deepEqual(listed, [[2001, 51]]);
  const tailed: unknown[] = [];
  for await (const { conflict } of one.tail()) {
    if (conflict !== undefined) tailed.push([conflict.winner.uid, conflict.winner.gid]);
  }
  assert.deepEqual(tailed, [[1002, 12]]);

  const id = heard[0]?.id;
  assert.ok(id !== undefined);
  await two.conflicts.restore(id);
  await converged(one, two);
  const [atOne, atTwo] = [await one.lookup('/f'), await two.lookup('/f')];
  assert.deepEqual([atOne.uid, atOne.gid], [1001, 11]);
  assert.deepEqual([atTwo.uid, atTwo.gid], [2001, 51]);
  assert.deepEqual(await one.digest(), await two.digest());
});

test('new maps are taken over live, by signal and by command, and a bad one is not', async (t) => {
  const [cluster, one, two] = await pair(t);
  await append(one, { op: 'create', path: '/f', uid: 1001, gid: 11 });
  await levelled(one, two);

  // What arrives there, by a signal.
  const moved: IdMap = { in: { uid: [{ from: 1000, to: 3000, count: 10 }] } };
  rewrite(cluster, 2, mapped(cluster, 2, moved));
  two.child.kill('SIGHUP');
  await waitUntil('the map is taken over', async () => (await ownerOf(two, '/f'))[0] === 3001);
  assert.deepEqual(await ownerOf(two, '/f'), [3001, 71]);

  // What is told there, by a command.
  rewrite(cluster, 1, mapped(cluster, 1, { out: { gid: [{ from: 11, to: 99, count: 1 }] } }));
  const reloaded = await replication(one, 'config', '--reload');
  assert.equal(reloaded.exitCode, 0, reloaded.stderr);
  assert.match(reloaded.stdout, /^taken over:\npeers\[site 2\]\.id_map: \{.*\} -> \{.*99.*\}\n$/);
  await waitUntil('the peer is told', async () => (await ownerOf(two, '/f'))[1] === 99);
  assert.match(
    (await replication(two, 'id-maps')).stdout,
    /^1 \(site-1\) +as they show them +gid +11 +99\n1 \(site-1\) +as we take them +uid +1000-1009 +3000-3009$/m,
  );
  await append(two, { op: 'setattr', path: '/f', uid: 3005 });
  await equalDumps(one, two);

  // What is wrong changes nothing, and says why.
  const overlapping = [
    { from: 1000, to: 1, count: 10 },
    { from: 1009, to: 500, count: 10 },
  ];
  rewrite(cluster, 2, mapped(cluster, 2, { in: { uid: overlapping } }));
  const refused = await replication(two, 'config', '--reload');
  assert.equal(refused.exitCode, 1);
  assert.match(
    refused.stderr,
    /peers\[0\]\.id_map\.in\.uid\[1\]: 1009 to 1018 overlaps uid\[0\], 1000 to 1009: expected each id in one range/,
  );
  assert.equal((await idMapsOf(two)).length, 1);
  await append(one, { op: 'create', path: '/g', uid: 1002, gid: 11 });
  await levelled(one, two);
  assert.deepEqual(await ownerOf(two, '/g'), [3002, 99]);

  // What is not live waits for a restart, beside what is taken over.
  rewrite(cluster, 2, { ...mapped(cluster, 2, undefined), listen: { host: '127.0.0.1', port: 1 } });
  const { stdout } = await replication(two, 'config', '--reload', '--json');
  const answer = JSON.parse(stdout) as Record<'changed' | 'needs_restart', { key: string }[]>;
  assert.deepEqual(schemaFaults(answer, 'ConfigReloaded'), []);
  assert.deepEqual(
    answer.changed.map(({ key }) => key),
    ['peers[site 1].id_map'],
  );
  assert.deepEqual(
    answer.needs_restart.map(({ key }) => key),
    ['listen.port'],
  );
  assert.deepEqual(await ownerOf(two, '/g'), [1002, 99], 'what the peer tells still holds');
  const inForce = await replication(two, 'config');
  assert.match(inForce.stdout, new RegExp(`^ {2}port: ${cluster.port(2)}$`, 'm'));

  const audit = (await replication(two, 'audit', '--filter', 'kind=config.*')).stdout;
  assert.match(audit, /config\.reloaded.*SIGHUP/);
  assert.match(audit, /config\.refused/);
  assert.match((await replication(two, 'audit', '--filter', 'kind=peer.id_map')).stdout, /id_map/);
});
