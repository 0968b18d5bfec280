/**
 * Three agents that are all written to, while links are cut and healed and one of them is killed: in the
 * end all show the same, and the ledger has exactly the conflicts that were made.
 *
 * CFS_REPL_TEST_SEED=N replays the plan of a run: what is written where, cut and killed. What meets what
 * on the way is up to the machine, and the test asks the sites for it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../deploy/demo/random';
import { waitUntil } from './support/cluster';
import {
  type Held,
  type KnownWrite,
  type Recorded,
  assertRecorded,
  isLater,
  knew,
  lossesOf,
} from './support/known-writes';
import { type CutKind, Mesh, type Pair, islands } from './support/mesh';
import { Load, type Step } from './support/three-sites-load';
import { WrittenSite } from './support/written-site';

const ROUNDS = 25;
/** Everything is healed, levelled and compared after so many. */
const ROUNDS_A_CHECK = 5;
/** One site is killed in every so many rounds. */
const ROUNDS_A_KILL = 3;
const KILL_DELAY_MS_MAX = 4;

const PAIRS = [
  [1, 2],
  [1, 3],
  [2, 3],
] as const;

/** Which pairs may be cut: none, one, all of one site, all. */
const PARTITIONS: readonly (readonly Pair[])[] = [
  [],
  ...PAIRS.map((pair) => [pair]),
  ...PAIRS.map((pair) => PAIRS.filter((other) => other !== pair)),
  PAIRS,
];

interface Side {
  readonly site: number;
  readonly lsn: string;
  readonly hlc: string;
  readonly seen: readonly { readonly site: number; readonly lsn: string }[];
}

interface Conflict {
  readonly id: string;
  readonly decided: string;
  readonly loser: Side;
  readonly winner: Side;
}

class Trial {
  readonly sites: readonly WrittenSite[];
  readonly load: Load;
  readonly counts = { partitions: 0, kills: 0, relays: 0 };
  readonly #mesh: Mesh;
  readonly #random: Random;
  #cuts: ReadonlyMap<Pair, CutKind> = new Map();
  #partitionsLeft: (readonly Pair[])[] = [];
  #victimsLeft: number[] = [];

  constructor(mesh: Mesh, random: Random) {
    this.#mesh = mesh;
    this.#random = random;
    this.sites = mesh.sites.map((id) => new WrittenSite(mesh, id));
    this.load = new Load(random, this.sites);
  }

  /** All write, somewhere on the way the partition changes, and one may die and come back. */
  async round(isDeadly: boolean): Promise<void> {
    const steps = this.load.nextRound();
    const total = [...steps.values()].reduce((sum, { length }) => sum + length, 0);
    const victim = isDeadly ? this.#drawFrom(this.#victims()) : 0;
    let untilChange = this.#random.integer(total);
    const onStep = (): void => {
      if (untilChange-- === 0) this.#change();
    };
    await Promise.all(
      this.sites.map((site) => {
        const own = steps.get(site.id) ?? [];
        if (site.id !== victim) return this.#run(site, own, onStep);
        return this.#runAndDie(site, own, onStep);
      }),
    );
    if (untilChange >= 0) this.#change(); // what the victim left out
    await Promise.all(this.sites.filter(({ isUp }) => !isUp).map((site) => site.start()));
    if (this.#random.integer(2) === 0) await this.#meet();
  }

  async level(): Promise<void> {
    this.#cuts = new Map();
    this.#mesh.partition(this.#cuts);
    await this.#levelled(this.sites);
  }

  async #run(site: WrittenSite, steps: readonly Step[], onStep: () => void): Promise<void> {
    for (const step of steps) {
      onStep();
      const intent = await step(site);
      if (intent !== undefined) await site.write(intent);
    }
  }

