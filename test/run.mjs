// Runs the tests, with all their own set-up: `node test/run.mjs [SUITE] [ARGUMENT...]`.
// Without a suite: everything that fits ten minutes, what fails fast first.
//   lint | unit [NAME...] | native [NAME...] | end-to-end [NAME...]   parts of the whole
//   tsan [NAME...] | fuzz [SECONDS]                                   longer, on their own
//   model [--histories N] [--seed S] | mutants [NAME...]              also
// NAME selects test files (native: GoogleTest names) that contain it.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { filesUnder, root } from '../deploy/setup/fingerprint.mjs';
import { formatWithClangFormat, formatWithPrettier } from '../deploy/setup/format.mjs';
import { generate } from '../deploy/setup/generate.mjs';
import { printFailure, run, step, StepError } from '../deploy/setup/report.mjs';
import * as setup from '../deploy/setup/steps.mjs';
import { runMutants } from './mutants/run-mutants.mjs';
import {
  CORE_TESTS,
  FUZZ_TARGETS,
  HISTORY_RUNNER,
  buildNative,
  historyRunner,
  runCoreTests,
  runFuzzTargets,
} from './native/run-native.mjs';

const TEST_PROCESSES_MAX = 2;
const MODEL_HISTORIES_OF_MANY = 5000; // within everything; `model` alone runs far more

async function prepare() {
  await step('system packages', () => setup.ensureSystemPackages('test'));
  await step('node packages', setup.ensureNpmPackages);
}

async function lintFast() {
  await step('format: TypeScript and documents', () => formatWithPrettier(true));
  await step('format: C++', () => formatWithClangFormat(true));
  await step('generated code is current', () => generate(true));
  await step('compile and check types', setup.ensureCompiled);
}

async function eslint() {
  const bin = join('node_modules', 'eslint', 'bin', 'eslint.js');
  const cache = ['--cache', '--cache-strategy', 'content', '--cache-location', 'build/eslint/'];
  await run(process.execPath, [bin, '--max-warnings', '0', ...cache, '.'], { cwd: root });
  return 'ok';
}

async function prepareNode() {
  await step('addon', setup.ensureAddon);
  await step('compile and check types', setup.ensureCompiled);
}

/** Runs the compiled tests of test/`folder`, reporting as they go; node:test closes with its counts. */
async function nodeTests(folder, names) {
  const files = filesUnder(`test/${folder}`, (path) => path.endsWith('.test.ts'))
    .filter((path) => names.length === 0 || names.some((name) => path.includes(name)))
    .map((path) => join('dist', path.replace(/\.ts$/, '.js')));
  if (files.length === 0)
    throw new StepError(`no file of test/${folder} matches ${names.join(' ')}`);
  process.stdout.write(`\n${folder} tests\n`);
  const args = [
    '--enable-source-maps',
    '--test',
    '--test-reporter=spec', // also where no terminal is, for people read those logs too
    `--test-concurrency=${TEST_PROCESSES_MAX}`,
    ...files,
  ];
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  const code = await new Promise((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  if (code !== 0) throw new StepError(`${folder} tests failed`);
}

const unit = (names) => nodeTests('unit', names);
const endToEnd = (names) => nodeTests('end-to-end', names);

async function native(variant, names) {
  await step(`native build (${variant})`, () => buildNative(variant, CORE_TESTS));
  let counts = [];
  await step(`native tests (${variant})`, async () => {
    const result = await runCoreTests(variant, names);
    counts = result.counts;
    return `${result.passed} passed`;
  });
  for (const count of counts) process.stdout.write(`    ${count}\n`);
}

/** Compares the native state with the reference model, a process for each set of options. */
async function model(variant, ...runs) {
  await step(`history runner (${variant})`, () => buildNative(variant, HISTORY_RUNNER));
  process.stdout.write('\nmodel histories\n');
  const codes = await Promise.all(runs.map((options) => playHistories(variant, options)));
  if (codes.some((code) => code !== 0)) throw new StepError('the state differs from the model');
}

function playHistories(variant, options) {
  const program = join('dist', 'test', 'model', 'histories.js');
  const args = ['--enable-source-maps', program, historyRunner(variant), ...options];
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  return new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
}

async function everything() {
  await prepare();
  await lintFast();
  await step('eslint and addon', async () => {
    const notes = await Promise.all([eslint(), setup.ensureAddon()]); // the one has a core to spare
    return notes.join(', ');
  });
  await unit([]);
  await native('address', []);
  await model('address', ['--histories', String(MODEL_HISTORIES_OF_MANY)]);
  await endToEnd([]);
}

const suites = {
  lint: async () => {
    await prepare();
    await lintFast();
    await step('eslint', eslint);
  },
  unit: async (names) => {
    await prepare();
    await prepareNode();
    await unit(names);
  },
  'end-to-end': async (names) => {
    await prepare();
    await prepareNode();
    await endToEnd(names);
  },
  native: async (names) => {
    await prepare();
    await native('address', names);
  },
  tsan: async (names) => {
    await prepare();
    await native('thread', names);
  },
  model: async (options) => {
    await prepare();
    await prepareNode();
    const replays = options.includes('--seed');
    await model('addon', options, ...(replays ? [] : [['--exhaustive']]));
  },
  mutants: async (names) => {
    await prepare();
    await step('compile and check types', setup.ensureCompiled);
    await runMutants(names);
  },
  fuzz: async ([seconds = '20']) => {
    await prepare();
    if (!/^\d+$/.test(seconds))
      throw new StepError(`fuzz ${seconds}: expected whole seconds a target`);
    await step('fuzz targets', () => buildNative('address', FUZZ_TARGETS));
    await runFuzzTargets(Number(seconds), step);
  },
};

async function main([suite, ...rest]) {
  const startedMs = performance.now();
  if (suite === undefined) await everything();
  else if (Object.hasOwn(suites, suite)) await suites[suite](rest);
  else throw new StepError(`no suite "${suite}": expected ${Object.keys(suites).join(', ')}`);
  process.stdout.write(`\nall passed in ${Math.round((performance.now() - startedMs) / 1000)} s\n`);
}

main(process.argv.slice(2)).catch((error) => {
  printFailure(error);
  process.exitCode = 1;
});
