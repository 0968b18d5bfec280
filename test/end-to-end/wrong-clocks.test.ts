/**
 * Agents whose clocks are wrong: what is stamped too far in the future waits and is told, nothing is
 * lost, what was written after seeing something wins over it, and only what was written apart is a
 * conflict.
 */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { QuarantineEvent } from '../../src';
import { cfs } from '../unit/cli/fixtures';
import { schemaFaults } from './cli-openapi';
import { type Agent, Cluster, levelled, waitUntil } from './support/cluster';
import { WrongClock } from './support/wrong-time';

const HOUR_MS = 3_600_000;
const AHEAD = '+3600';
const BEHIND = '-3600';
const RIGHT = '+0';

async function json<T>(agent: Agent, path: string): Promise<T> {
  const { status, text } = await agent.request('GET', path);
  assert.equal(status, 200, text);
  return JSON.parse(text) as T;
}

async function append(agent: Agent, ...operations: readonly object[]): Promise<void> {
  const body = operations.map((operation) => `${JSON.stringify(operation)}\n`).join('');
  const { status, text } = await agent.request('POST', '/journal/append', body);
  assert.equal(status, 200, text);
}

async function run(agent: Agent, ...words: readonly string[]): Promise<string> {
  const all = ['admin', 'replication', ...words, '--socket', agent.socket];
  const { stdout, stderr } = await cfs(all);
  assert.equal(stderr, '');
  return stdout;
}

async function modeOf(agent: Agent, path: string): Promise<number> {
  return (await json<{ mode: number }>(agent, `/meta/lookup?path=${path}`)).mode & 0o7777;
}

async function lines<T>(agent: Agent, path: string): Promise<T[]> {
  const { text } = await agent.request('GET', path);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as T);
}

/** Of the only peer. */
async function metric(agent: Agent, name: string): Promise<number> {
  const { text } = await agent.request('GET', '/metrics');
  const [, value] =
    new RegExp(`^claudefs_replication_${name}(?:{[^}]*})? (.*)$`, 'm').exec(text) ?? [];
  return Number(value);
}

interface Quarantine {
  readonly peers: readonly {
    readonly site: number;
    readonly frames: number;
    readonly ahead_ms: number;
    readonly clock_skew_ms: number | null;
  }[];
}

const quarantine = (agent: Agent): Promise<Quarantine> => json(agent, '/replication/quarantine');

async function connectedSince(agent: Agent): Promise<number | undefined> {
  interface Status {
    readonly peers: readonly { readonly connected_since_unix_ms: number }[];
  }
  return (await json<Status>(agent, '/replication/status')).peers[0]?.connected_since_unix_ms;
}

async function heldBack(agent: Agent): Promise<void> {
  await waitUntil('something is held back', async () => (await quarantine(agent)).peers.length > 0);
}

async function nothingHeldBack(agent: Agent): Promise<void> {
  await waitUntil('nothing waits', async () => (await quarantine(agent)).peers.length === 0);
}

async function skewMeasured(agent: Agent, expectedMs: number): Promise<void> {
  await waitUntil('the skew is measured', async () => {
    return Math.abs((await metric(agent, 'clock_skew_ms')) - expectedMs) < 10_000;
  });
}

async function stampsAhead(agent: Agent): Promise<void> {
  await waitUntil('it sees that its stamps are ahead of its clock', async () => {
    return (await metric(agent, 'hlc_ahead_ms')) > HOUR_MS - 60_000;
  });
}

/** LSNs of entries must rise with their HLCs: what a site writes is later than what it wrote. */
async function assertMonotone(agent: Agent): Promise<void> {
  const entries = await lines<{ hlc: string }>(agent, '/journal/tail');
  for (const [index, { hlc }] of entries.entries()) {
    const before = entries[index - 1];
    assert.ok(before === undefined || BigInt(hlc) > BigInt(before.hlc), `entry ${index}`);
  }
}

/** The same names, attributes and conflicts, `conflicts` of them. */
async function assertSame(one: Agent, two: Agent, conflicts: number): Promise<void> {
  await levelled(one, two);
  const dump = ['admin', 'meta', 'dump', '--json', '--socket'];
  const [ofOne, ofTwo] = [await cfs([...dump, one.socket]), await cfs([...dump, two.socket])];
  assert.equal(ofOne.stdout, ofTwo.stdout);
  assert.equal(await one.digest(), await two.digest());
  for (const agent of [one, two]) {
    await waitUntil('the ledger is whole', async () => {
      return (await lines(agent, '/replication/conflicts')).length >= conflicts;
    });
    assert.equal((await lines(agent, '/replication/conflicts')).length, conflicts);
    await assertMonotone(agent);
  }
}