  async #runAndDie(site: WrittenSite, steps: readonly Step[], onStep: () => void): Promise<void> {
    const at = this.#random.integer(steps.length);
    const delayMs = this.#random.integer(KILL_DELAY_MS_MAX);
    const staysDown = this.#random.integer(2) === 0;
    await this.#run(site, steps.slice(0, at), onStep);
    const left = steps.slice(at);
    while (site.isUp) {
      const step = left.shift();
      if (step !== undefined) onStep();
      const intent = await step?.(site);
      if (intent !== undefined) await site.writeAndDie(intent, delayMs);
      else if (step === undefined) await site.die();
    }
    this.counts.kills++;
    if (staysDown) return;
    await site.start();
    await this.#run(site, left, onStep);
  }

  /** Every partition comes up once before any does again. */
  #change(): void {
    if (this.#partitionsLeft.length === 0) this.#partitionsLeft = [...PARTITIONS];
    const cut = this.#drawFrom(this.#partitionsLeft);
    this.#cuts = new Map(
      cut.map((pair) => [pair, this.#random.integer(2) === 0 ? 'refused' : 'silent']),
    );
    this.#mesh.partition(this.#cuts);
    this.counts.partitions++;
  }

  #victims(): number[] {
    if (this.#victimsLeft.length === 0) this.#victimsLeft = this.sites.map(({ id }) => id);
    return this.#victimsLeft;
  }

  #drawFrom<T>(items: T[]): T {
    const [drawn] = items.splice(this.#random.integer(items.length), 1);
    assert.ok(drawn !== undefined);
    return drawn;
  }

  /** Those that reach each other hear of everything, through the third if they have to. */
  async #meet(): Promise<void> {
    for (const island of islands(this.#mesh.sites, this.#cuts.keys())) {
      await this.#levelled(this.sites.filter(({ id }) => island.includes(id)));
      if (island.length === 3 && this.#cuts.size > 0) this.counts.relays++;
    }
  }

  /** Until each holds all that any of them has. What they write about what they hear, included. */
  async #levelled(sites: readonly WrittenSite[]): Promise<void> {
    const among = (held: Held): string => sites.map(({ id }) => held.get(id) ?? 0n).join(' ');
    await waitUntil(`sites ${sites.map(({ id }) => id).join(', ')} are level`, async () => {
      const lsns = new Set((await Promise.all(sites.map((site) => site.held()))).map(among));
      return lsns.size === 1;
    });
  }
}

/** What all of them answer, to the byte. */
async function same(sites: readonly WrittenSite[], path: string): Promise<string> {
  const [first = '', ...others] = await Promise.all(sites.map((site) => site.text(path)));
  const lines = first.split('\n');
  for (const other of others) {
    if (other === first) continue;
    const at = other.split('\n').findIndex((line, index) => line !== lines[index]);
    assert.fail(`${path} differs:\n${String(other.split('\n')[at])}\n${String(lines[at])}`);
  }
  return first;
}

/** What a record says that the writer had seen agrees with what the test saw of it. */
function assertSeen(side: Side, write: KnownWrite, id: string): void {
  const seen = new Map(side.seen.map(({ site, lsn }) => [site, BigInt(lsn)]));
  for (const [site, least] of write.before) {
    if (site === write.site) continue;
    const lsn = seen.get(site) ?? 0n;
    const most = write.after.get(site) ?? 0n;
    assert.ok(
      lsn >= least && lsn <= most,
      `${id}: site ${site} seen to ${lsn}, not ${least} to ${most}`,
    );
  }
}

interface Verdict {
  readonly writes: number;
  readonly certain: number;
  /** Of these, that only one write can have won over. */
  readonly exact: number;
  readonly uncertain: number;
  readonly recorded: number;
  /** Those recorded, by the kind of thing. */
  readonly kinds: ReadonlyMap<string, number>;
}

