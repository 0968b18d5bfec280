/** Two agents that were written to apart: what each lost is listed at both, and comes back on demand. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RecordedConflict } from '../../src';
import { cfs } from '../unit/cli/fixtures';
import { schemaFaults } from './cli-openapi';
import { type Agent, Cluster, converged, levelled, waitUntil } from './support/cluster';

interface Conflict {
  readonly id: string;
  readonly state: string;
  readonly lost: string;
  readonly path: string;
  readonly loser: Readonly<Record<string, unknown>>;
  readonly winner: Readonly<Record<string, unknown>>;
}

async function run(agent: Agent, ...words: readonly string[]): Promise<string> {
  const all = ['admin', 'replication', 'conflicts', ...words, '--socket', agent.socket];
  const { exitCode, stdout, stderr } = await cfs(all);
  assert.equal(exitCode, 0, stderr);
  return stdout;
}

async function listed(agent: Agent, ...words: readonly string[]): Promise<Conflict[]> {
  const lines = (await run(agent, 'list', '--json', ...words)).split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Conflict);
}

async function append(agent: Agent, ...operations: readonly object[]): Promise<void> {
  const body = operations.map((operation) => `${JSON.stringify(operation)}\n`).join('');
  const { status, text } = await agent.request('POST', '/journal/append', body);
  assert.equal(status, 200, text);
}

async function permissionsOf(agent: Agent, path: string): Promise<number> {
  const { text } = await agent.request('GET', `/meta/lookup?path=${encodeURIComponent(path)}`);
  return (JSON.parse(text) as { mode: number }).mode & 0o7777;
}

/** `first` and `second` are appended at sites 1 and 2, neither of which knows of the other's. */
async function writeApart(
  t: TestContext,
  before: readonly object[],
  first: readonly object[],
  second: readonly object[],
): Promise<[Agent, Agent]> {
  const cluster = await Cluster.make(t, 2);
  let one = await cluster.spawn(1);
  let two = await cluster.spawn(2);
  await append(one, ...before);
  await levelled(one, two);
  await two.kill('SIGTERM');
  await append(one, ...first);
  await one.kill('SIGTERM');
  two = await cluster.spawn(2);
  await append(two, ...second);
  one = await cluster.spawn(1);
  await levelled(one, two);
  return [one, two];
}

test('what one site lost is in the ledger of both, whole, and can be restored from either', async (t) => {
  const [one, two] = await writeApart(
    t,
    [{ op: 'create', path: '/f', mode: 0o644 }],
    [{ op: 'setattr', path: '/f', mode: 0o600 }],
    [{ op: 'setattr', path: '/f', mode: 0o640 }],
  );
  for (const agent of [one, two]) {
    await waitUntil('the conflict is listed', async () => (await listed(agent)).length > 0);
  }
  const [conflict] = await listed(one);
  assert.ok(conflict !== undefined);
  assert.deepEqual(await listed(two), [conflict]);
  assert.deepEqual(schemaFaults(conflict, 'Conflict'), []);
  const { id, state, lost, path, loser, winner } = conflict;
  assert.deepEqual([state, lost, path], ['open', 'fields', '/f']);
  assert.deepEqual([loser['site'], loser['mode']], [1, 0o600]);
  assert.deepEqual([winner['site'], winner['mode']], [2, 0o640]);

  assert.match(await run(two, 'list'), new RegExp(`^${id} .* fields +open +1 to 2 +/f$`, 'm'));
  assert.match(await run(two, 'show', id), /^loser +setattr of inode \d+ mode=0600$/m);
  assert.deepEqual(schemaFaults(JSON.parse(await run(two, 'show', id, '--json')), 'Conflict'), []);
  assert.match(await run(two, 'restore', id), /restored: its change was made again, LSN \d+/);
  await waitUntil('it is restored at the other site', async () => {
    return (await listed(one))[0]?.state === 'restored';
  });
  await levelled(one, two);
  assert.deepEqual(
    [await permissionsOf(one, '/f'), await permissionsOf(two, '/f')],
    [0o600, 0o600],
  );
  assert.equal((await listed(one)).length, 1, 'restoring makes no conflict');
});

test('a list can be cut down by time, terms and state', async (t) => {
  const [one, two] = await writeApart(
    t,
    [
      { op: 'create', path: '/a' },
      { op: 'create', path: '/b' },
    ],
    [
      { op: 'setxattr', path: '/a', key: 'user.k', value_base64: 'b25l' },
      { op: 'rename', path: '/b', new_path: '/b1' },
    ],
    [
      { op: 'setxattr', path: '/a', key: 'user.k', value_base64: 'dHdv' },
      { op: 'rename', path: '/b', new_path: '/b2' },
    ],
  );
  await waitUntil('both are listed', async () => (await listed(two)).length === 2);
  assert.deepEqual(
    (await listed(one, '--filter', 'lost=xattr')).map(({ path }) => path),
    ['/a'],
  );
  assert.deepEqual(
    (await listed(one, '--filter', '/b*')).map(({ lost }) => lost),
    ['link'],
  );
  assert.equal((await listed(one, '--since', '1h')).length, 2);
  assert.equal((await listed(one, '--since', '2100-01-01')).length, 0);
  const [first] = await listed(one);
  await run(one, 'ack', first?.id ?? '');
  assert.equal((await listed(one, '--open')).length, 1);
  const metrics = await one.request('GET', '/metrics');
  assert.match(metrics.text, /^claudefs_replication_conflicts_open 1$/m);

  const missing = ['admin', 'replication', 'conflicts', 'show', '1.abc.9', '--socket', one.socket];
  const unknown = await cfs(missing);
  assert.equal(unknown.exitCode, 1);
  assert.match(unknown.stderr, /conflict 1\.abc\.9 is not in the ledger/);
  missing[4] = 'nine';
  const malformed = await cfs(missing);
  assert.match(malformed.stderr, /id: "nine": expected SITE\.INCARNATION\.LSN/);
});

test('an embedder hears of each conflict once, at both sites', async (t) => {
  const cluster = await Cluster.make(t, 2);
  let one = await cluster.open(1);
  let two = await cluster.open(2);
  await one.append({ op: 'create', path: '/f' });
  await converged(one, two);
  await two.close();
  await one.append({ op: 'truncate', path: '/f', size: 1 });
  await one.close();
  two = await cluster.open(2);
  await two.append({ op: 'truncate', path: '/f', size: 2 });
  one = await cluster.open(1);
  const heard: RecordedConflict[][] = [[], []];
  one.on('conflict', (conflict) => heard[0]?.push(conflict));
  two.on('conflict', (conflict) => heard[1]?.push(conflict));
  await waitUntil('both have heard', () => heard.every((conflicts) => conflicts.length > 0));
  await converged(one, two);
  assert.deepEqual(
    heard.map(({ length }) => length),
    [1, 1],
  );
  const [first, second] = heard.flat();
  assert.ok(first !== undefined);
  assert.deepEqual(first.id, second?.id);
  assert.equal(first.loser.size, 1n);
  assert.equal(first.winner.size, 2n);
  const { inode } = await one.lookup('/f');
  await one.conflicts.restore(first.id);
  await converged(one, two);
  assert.equal((await two.lookup(inode)).size, 1n);
});
