// Builds and runs the core's own tests and fuzz targets. One build folder a variant, so that going from
// one to another rebuilds nothing.
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { root } from '../../deploy/setup/fingerprint.mjs';
import { CommandError, run, StepError } from '../../deploy/setup/report.mjs';
import { scratchEnvironment } from './scratch.mjs';

const SANITIZER_OPTIONS = {
  ASAN_OPTIONS: 'detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
  TSAN_OPTIONS: 'halt_on_error=1:second_deadlock_stack=1',
};
const FUZZ_INPUT_SECONDS_MAX = 10;
const FUZZ_MEMORY_MIB_MAX = 2048;

const environment = { ...process.env, ...SANITIZER_OPTIONS };
const cores = availableParallelism();

/** What the core is compiled with; clang, so that its warnings guard it beside g++'s. */
const VARIANTS = {
  address: ['-DSANITIZE=address,undefined', '-DCFS_FUZZ=ON'],
  thread: ['-DSANITIZE=thread'],
  addon: ['-DSANITIZE=none', '-DCORE_OF_ADDON=ON'],
};

function buildFolder(variant) {
  return join(root, 'build', `native-${variant}`);
}

/** The program that test/model compares with the reference model. */
export const HISTORY_RUNNER = 'history_runner';
export function historyRunner(variant) {
  return join(buildFolder(variant), HISTORY_RUNNER);
}

export const CORE_TESTS = 'core_tests';
export const FUZZ_TARGETS = 'fuzz_targets';

/** Configures, and builds one target. */
export async function buildNative(variant, target) {
  const folder = buildFolder(variant);
  const source = join(root, 'test', 'native');
  const options = ['-DCMAKE_CXX_COMPILER=clang++', ...VARIANTS[variant]];
  await run('cmake', ['-S', source, '-B', folder, ...options]);
  await run('cmake', ['--build', folder, '--target', target, '--parallel', String(cores)]);
  return 'built';
}

/** What tests print of how much they tried, and of the seeds that replay it. */
const COUNT_LINE = /^\[ +COUNT +\] (.*)$|^(.*\bseed \d+)$/gm;

/** Runs core_tests, a shard a core. Resolves to how many passed, and the lines of those that count. */
export async function runCoreTests(variant, names) {
  const binary = join(buildFolder(variant), CORE_TESTS);
  const filter = names.map((name) => `*${name}*`).join(':') || '*';
  const shards = Array.from({ length: cores }, (_, index) =>
    run(binary, ['--gtest_brief=1', `--gtest_filter=${filter}`], {
      cwd: root,
      env: {
        ...environment,
        ...scratchEnvironment(),
        GTEST_TOTAL_SHARDS: String(cores),
        GTEST_SHARD_INDEX: String(index),
      },
    }),
  );
  const results = await Promise.allSettled(shards);
  const failures = results.filter((result) => result.status === 'rejected');
  if (failures.length > 0) throw new StepError(failures.map((f) => f.reason.message).join('\n\n'));
  const passed = results.map((result) => Number(/\[ {2}PASSED {2}\] (\d+)/.exec(result.value)?.[1]));
  const total = passed.reduce((sum, count) => sum + count, 0);
  if (!(total > 0)) throw new StepError(`core_tests ran no test for the filter ${filter}`);
  const lines = results.flatMap((result) => [...result.value.matchAll(COUNT_LINE)]);
  return { passed: total, counts: lines.map(([, count, seed]) => count ?? seed) };
}

/**
 * Runs every fuzz target for `seconds`, starting from its committed seeds in fuzz/corpus/<name>/.
 * What it finds goes to build/, never to the corpus. `step` prints the line of each.
 */
export async function runFuzzTargets(seconds, step) {
  const sources = readdirSync(join(root, 'test', 'native', 'fuzz'));
  const targets = sources.filter((n) => n.endsWith('_fuzz.cc')).map((n) => n.slice(0, -'.cc'.length));
  if (targets.length === 0) throw new StepError('test/native/fuzz has no *_fuzz.cc');
  for (const target of targets) await step(`fuzz ${target}`, () => runFuzzTarget(target, seconds));
}

async function runFuzzTarget(target, seconds) {
  const seeds = join(root, 'test', 'native', 'fuzz', 'corpus', target.replace(/_fuzz$/, ''));
  if (!existsSync(seeds)) throw new StepError(`${target} has no seed corpus: expected ${seeds}`);
  const folder = buildFolder('address');
  const scratch = join(folder, 'corpus', target);
  const finds = join(folder, 'finds', `${target}-`);
  mkdirSync(scratch, { recursive: true });
  mkdirSync(join(folder, 'finds'), { recursive: true });
  const args = [
    `-max_total_time=${seconds}`,
    `-timeout=${FUZZ_INPUT_SECONDS_MAX}`,
    `-rss_limit_mb=${FUZZ_MEMORY_MIB_MAX}`,
    `-artifact_prefix=${finds}`,
    '-print_final_stats=1',
    '-verbosity=1',
    scratch,
    seeds,
  ];
  const output = await run(join(folder, target), args, { cwd: root, env: environment });
  const runs = Number(/stat::number_of_executed_units:\s*(\d+)/.exec(output)?.[1] ?? 0);
  if (runs === 0) throw new CommandError(target, 'executed no input', output);
  const coverage = /cov: (\d+)(?![\s\S]*cov: )/.exec(output)?.[1] ?? '?';
  return `${runs.toLocaleString('en')} inputs, ${coverage} edges`;
}
