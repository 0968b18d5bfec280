/** The stages of the native core, measured by bench/native, which is built here. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Bench, BenchContext, Measurement } from './support/measurement';
import { isInstalled } from './support/processes';

const root = join(__dirname, '..', '..');
const SOURCE = join(root, 'bench', 'native');
const BUILD = join(root, 'build', 'bench-native');
const JOBS = 2;

/** Builds core_bench where it is not current. Returns its path. */
function buildCoreBench(context: BenchContext): string {
  if (!isInstalled('cmake')) {
    throw new Error('cmake is not installed: `node deploy/setup/setup.mjs test` installs it');
  }
  context.say('building bench/native');
  mkdirSync(BUILD, { recursive: true });
  cmake(['-S', SOURCE, '-B', BUILD]);
  cmake(['--build', BUILD, '--parallel', String(JOBS)]);
  return join(BUILD, 'core_bench');
}

function cmake(args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('cmake', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cmake ${args.join(' ')} failed\n${stdout}${stderr}`);
}

/** The lines that core_bench prints, as it prints them. */
async function* linesOf(program: string, args: readonly string[]): AsyncGenerator<string, void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = new Promise<number | null>((resolve, reject) =>
    child.on('error', reject).on('close', resolve),
  );
  yield* createInterface({ input: child.stdout });
  const code = await closed;
  if (code !== 0) throw new Error(`core_bench ${args.join(' ')} exited with ${String(code)}`);
}

/** Names of core_bench; `wal` also takes where to write. */
type CoreName = 'crc' | 'codec' | 'compact' | 'conflict' | 'digest' | 'wal';
export function coreBench(name: CoreName): Bench {
  return async function* (context) {
    const program = buildCoreBench(context);
    context.say(name);
    const args = name === 'wal' ? [name, mkdtempSync(join(context.directory, 'wal-'))] : [name];
    for await (const line of linesOf(program, args)) yield JSON.parse(line) as Measurement;
  };
}

/** Times `count` bare writes of `bytes` with an fdatasync each, in microseconds. */
export function bareWrites(
  context: BenchContext,
): (bytes: number, count: number) => Promise<number[]> {
  const program = buildCoreBench(context);
  return async (bytes, count) => {
    const args = ['bare', context.directory, String(bytes), String(count)];
    const latenciesUs: number[] = [];
    for await (const line of linesOf(program, args)) latenciesUs.push(Number(line));
    return latenciesUs;
  };
}
