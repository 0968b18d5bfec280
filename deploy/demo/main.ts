/**
 * `npm run demo [-- DIRECTORY] [--keep] [--seconds N] [--rate N] [--seed N]`
 *
 * Two sites on this machine. A real directory tree is imported into one and arrives at the other; then
 * writers at both keep changing it, while each site in turn is killed with -9 and started again. In the
 * end the two are compared. Exit status 0 only if they are equal.
 */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { formatDuration } from '../../src/cli/format';
import { numberAt } from '../../src/cli/json';
import { runCli } from '../../src/cli/program';
import { Writer } from './churn';
import { compare } from './comparison';
import { Meter } from './meter';
import { freePorts } from './ports';
import { Site, until } from './site';
import { type Death, renderStory, type Story } from './summary';

const PACKAGE_ROOT = resolve(__dirname, '../../..');
const SETTLE_TIMEOUT_MS = 30_000;
/** A site is level again when the oldest entry that either lacks is younger than this. */
const LEVEL_LAG_MS = 50;
const WRITERS = 4;
const NAMES = ['oslo', 'bergen'] as const;

interface DemoOptions {
  readonly keep?: boolean;
  readonly seconds: number;
  readonly rate: number;
  readonly seed: number;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A step that is told when it begins and when it is done. */
async function step<T>(title: string, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  process.stdout.write(`${title} ... `);
  const result = await work();
  say(formatDuration(performance.now() - startedMs));
  return result;
}

async function makeSites(directory: string): Promise<[Site, Site]> {
  const ports = await freePorts(NAMES.length);
  const plans = NAMES.map((name, index) => ({ id: index + 1, name, port: ports[index] ?? 0 }));
  const sites: Site[] = [];
  for (const { id, name, port } of plans) {
    const site = await Site.init({
      id,
      name,
      port,
      directory: join(directory, name),
      tlsDirectory: join(directory, 'tls'),
      peers: plans.filter((plan) => plan.id !== id),
    });
    sites.push(site);
  }
  const [a, b] = sites;
  if (a === undefined || b === undefined) throw new Error('two sites were to be made');
  return [a, b];
}

/** `cfs journal import`, as an operator would run it, progress bar and all. */
async function importTree(site: Site, tree: string): Promise<void> {
  const exitCode = await runCli(['journal', 'import', tree, '--config', site.configFile], {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    stdoutIsTty: process.stdout.isTTY,
    stderrIsTty: process.stderr.isTTY,
    env: process.env,
    cwd: process.cwd(),
    interrupted: new AbortController().signal,
  });
  if (exitCode === 0) return;
  if (numberAt(await site.status(), 'names') === 0) throw new Error('the import failed');
  say('some names could not be read and were left out');
}

async function level(a: Site, b: Site, meter: Meter): Promise<void> {
  await until('both sites are level', SETTLE_TIMEOUT_MS, async () => {
    const answering = (await a.answers()) && (await b.answers());
    return answering && meter.lagMs < LEVEL_LAG_MS;
  });
}

/** Kills `victim` while the writers write, and brings it back. */
async function killAndRestart(victim: Site, other: Site, meter: Meter): Promise<Death> {
  meter.measuresLag = false;
  await victim.kill();
  await delay(1000);
  const startedMs = performance.now();
  await victim.start();
  const answeredMs = performance.now();
  await delay(100); // lag shows a moment after the connection does
  await level(victim, other, meter);
  meter.measuresLag = true;
  return {
    site: victim.name,
    restartMs: answeredMs - startedMs,
    catchUpMs: performance.now() - answeredMs,
  };
}

interface Churned {
  readonly entries: number;
  readonly ops: number;
  readonly ms: number;
  readonly deaths: readonly Death[];
}

/** Writers on both sites, most on the first; each site dies once on the way. */
async function churn(a: Site, b: Site, meter: Meter, options: DemoOptions): Promise<Churned> {
  const startedMs = performance.now();
  await a.client.post('/journal/append', {}, Buffer.from('{"op":"mkdir","path":"/churn"}\n'));
  await until('the second site has /churn', SETTLE_TIMEOUT_MS, () => a.isReplicated());
  const writers = Array.from({ length: WRITERS }, (_, index) => {
    const site = index === WRITERS - 1 ? b : a;
    return new Writer(site, `writer-${index}`, options.seed + index, options.rate / WRITERS);
  });
  const running = Promise.all(writers.map((writer) => writer.run()));
  const pauseMs = (options.seconds * 1000) / 3;
  const scenario = async (): Promise<Death[]> => {
    const deaths: Death[] = [];
    for (const [victim, other] of [[b, a] as const, [a, b] as const]) {
      meter.measuresLag = true;
      await delay(pauseMs);
      deaths.push(
        await step(`kill -9 of ${victim.name}, restart, catch up`, () =>
          killAndRestart(victim, other, meter),
        ),
      );
    }
    await delay(pauseMs);
    return deaths;
  };
  try {
    // A writer that fails ends the demo at once.
    const deaths = await Promise.race([scenario(), running.then(() => [])]);
    const entries = writers.reduce((sum, { totals }) => sum + totals.entries, 0);
    const ops = new Set(writers.flatMap(({ totals }) => [...totals.ops.keys()])).size;
    return { entries, ops, ms: performance.now() - startedMs, deaths };
  } finally {
    for (const writer of writers) writer.stop();
    await running.catch(() => undefined);
    meter.measuresLag = false;
  }
}

async function tell(a: Site, b: Site, tree: string, options: DemoOptions): Promise<Story> {
  const startedMs = performance.now();
  await step('two agents', () => Promise.all([a.start(), b.start()]));
  const meter = new Meter([a, b]);
  meter.start();
  const importStartedMs = performance.now();
  await importTree(a, tree);
  const importMs = performance.now() - importStartedMs;
  await until('the import is at both sites', SETTLE_TIMEOUT_MS, () => a.isReplicated());
  const importReplicatedMs = performance.now() - importStartedMs;
  const importedNames = numberAt(await b.status(), 'names');
  say(
    `changing it for ${options.seconds} s and more, at ${options.rate} entries/s (seed ${options.seed})`,
  );
  const churned = await churn(a, b, meter, options);
  await step('both sites get everything', async () => {
    await until(`${a.name} is replicated`, SETTLE_TIMEOUT_MS, () => a.isReplicated());
    await until(`${b.name} is replicated`, SETTLE_TIMEOUT_MS, () => b.isReplicated());
  });
  await meter.stop();
  const comparison = await step('dumps and digests', () => compare(a, b));
  return {
    tree,
    importedNames,
    importMs,
    importReplicatedMs,
    churnEntries: churned.entries,
    churnMs: churned.ms,
    churnOps: churned.ops,
    writers: WRITERS,
    lagSamplesMs: meter.lagSamplesMs,
    deaths: churned.deaths,
    wire: meter.wire(),
    comparison,
    totalMs: performance.now() - startedMs,
  };
}

function explore(directory: string, sites: readonly Site[]): string {
  const bin = join(PACKAGE_ROOT, 'dist', 'src');
  return [
    `everything is kept in ${directory}; to look around:`,
    ...sites.map(({ configFile }) => `  node ${join(bin, 'daemon.js')} --config ${configFile} &`),
    `  export CFS_CONFIG=${sites[0]?.configFile ?? ''}`,
    `  alias cfs='node ${join(bin, 'cli', 'main.js')}'`,
    '  cfs admin replication status --detailed',
    '  cfs admin meta ls /churn',
    '  cfs journal tail --from 1 | less',
    '',
  ].join('\n');
}

async function run(directoryArgument: string | undefined, options: DemoOptions): Promise<void> {
  const tree = resolve(directoryArgument ?? join(PACKAGE_ROOT, 'node_modules'));
  if (!existsSync(tree) || !statSync(tree).isDirectory()) {
    throw new Error(`${tree}: expected a directory to import`);
  }
  // Short, as the agents' Unix sockets are below it.
  const directory = mkdtempSync(join(tmpdir(), 'cfs-demo-'));
  const sites = await step('certificates and configurations', () => makeSites(directory));
  const interrupted = new Promise<never>((_, reject) => {
    process.once('SIGINT', () => reject(new Error('interrupted')));
    process.once('SIGTERM', () => reject(new Error('interrupted')));
  });
  try {
    const story = await Promise.race([tell(...sites, tree, options), interrupted]);
    process.stdout.write(renderStory(story, process.stdout.isTTY && !process.env['NO_COLOR']));
    process.exitCode = story.comparison.equal ? 0 : 1;
    await Promise.all(sites.map((site) => site.stop()));
  } catch (error) {
    await Promise.all(sites.map((site) => site.kill()));
    for (const site of sites) say(`\nthe log of ${site.name} ends with\n${site.logTail()}`);
    throw error;
  } finally {
    if (options.keep === true) process.stdout.write(explore(directory, sites));
    else rmSync(directory, { recursive: true, force: true });
  }
}

function wholeNumber(text: string): number {
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number.');
}

new Command('demo')
  .description('Replicates a real directory tree between two sites on this machine.')
  .argument('[directory]', "the tree; this project's node_modules when left out")
  .option('--keep', 'keep the sites and say how to look around')
  .option('--seconds <n>', 'how long to change it, besides the restarts', wholeNumber, 12)
  .option('--rate <n>', 'changes a second', wholeNumber, 10_000)
  .option('--seed <n>', 'replays the same changes', wholeNumber, Date.now() % 1_000_000)
  .action((directory: string | undefined, options: DemoOptions) => run(directory, options))
  .parseAsync()
  .then(
    () => process.exit(),
    (error: unknown) => {
      process.stderr.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
