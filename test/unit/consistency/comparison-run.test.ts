/** A comparison from its first question to its report, with a peer from memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  Comparison,
  ComparisonStatus,
  ComparisonStep,
  InodeDifference,
} from '../../../bindings';
import { type ComparisonRunOptions, runComparison } from '../../../src/consistency/comparison-run';

const STATUS: ComparisonStatus = {
  equal: false,
  exchanges: 0,
  inodesHere: 1,
  inodesThere: 1,
  inodesListed: 0,
  inodesCompared: 0,
  inodesInFlight: 0,
  inodesDiffering: 0,
  registersDiffering: 0,
  registersRepaired: 0,
  common: [],
};

function difference(inode: bigint): InodeDifference {
  return { inode, liveHere: true, liveThere: true, tooLarge: false, registers: [] };
}

/** Asks `questions` times; each answer finds `found` inodes. */
function options(
  questions: number,
  found: number,
  change: Partial<ComparisonRunOptions> = {},
): ComparisonRunOptions {
  const step = (exchanges: number): ComparisonStep => ({
    question: exchanges < questions ? Uint8Array.of(exchanges) : undefined,
    status: { ...STATUS, exchanges, inodesDiffering: exchanges * found },
    differences:
      exchanges === 0
        ? []
        : Array.from({ length: found }, (_, i) => difference(BigInt(exchanges * found + i))),
  });
  const comparison = {
    start: () => Promise.resolve(step(0)),
    next: (answer: Uint8Array) => Promise.resolve(step((answer[0] ?? 0) + 1)),
  };
  return {
    engine: { compare: () => comparison as unknown as Comparison },
    peer: 2,
    repair: false,
    ask: (question) => Promise.resolve(question),
    ...change,
  };
}

test('every question is carried to the peer, and progress is told', async () => {
  const seen: number[] = [];
  const report = await runComparison(
    options(3, 0, { onProgress: ({ exchanges }) => seen.push(exchanges) }),
  );
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual([report.peer, report.exchanges, report.differences.length], [2, 3, 0]);
});

test('what was found is kept up to a bound, told in full, and waited for', async () => {
  const told: number[] = [];
  const report = await runComparison(
    options(4, 400, {
      onDifferences: async (differences) => {
        await new Promise((resolve) => setImmediate(resolve));
        told.push(differences.length);
      },
    }),
  );
  assert.deepEqual(told, [400, 400, 400, 400]);
  assert.deepEqual([report.differences.length, report.inodesDiffering], [1000, 1600]);
});

test('it can be cancelled between two exchanges', async () => {
  const controller = new AbortController();
  const cancelled = options(100, 0, {
    signal: controller.signal,
    onProgress: ({ exchanges }) => exchanges === 2 && controller.abort(),
  });
  const message = 'cancelled after 2 exchanges with site 2';
  await assert.rejects(runComparison(cancelled), { code: 'CFS_CLOSED', message });
});