interface Pair {
  readonly cluster: Cluster;
  /** Site 1, whose clock is right. */
  readonly right: Agent;
  /** Site 2. */
  readonly wrong: Agent;
  readonly clock: WrongClock;
}

/** Two sites that have /file and /other. */
async function start(t: TestContext, spec: string): Promise<Pair> {
  const cluster = await Cluster.make(t, 2);
  const clock = new WrongClock(cluster, 2, spec);
  const right = await cluster.spawn(1);
  const wrong = await cluster.spawn(2, {}, clock.env);
  return { cluster, right, wrong, clock };
}

const create = (path: string): object => ({ op: 'create', path, mode: 0o600 });
const chmod = (path: string, mode: number): object => ({ op: 'setattr', path, mode });

/** Everything that an operator may look at tells of it. */
async function assertAlarmed(agent: Agent, peer: number, skew: RegExp): Promise<void> {
  const health = await run(agent, 'health', '--detailed');
  assert.match(health, new RegExp(`site-${peer} +DEGRADED +what it sends is held back: `));
  assert.match(
    health,
    /stamped 3[56]\d{5} ms ahead of our clock, beyond the drift limit of 500 ms/,
  );
  assert.match(health, skew);
  const document: unknown = await json(agent, '/replication/health');
  assert.deepEqual(schemaFaults(document, 'Health'), []);
  assert.deepEqual(schemaFaults(await json(agent, '/replication/status'), 'Status'), []);
  assert.deepEqual(schemaFaults(await quarantine(agent), 'Quarantine'), []);
  assert.equal(await metric(agent, 'quarantined'), 1);
  assert.ok((await metric(agent, 'quarantined_frames_total')) > 0);
  assert.match(
    agent.log,
    /"level":"warn".*held back: stamped 3[56]\d{5} ms ahead of this node's clock/,
  );
  const audit = await run(agent, 'audit', '--filter', 'clock.quarantined');
  assert.match(
    audit,
    new RegExp(`refused +site ${peer} .*ahead_ms=3[56]\\d{5} drift_limit_ms=500`),
  );
  const list = await run(agent, 'quarantine', 'list');
  assert.match(list, new RegExp(`^${peer} \\(site-${peer}\\) .* (59m \\d+s|1h 0m) `, 'm'));
}

for (const [title, spec] of [
  ['a site an hour ahead: its entries wait at the others', AHEAD],
  ['a site an hour behind: the entries of the others wait there', BEHIND],
] as const) {
  test(`${title} until they are released, and causality holds`, async (t) => {
    const { right, wrong } = await start(t, spec);
    // Whose stamps are in the future for the other.
    const [ahead, behind] = spec === AHEAD ? [wrong, right] : [right, wrong];
    const site = ahead === right ? 1 : 2;
    await append(behind, create('/file'), create('/other'));
    await levelled(ahead, behind);
    await append(ahead, chmod('/file', 0o601), chmod('/other', 0o611), create('/of-the-future'));
    await heldBack(behind);
    const since = await connectedSince(behind);
    await skewMeasured(right, spec === AHEAD ? HOUR_MS : -HOUR_MS);
    await skewMeasured(wrong, spec === AHEAD ? -HOUR_MS : HOUR_MS);
    await assertAlarmed(behind, site, /its clock is 3[56]\d{5} ms ahead of ours/);
    assert.equal(await modeOf(behind, '/file'), 0o600, 'it is not merged');

    // The other direction goes on meanwhile; this change is made without knowledge of the other's.
    await append(behind, chmod('/other', 0o622), create('/of-today'));
    await waitUntil('the other direction works', async () => {
      return (await ahead.names()).has('/of-today');
    });
    assert.equal(await connectedSince(behind), since, 'the session stays up');

    const text = await run(behind, 'quarantine', 'release', String(site), '--json');
    assert.deepEqual(schemaFaults(JSON.parse(text), 'QuarantineReleased'), []);
    await levelled(ahead, behind);
    assert.deepEqual(
      [await modeOf(behind, '/file'), await modeOf(behind, '/other')],
      [0o601, 0o611],
    );
    assert.ok((await behind.names()).has('/of-the-future'));
    await stampsAhead(behind);
    assert.match(await run(behind, 'health'), /hlc ahead of wall clock by 3[56]\d{5} ms/);
    assert.match(
      await run(behind, 'audit', '--filter', 'admin.*'),
      /admin\.replication\.quarantine\.release +ok +.* query="site=\d"/,
    );
    assert.match(
      await run(behind, 'audit', '--filter', 'clock.*'),
      /quarantine_ended .* by=release/,
    );

    // Made after seeing it, by a site whose clock is an hour behind: it wins.
    await append(behind, chmod('/file', 0o602), chmod('/other', 0o632));
    await levelled(ahead, behind);
    assert.deepEqual([await modeOf(ahead, '/file'), await modeOf(ahead, '/other')], [0o602, 0o632]);
    await waitUntil('the release was not for ever', async () => {
      await append(ahead, chmod('/file', 0o603));
      return (await quarantine(behind)).peers.length > 0;
    });
    assert.equal(await metric(behind, 'quarantined'), 1);
    await run(behind, 'quarantine', 'release', String(site));
    await assertSame(ahead, behind, 1);
    assert.equal(await modeOf(behind, '/file'), 0o603);
  });
}