/** All sites are the same, and the ledger is what it has to be. */
async function check(sites: readonly WrittenSite[]): Promise<Verdict> {
  await same(sites, '/meta/digest');
  await same(sites, '/meta/dump');
  const ledger = await same(sites, '/replication/conflicts');
  const writes = (await Promise.all(sites.map((site) => site.written()))).flat();
  const byPlace = new Map(writes.map((write) => [`${write.site} ${write.lsn}`, write]));
  const records = ledger
    .split('\n')
    .slice(0, -1)
    .map((line) => recordOf(JSON.parse(line) as Conflict, byPlace));
  const losses = lossesOf(writes);
  assertRecorded(losses, records);
  const certain = losses.filter((loss) => loss.certain);
  const kinds = new Map<string, number>();
  for (const { loser } of records) {
    const [kind = ''] = loser.register.split(' ');
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return {
    writes: writes.length,
    certain: certain.length,
    exact: certain.filter(({ winners }) => winners.length === 1).length,
    uncertain: losses.length - certain.length,
    recorded: records.length,
    kinds,
  };
}

function recordOf(conflict: Conflict, writes: ReadonlyMap<string, KnownWrite>): Recorded {
  const [loser, winner] = [conflict.loser, conflict.winner].map((side) => {
    const write = writes.get(`${side.site} ${side.lsn}`);
    assert.ok(write !== undefined, `${conflict.id} is about what nobody made a conflict with`);
    assert.equal(BigInt(side.hlc), write.hlc, conflict.id);
    assertSeen(side, write, conflict.id);
    return write;
  });
  assert.ok(loser !== undefined && winner !== undefined);
  const byRule = isLater(winner, loser) ? 'later' : loser.rule;
  assert.equal(conflict.decided, byRule, conflict.id);
  return { loser, winner };
}

test('three sites, cut apart and killed, end the same and know every conflict they made', async (t) => {
  const seed = Number(process.env['CFS_REPL_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.diagnostic(`CFS_REPL_TEST_SEED=${seed}`);
  const trial = new Trial(await Mesh.make(t, 3), new Random(seed));
  const { sites, load, counts } = trial;
  await Promise.all(sites.map((site) => site.start()));
  await load.begin();
  let verdict: Verdict | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    if (round % ROUNDS_A_CHECK === 0) {
      await load.prepare(ROUNDS_A_CHECK);
      await trial.level();
    }
    await trial.round(round % ROUNDS_A_KILL === ROUNDS_A_KILL - 1);
    if ((round + 1) % ROUNDS_A_CHECK !== 0) continue;
    await trial.level();
    verdict = await check(sites);
  }
  assert.ok(verdict !== undefined && verdict.certain > 0);
  const sum = (count: (site: WrittenSite) => number): number =>
    sites.reduce((total, site) => total + count(site), 0);
  t.diagnostic(
    `${ROUNDS} rounds, ${counts.partitions} partitions, ${counts.kills} kills, ` +
      `level through a third site ${counts.relays} times`,
  );
  t.diagnostic(
    `${verdict.writes} writes to what others write to, ${sum((site) => site.overtaken)} more came ` +
      `too late; kills left ${sum((site) => site.unanswered)} unanswered, of which ` +
      `${sum((site) => site.madeUnanswered)} had been made`,
  );
  t.diagnostic(
    `${verdict.recorded} conflicts recorded: all ${verdict.certain} that had to be, ` +
      `${verdict.exact} of them between two writes and no others, ` +
      `${verdict.recorded - verdict.certain} of ${verdict.uncertain} that might have been`,
  );
  t.diagnostic([...verdict.kinds].map(([kind, count]) => `${kind} ${count}`).join(', '));
});

test('the expectation itself: who knew whom decides, not the clock', () => {
  const base = { op: 'setattr', register: 'mode', rule: 'later' } as const;
  const write = (site: number, lsn: bigint, hlc: bigint, knows: [number, bigint][]): KnownWrite => {
    return { ...base, site, lsn, hlc, before: new Map(knows), after: new Map(knows) };
  };
  const [a, b, c] = [write(1, 1n, 5n, []), write(2, 1n, 6n, []), write(3, 1n, 7n, [[1, 1n]])];
  assert.deepEqual(lossesOf([a, c]), [], 'site 3 knew');
  assert.deepEqual(lossesOf([a, b]), [{ loser: a, winners: [b], certain: true }]);
  assert.equal(knew(c, a), 'yes');
  // Whether site 1 heard of 2 or of 3 first is not known, so whether it lost anything is not, either.
  assert.deepEqual(lossesOf([a, b, c]), [
    { loser: a, winners: [b], certain: false },
    { loser: b, winners: [c], certain: true },
  ]);
  // It wrote over its own before anything came, so that is what was lost.
  const again = write(1, 2n, 5n, []);
  assert.deepEqual(lossesOf([a, again, b]), [{ loser: again, winners: [b], certain: true }]);
  assert.throws(() => assertRecorded(lossesOf([a, b]), []), /not recorded/);
  assert.throws(() => assertRecorded([], [{ loser: a, winner: b }]), /recorded, but no conflict/);
  const twice = [b, b].map((winner) => ({ loser: a, winner }));
  assert.throws(() => assertRecorded(lossesOf([a, b]), twice), /recorded twice/);
});
