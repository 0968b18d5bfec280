// Tests the tests: each patch beside this file is a mistake that someone could make. It is applied to a
// copy of the sources in build/mutants/, which is built and must then fail, in the histories that are
// compared with the reference model or in the native tests. One that passes both fails the run.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

import { filesUnder, root } from '../../deploy/setup/fingerprint.mjs';
import { CommandError, run, step, StepError } from '../../deploy/setup/report.mjs';
import { scratchEnvironment } from '../native/scratch.mjs';

const HISTORIES = 20_000;
const SEED = 1; // the same for all, so that a mutant is caught by the same history every time
const TEST_MS_MAX = 300_000;
const NATIVE_TESTS = [
  'State',
  'Convergence',
  'Compact',
  'Checkpoint',
  'Chunk',
  'Digest',
  'Comparison',
  'Sites',
  'Conflict',
  'Forget',
  'IdMaps',
  'Evict',
  'TakeOver',
  'Unsent',
  'Unheard',
  'Ledger',
];

const folder = join(root, 'test', 'mutants');
const work = join(root, 'build', 'mutants');
const sources = join(work, 'sources');
const binaries = join(work, 'binaries');

/** Runs the mutants whose names contain one of `names`, or all. */
export async function runMutants(names) {
  const mutants = readdirSync(folder)
    .filter((file) => file.endsWith('.patch'))
    .map((file) => file.slice(0, -'.patch'.length))
    .filter((mutant) => names.length === 0 || names.some((name) => mutant.includes(name)));
  if (mutants.length === 0) throw new StepError(`no mutant matches ${names.join(' ')}`);
  await step('copy of the sources', copySources);
  await step('build of the copy', build);
  await step('the copy passes', async () => {
    const caught = await catches();
    if (caught.length > 0) throw new StepError(`it fails without a mutant: ${caught.join(', ')}`);
    return 'ok';
  });
  process.stdout.write(`\n${mutants.length} mutants\n`);
  const survivors = [];
  for (const mutant of mutants) if (!(await isCaught(mutant))) survivors.push(mutant);
  if (survivors.length > 0) throw new StepError(`no test catches ${survivors.join(', ')}`);
}

/** Applies, builds, tests and takes back; prints the row. */
async function isCaught(mutant) {
  const patch = join(folder, `${mutant}.patch`);
  const [what] = readFileSync(patch, 'utf8').split('\n');
  let caught = [];
  await run('git', ['apply', patch], { cwd: sources });
  try {
    await step(mutant, async () => {
      if (!(await builds())) return 'DOES NOT COMPILE'; // it shows nothing of the tests
      caught = await catches();
      return caught.length === 0 ? 'SURVIVED' : caught.join('; ');
    });
  } finally {
    await run('git', ['apply', '-R', patch], { cwd: sources });
  }
  process.stdout.write(`      ${what}\n`);
  return caught.length > 0;
}

/** Only files that differ are written, so that the build goes on from where it was. */
async function copySources() {
  const wanted = ['native', 'test/native'].flatMap((part) => filesUnder(part, () => true));
  for (const path of wanted) {
    const from = join(root, path);
    const to = join(sources, path);
    if (existsSync(to) && readFileSync(from).equals(readFileSync(to))) continue;
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
  }
  const kept = new Set(wanted);
  for (const path of filesUnder('', (file) => !kept.has(file), sources))
    rmSync(join(sources, path));
  // A repository of its own, or git would apply the patches to ours.
  await run('git', ['init', '--quiet', sources]);
  return `${wanted.length} files`;
}

async function build() {
  const configured = join(binaries, 'CMakeCache.txt');
  const from = join(sources, 'test', 'native');
  if (!existsSync(configured)) {
    mkdirSync(binaries, { recursive: true });
    writeFileSync(join(work, '.gitignore'), '*\n');
    const options = ['-DCMAKE_CXX_COMPILER=clang++', '-DSANITIZE=none'];
    await run('cmake', ['-S', from, '-B', binaries, ...options]);
  }
  const jobs = String(availableParallelism());
  await run('cmake', ['--build', binaries, '--parallel', jobs]);
  return 'built';
}

async function builds() {
  try {
    await build();
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

/** What fails, in words; empty if nothing does. */
async function catches() {
  const failures = await Promise.all([failingHistory(), failingNativeTest()]);
  return failures.filter((what) => what !== undefined);
}

async function failingHistory() {
  const program = join('dist', 'test', 'model', 'histories.js');
  const runner = join(binaries, 'history_runner');
  const options = ['--histories', String(HISTORIES), '--seed', String(SEED)];
  const output = await outputIfItFails(process.execPath, [program, runner, ...options]);
  if (output === undefined) return undefined;
  const seed = /seed (\d+) differs/.exec(output)?.[1];
  return seed === undefined ? 'histories' : `history ${Number(seed) - SEED + 1}`;
}

async function failingNativeTest() {
  const filter = NATIVE_TESTS.map((name) => `*${name}*`).join(':');
  const args = ['--gtest_brief=1', '--gtest_fail_fast', `--gtest_filter=${filter}`];
  const output = await outputIfItFails(join(binaries, 'core_tests'), args);
  if (output === undefined) return undefined;
  return /\[ {2}FAILED {2}\] ([\w./]+)/.exec(output)?.[1] ?? 'native tests';
}

/** Undefined if the command succeeds in time. */
async function outputIfItFails(command, args) {
  const env = { ...process.env, ...scratchEnvironment() };
  try {
    await run(command, args, { cwd: root, env, timeout: TEST_MS_MAX, killSignal: 'SIGKILL' });
    return undefined;
  } catch (error) {
    if (error instanceof CommandError) return error.output;
    throw error;
  }
}