test('what is held back survives kill -9 of either side, and an orderly stop of either', async (t) => {
  const { cluster, right, wrong, clock } = await start(t, AHEAD);
  await append(wrong, create('/a'));
  await heldBack(right);
  await right.kill('SIGKILL');
  const again = await cluster.spawn(1);
  await heldBack(again);
  assert.deepEqual([...(await again.names())], []);
  await wrong.kill('SIGKILL');
  const later = await cluster.spawn(2, {}, clock.env);
  await append(later, create('/b'));
  await heldBack(again);
  const before = performance.now();
  await later.kill('SIGTERM');
  assert.ok(performance.now() - before < 2500, 'nobody waits for what waits');
  const last = await cluster.spawn(2, {}, clock.env);
  await heldBack(again);
  const beforeOurs = performance.now();
  await again.kill('SIGTERM');
  assert.ok(performance.now() - beforeOurs < 2500, 'nor here');
  const ours = await cluster.spawn(1);
  await heldBack(ours);
  await run(ours, 'quarantine', 'release', '2');
  await assertSame(ours, last, 0);
  assert.deepEqual([...(await ours.names())].sort(), ['/a', '/b']);
});

test('a clock that jumps back an hour, and is put right: stamps go on, all is taken by itself', async (t) => {
  const { right, wrong, clock } = await start(t, RIGHT);
  await append(right, create('/file'));
  await levelled(right, wrong);
  await append(wrong, chmod('/file', 0o601));
  await levelled(right, wrong);
  assert.equal((await quarantine(right)).peers.length, 0);

  clock.set(BEHIND);
  await skewMeasured(right, -HOUR_MS);
  await stampsAhead(wrong);
  // It has seen /file at 0601, so this is later, though its clock is an hour before that.
  await append(wrong, chmod('/file', 0o602), create('/after-the-jump'));
  await levelled(right, wrong);
  assert.equal(await modeOf(right, '/file'), 0o602);
  // What the others write is from its future now.
  await append(right, chmod('/file', 0o603));
  await heldBack(wrong);
  await skewMeasured(wrong, HOUR_MS);
  await assertAlarmed(wrong, 1, /its clock is 3[56]\d{5} ms ahead of ours/);

  clock.set(RIGHT);
  await nothingHeldBack(wrong);
  await assertSame(right, wrong, 0);
  assert.equal(await modeOf(wrong, '/file'), 0o603);
});

test('a clock that was an hour ahead and is set: one release at each site is enough', async (t) => {
  const { right, wrong, clock } = await start(t, AHEAD);
  await append(wrong, create('/a'));
  await heldBack(right);
  clock.set(RIGHT);
  await skewMeasured(right, 0);
  await append(wrong, create('/b'));
  assert.equal((await quarantine(right)).peers.length, 1, 'what it writes still is stamped ahead');
  assert.match(await run(wrong, 'health'), /hlc ahead of wall clock by 3[56]\d{5} ms/);
  await run(right, 'quarantine', 'release', '2');
  await levelled(right, wrong);
  // What the other has seen, it is stamped after.
  await append(right, create('/c'));
  await heldBack(wrong);
  await run(wrong, 'quarantine', 'release', '1');
  for (let i = 0; i < 100; i++) {
    await append(right, create(`/c${i}`));
    await append(wrong, create(`/a${i}`));
  }
  await assertSame(right, wrong, 0);
  assert.equal((await right.names()).size, 203);
});

