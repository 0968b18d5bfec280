/**
 * Compares the native state with the reference model over many histories:
 *   node dist/test/model/histories.js RUNNER [--histories N] [--seed S] | RUNNER --exhaustive
 * A difference is shrunk to a history without a step to spare, and printed with its seed.
 */
import { parseArgs } from 'node:util';

import { exhaustiveCount, playExhaustive } from './exhaustive';
import { answersIn, NativeRunner } from './native-runner';
import type { Play } from './play';
import { play, randomHistory, type History } from './random-history';

const BATCH = 200;
const BATCHES_AHEAD = 4;
const SEEDS = 2 ** 31;

interface Difference {
  readonly number: number;
  readonly answer: string;
}

/** Plays numbers `from` to `from + count`; the first whose answers differ. */
async function compare(
  runner: NativeRunner,
  playNumber: (number: number) => Play,
  from: number,
  count: number,
): Promise<Difference | undefined> {
  const batches: Promise<Difference | undefined>[] = [];
  for (let start = from; start < from + count; start += BATCH) {
    const size = Math.min(BATCH, from + count - start);
    const games = Array.from({ length: size }, (_, index) => playNumber(start + index));
    const script = games.map((game) => game.script).join('');
    const expected = games.map((game) => game.expected);
    const batch = firstDifference(runner, script, expected, start);
    batch.catch(() => undefined); // whoever waits for it hears of it; perhaps nobody does any more
    batches.push(batch);
    if (batches.length < BATCHES_AHEAD) continue;
    const difference = await batches.shift();
    if (difference !== undefined) return difference;
  }
  return (await Promise.all(batches)).find((difference) => difference !== undefined);
}

async function firstDifference(
  runner: NativeRunner,
  script: string,
  expected: readonly string[],
  start: number,
): Promise<Difference | undefined> {
  const answer = await runner.run(script, expected.length);
  if (answer === expected.join('')) return undefined;
  const answers = answersIn(answer);
  const index = expected.findIndex((text, at) => text !== answers[at]);
  return { number: start + index, answer: answers[index] ?? '' };
}

/** Leaves out what can be left out without the difference going away. */
async function shrink(binary: string, history: History): Promise<History> {
  const differs = async (candidate: History): Promise<boolean> => {
    const runner = new NativeRunner(binary); // one each: some differences end the runner
    const game = play(candidate);
    const answer = await runner.run(game.script).catch(() => undefined);
    runner.close();
    return answer !== game.expected;
  };
  let smallest = history;
  for (let size = Math.ceil(history.steps.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = smallest.steps.length - size; at >= 0; at -= size) {
      const steps = smallest.steps.filter((_, index) => index < at || index >= at + size);
      const candidate = { ...smallest, steps };
      if (await differs(candidate)) smallest = candidate;
    }
  }
  const even = { ...smallest, skews: smallest.skews.map(() => 0) };
  return (await differs(even)) ? even : smallest;
}

async function report(binary: string, what: string, game: Play): Promise<never> {
  const runner = new NativeRunner(binary);
  const answer = await runner.run(game.script).catch((error: unknown) => String(error));
  runner.close();
  const parts = [
    what,
    '',
    game.script,
    'the model expects',
    game.expected,
    'the state shows',
    answer,
  ];
  process.stdout.write(`${parts.join('\n')}\n`);
  process.exit(1);
}

async function runRandom(binary: string, count: number, seed: number): Promise<void> {
  const startedMs = performance.now();
  process.stdout.write(`${count} random histories from seed ${seed}\n`);
  const difference = await survey(binary, (number) => play(randomHistory(number)), seed, count);
  if (difference !== undefined) {
    const history = await shrink(binary, randomHistory(difference.number));
    const what = `seed ${difference.number} differs; --histories 1 --seed ${difference.number}`;
    await report(binary, `${what} replays it. Shrunk to:`, play(history));
  }
  process.stdout.write(`${count} of them, no difference, ${secondsSince(startedMs)}\n`);
}

async function runExhaustive(binary: string): Promise<void> {
  const startedMs = performance.now();
  process.stdout.write(`all ${exhaustiveCount} histories of 3 operations at 2 sites\n`);
  const difference = await survey(binary, playExhaustive, 0, exhaustiveCount);
  if (difference !== undefined) {
    await report(
      binary,
      `history ${difference.number} differs:`,
      playExhaustive(difference.number),
    );
  }
  process.stdout.write(`${exhaustiveCount} of them, no difference, ${secondsSince(startedMs)}\n`);
}

/** Like compare, but a runner that dies is a difference too, found by halving. */
async function survey(
  binary: string,
  playNumber: (number: number) => Play,
  from: number,
  count: number,
): Promise<Difference | undefined> {
  const runner = new NativeRunner(binary);
  try {
    return await compare(runner, playNumber, from, count);
  } catch (error) {
    if (count === 1) return { number: from, answer: String(error) };
    const half = Math.ceil(count / 2);
    return (
      (await survey(binary, playNumber, from, half)) ??
      (await survey(binary, playNumber, from + half, count - half))
    );
  } finally {
    runner.close();
  }
}

function secondsSince(startedMs: number): string {
  return `${((performance.now() - startedMs) / 1000).toFixed(1)} s`;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      histories: { type: 'string', default: '200000' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * SEEDS)) },
      exhaustive: { type: 'boolean', default: false },
    },
  });
  const [binary] = positionals;
  const count = Number(values.histories);
  const seed = Number(values.seed);
  if (binary === undefined || !Number.isSafeInteger(count) || !Number.isSafeInteger(seed)) {
    throw new Error('usage: histories.js RUNNER [--histories N] [--seed S] | RUNNER --exhaustive');
  }
  await (values.exhaustive ? runExhaustive(binary) : runRandom(binary, count, seed));
}

void main();
