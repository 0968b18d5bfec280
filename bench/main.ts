/**
 * `npm run --silent bench -- NAME... [--json]`: measures, and prints a table, or one JSON object a line.
 * What is going on goes to standard error. `all` also writes bench/results/report.md and report.svg.
 *
 * Exit status: 0 measured, 1 something could not be measured, 2 wrong usage.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { benches } from './benches';
import { type BenchArguments, UsageError, parseBenchArguments } from './options';
import { type Machine, type Report, renderChart, renderMarkdown, renderTable } from './report';
import type { BenchContext, Measurement } from './support/measurement';

const root = join(__dirname, '..', '..');
const RESULTS = join(root, 'bench', 'results');
const CHART = 'report.svg';
const ALL = 'all';
const names = [...benches.keys(), ALL];

const USAGE = `usage: npm run --silent bench -- NAME... [--json]
  NAME             ${names.join(', ')}
  --json           one object a line
  --entries N      how many entries; each bench has its own default
  --inodes N       over how many inodes
  --codec NAME     auto, none, lz4 or zstd
  --directory DIR  on the disk to measure; the disk of this checkout when left out
`;

class Session {
  readonly measurements: Measurement[] = [];
  readonly skipped: string[] = [];
  readonly failed: string[] = [];
  readonly #args: BenchArguments;
  readonly #directory: string;

  constructor(args: BenchArguments) {
    this.#args = args;
    const base = args.directory ?? join(root, 'build', 'bench-data');
    mkdirSync(base, { recursive: true });
    this.#directory = mkdtempSync(join(base, 'run-'));
  }

  /** Runs one bench; what goes wrong is said, and the next can run. */
  async run(name: string): Promise<void> {
    const bench = benches.get(name);
    if (bench === undefined) return;
    try {
      for await (const measurement of bench(this.#context())) this.#take(measurement);
    } catch (error) {
      this.failed.push(name);
      say(`${name} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  end(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #context(): BenchContext {
    return {
      directory: this.#directory,
      options: this.#args,
      say,
      skip: (text) => {
        this.skipped.push(text);
        say(text);
      },
    };
  }

  #take(measurement: Measurement): void {
    this.measurements.push(measurement);
    if (this.#args.json) process.stdout.write(`${JSON.stringify(measurement)}\n`);
  }
}

function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}

function machine(loadBefore: number): Machine {
  return {
    date: new Date().toISOString().slice(0, 10),
    cpu: cpuName(),
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.versions.node,
    load: [loadBefore, loadavg()[0] ?? 0],
  };
}

/** Node knows no name for the processors of some machines. */
function cpuName(): string {
  const model = cpus()[0]?.model.trim() ?? '';
  if (model !== '' && model !== 'unknown') return model;
  return /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? process.arch;
}

function writeReport(report: Report): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'report.md'), renderMarkdown(report, CHART));
  writeFileSync(join(RESULTS, CHART), renderChart(report));
  say(`wrote ${join(RESULTS, 'report.md')} and ${CHART}`);
}

async function main(): Promise<number> {
  const args = parseBenchArguments(process.argv.slice(2), names);
  if (args.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const loadBefore = loadavg()[0] ?? 0;
  const session = new Session(args);
  try {
    const wanted = args.names.includes(ALL) ? [...benches.keys()] : args.names;
    for (const name of wanted) await session.run(name);
  } finally {
    session.end();
  }
  const { measurements, skipped, failed } = session;
  if (!args.json) process.stdout.write(renderTable(measurements));
  if (args.names.includes(ALL)) {
    writeReport({ machine: machine(loadBefore), measurements, skipped });
  }
  return failed.length === 0 ? 0 : 1;
}

main()
  .then((status) => (process.exitCode = status))
  .catch((error: unknown) => {
    const usage = error instanceof UsageError;
    process.stderr.write(usage ? `bench: ${error.message}\n${USAGE}` : `${String(error)}\n`);
    process.exitCode = usage ? 2 : 1;
  });
