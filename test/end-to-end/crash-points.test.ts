/**
 * An agent killed at each named point around a durable step (native/core/base/crash_point.h), once each,
 * doing the work that leads there. After every restart all that was acked is there, here and at the peer.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Agent, Cluster, levelled, waitUntil } from './support/cluster';
import { SmallDisk, cannotMount } from './support/small-disk';

const HEADER = join(__dirname, '../../../native/core/base/crash_point.h');
const MIB = 1024 * 1024;
const DISK_BYTES = 256 * MIB;
const SETTINGS = {
  journal: { segmentBytes: 16 * MIB, retentionBytes: 0, diskReserveBytes: MIB },
  // Checkpoints are asked for where they are wanted.
  checkpoint: { intervalBytes: 1024 * MIB },
} as const;
/** Of one large value: with its base64 it still fits a line. */
const VALUE_BYTES = 48 * 1024;
const LARGE_LINES_A_REQUEST = 32;

/** All but those of who takes over a peer's checkpoint: test/native/engine/takeover_crash_test.cc. */
function crashPoints(): string[] {
  const list = /kCrashPoints\[\] = \{([^}]*)\}/.exec(readFileSync(HEADER, 'utf8'))?.[1] ?? '';
  const names = [...list.matchAll(/^ *"([a-z_.]+)"/gm)].map(([, name = '']) => name);
  return names.filter((name) => !/^(takeover|adoption)\./.test(name));
}

/** Site 1, which is killed, and everything it has acked. */
class Victim {
  readonly acked: string[] = [];
  #made = 0;

  /** Appends until the agent stops answering: names, and with `large` values that fill segments. */
  async append(agent: Agent, large: boolean): Promise<void> {
    for (;;) {
      const name = `/n${this.#made++}`;
      const lines = [JSON.stringify({ op: 'mkdir', path: name })];
      for (let i = 0; large && i < LARGE_LINES_A_REQUEST; i++) {
        const value = Buffer.alloc(VALUE_BYTES, this.#made + i).toString('base64');
        lines.push(JSON.stringify({ op: 'setxattr', path: '/', key: 'k', value_base64: value }));
      }
      const { status } = await agent.request('POST', '/journal/append', lines.join('\n'));
      if (status !== 200) return;
      this.acked.push(name);
    }
  }
}

/** Asks for a checkpoint and for what it makes superfluous to go, until the agent stops answering. */
async function collect(agent: Agent): Promise<void> {
  for (;;) {
    const { status } = await agent.request('POST', '/replication/gc?aggressive');
    if (status === 0) return;
  }
}

/** Damages the last record of the journal, which was never acked, as a power failure may. */
function tearTail(journal: string): void {
  const segments = readdirSync(journal).filter((name) => name.endsWith('.segment'));
  for (const name of segments.sort().reverse()) {
    const path = join(journal, name);
    const bytes = readFileSync(path);
    const last = bytes.findLastIndex((byte) => byte !== 0);
    if (last < 0) continue; // zeroed, waiting
    bytes[last] = (bytes[last] ?? 0) ^ 0xff;
    writeFileSync(path, bytes, { flag: 'r+' });
    return;
  }
  assert.fail(`no record in ${journal}`);
}

class Round {
  constructor(
    readonly cluster: Cluster,
    readonly victim: Victim,
    readonly disk: SmallDisk | undefined,
  ) {}

  spawn(point: string): Agent {
    return this.cluster.start(1, SETTINGS, { CFS_REPL_CRASH_AT: point });
  }

  /** Runs site 1 until it dies at `point`. */
  async dieAt(point: string): Promise<void> {
    if (point.startsWith('log.cut.')) {
      await this.dieAt('log.append.before_sync');
      tearTail(join(this.cluster.dataDir(1), 'journal'));
    }
    const agent = this.spawn(point);
    await Promise.race([agent.exited, agent.ready().catch(() => undefined)]);
    const work: Promise<void>[] = [];
    if (point.startsWith('log.append.')) work.push(this.victim.append(agent, false));
    if (/^log\.(rotate|segment|collect)\./.test(point)) work.push(this.victim.append(agent, true));
    if (/^(log\.collect|checkpoint)\./.test(point)) work.push(collect(agent));
    if (point === 'log.reserve.released') {
      this.disk?.fill();
      work.push(collect(agent));
    }
    const died = waitUntil(`${point} is passed`, () => agent.child.signalCode !== null);
    await Promise.all([died, ...work]);
    assert.equal(agent.child.signalCode, 'SIGKILL', point);
    this.disk?.release();
  }
}

async function makeRound(t: TestContext): Promise<Round> {
  const cluster = await Cluster.make(t, 2);
  const disk = cannotMount === undefined ? SmallDisk.mount(cluster, 1, DISK_BYTES) : undefined;
  return new Round(cluster, new Victim(), disk);
}

test('an agent killed at every named crash point loses nothing acked, and both sites are equal', async (t) => {
  const points = crashPoints();
  assert.ok(points.length >= 21, `${points.length} points in ${HEADER}`);
  const round = await makeRound(t);
  const other = await round.cluster.spawn(2, SETTINGS);
  const hit: string[] = [];
  for (const point of points) {
    if (point === 'log.reserve.released' && round.disk === undefined) {
      t.diagnostic(`skipped ${point}: ${String(cannotMount)}`);
      continue;
    }
    await round.dieAt(point);
    hit.push(point);
    const again = await round.cluster.spawn(1, SETTINGS);
    await levelled(again, other);
    const shown = await again.names();
    const lost = round.victim.acked.filter((name) => !shown.has(name));
    assert.deepEqual(lost, [], `lost after ${point}`);
    assert.equal(await again.dump(), await other.dump(), point);
    await again.kill('SIGKILL');
  }
  for (const point of hit) t.diagnostic(point);
  t.diagnostic(
    `${hit.length} of ${points.length} crash points hit, ${round.victim.acked.length} names acked`,
  );
  assert.deepEqual(
    points.filter((point) => !hit.includes(point)),
    round.disk === undefined ? ['log.reserve.released'] : [],
  );
});