test('a clock that runs 20 % fast: held back until a wider limit is set live', async (t) => {
  const { cluster, right, wrong } = await start(t, '+0 x1.2');
  await append(right, create('/file'));
  await levelled(right, wrong);
  let written = 0;
  const write = (): Promise<void> =>
    append(wrong, create(`/${String(written++).padStart(4, '0')}`));
  await waitUntil('it is far enough ahead', async () => {
    await write();
    return (await metric(right, 'quarantined')) === 1;
  });
  assert.match((await right.request('GET', '/replication/health')).text, /DEGRADED/);
  appendFileSync(join(cluster.directory, 'site-1.yaml'), '\nclock: { drift_limit_ms: 1h }\n');
  right.child.kill('SIGHUP');
  await waitUntil('the limit is taken over', async () => {
    return (
      (await json<{ drift_limit_ms: number }>(right, '/replication/quarantine')).drift_limit_ms ===
      HOUR_MS
    );
  });
  const held = await metric(right, 'quarantined_frames_total');
  assert.ok(held > 0);
  for (let i = 0; i < 20; i++) {
    await write();
    await append(right, chmod('/file', 0o600 + i));
  }
  await assertSame(right, wrong, 0);
  assert.equal((await right.names()).size, written + 1);
  assert.equal(await metric(right, 'quarantined_frames_total'), held, 'none since');
  assert.match(
    await run(right, 'audit', '--filter', 'config.reloaded'),
    /drift_limit_ms="?500 -> 3600000/,
  );
});

test('a library is told, and releases or widens the limit itself', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const node = await cluster.open(1);
  const events: QuarantineEvent[] = [];
  node.on('quarantine', (event) => events.push(event));
  const wrong = await cluster.spawn(2, {}, new WrongClock(cluster, 2, AHEAD).env);
  await append(wrong, create('/a'));
  await waitUntil('it is told', () => events.length > 0);
  const [held] = node.quarantine.list();
  assert.deepEqual([held?.site, held?.name, held?.frames, held?.ofSite], [2, 'site-2', 1, 2]);
  assert.deepEqual([events[0]?.held, events[0]?.site], [true, 2]);
  assert.equal(node.siteHealth(2).state, 'DEGRADED');
  assert.throws(() => node.quarantine.release(3), { code: 'CFS_NOT_FOUND' });
  const { acceptedHlc } = node.quarantine.release(2);
  assert.ok(acceptedHlc > (held?.hlc ?? acceptedHlc));
  await waitUntil('it is taken', () => node.status().engine.names === 1);
  assert.deepEqual(events[1], { site: 2, name: 'site-2', held: false });

  node.once('quarantine', ({ site }) => node.quarantine.release(site));
  let taken = 1;
  await waitUntil('it is held back again, and released by who is told', async () => {
    await append(wrong, create(`/${taken++}`));
    return events.length >= 4;
  });
  await waitUntil('it is taken', () => node.status().engine.names === taken);

  for (const ms of [0, NaN, 86_400_001]) {
    assert.throws(() => node.quarantine.setDriftLimit(ms), { code: 'CFS_INVALID_ARGUMENT' });
  }
  node.quarantine.setDriftLimit(2 * HOUR_MS);
  await append(wrong, create('/b'));
  await waitUntil('it is taken, too', () => node.status().engine.names === taken + 1);
  assert.equal(node.status().clock.driftLimitMs, 2 * HOUR_MS);
});

test('what cannot be released is refused by name', async (t) => {
  const { right } = await start(t, RIGHT);
  const release = async (site: string): Promise<string> => {
    const words = ['admin', 'replication', 'quarantine', 'release', site, '--socket', right.socket];
    const { exitCode, stderr } = await cfs(words);
    return `${exitCode} ${stderr}`;
  };
  assert.match(await release('2'), /^1 cfs: nothing of site 2 is in quarantine \(CFS_NOT_FOUND\)/);
  assert.match(await release('7'), /^1 cfs: site 7 is no peer of this node, expected one of: 2/);
  assert.match(await release('0'), /^2 .*Expected the number of a site, 1 to 65535/s);
  assert.equal(await run(right, 'quarantine', 'list'), 'nothing is held back\n');
});
