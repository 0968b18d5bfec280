/**
 * `npm run soak -- --minutes N [--seed S] [--rate N] [--keep]`
 *
 * Two agents over links that are cut and stalled, all twelve operations at both, and, at random from a
 * seed that is printed: kill -9 of either and restart, restart by SIGTERM, cut of the links, links that
 * go silent. Every minute the load pauses, and within half a minute both sites must have everything,
 * what was acked last included, with equal dumps and digests. Exit status 0 only if that was so.
 *
 * Memory and open files must not grow. Memory may grow with the number of inodes, and a removed inode
 * leaves a record behind, so the load works over the same 100,000 files all the time and makes few new
 * objects, which are counted (load.ts). Processes are killed and restarted in the first half of the
 * minutes only; in the second half both live on, with faults of the links alone, and that life is judged
 * (vitals.ts). With fewer than about eleven minutes it is too short for that, and the report says so.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { formatCount, formatDuration } from '../../src/cli/format';
import { compare } from '../../deploy/demo/comparison';
import { freePorts } from '../../deploy/demo/ports';
import { Site, until } from '../../deploy/demo/site';
import { BadLink } from './bad-link';
import { Faults } from './faults';
import { FILES_A_SITE, Load } from './load';
import { type Sample, judgeLife, mebibytes, takeSample } from './vitals';

const NAMES = ['oslo', 'bergen'] as const;
const MINUTE_MS = 60_000;
const LEVEL_TIMEOUT_MS = 30_000;
const SETUP_TIMEOUT_MS = 120_000;
const SAMPLE_INTERVAL_MS = 3_000;

interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly rate: number;
  readonly keep?: boolean;
}

interface Cluster {
  readonly sites: readonly [Site, Site];
  readonly links: readonly BadLink[];
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Small enough that checkpoints and collection happen many times, and caches are full at once. */
function shrink(configFile: string): void {
  const values: Record<string, string> = {
    interval_bytes: '64MiB',
    retention_bytes: '64MiB',
    segment_bytes: '16MiB',
    tail_cache_bytes: '4MiB',
    seal_cache_bytes: '4MiB',
    ledger_bytes: '1MiB',
  };
  const text = readFileSync(configFile, 'utf8').replace(
    /^( *)# ([a-z_]+_bytes): .*$/gm,
    (line, indent: string, key: string) =>
      key in values ? `${indent}${key}: ${values[key] ?? ''}` : line,
  );
  writeFileSync(configFile, text);
}

/** Two sites; each reaches the other through a link of its own. */
async function makeCluster(directory: string): Promise<Cluster> {
  const ports = await freePorts(NAMES.length);
  const links = NAMES.map(() => new BadLink());
  const ways = await Promise.all(links.map((link, index) => link.open(ports[index] ?? 0)));
  const plans = NAMES.map((name, index) => ({ id: index + 1, name }));
  const sites: Site[] = [];
  for (const { id, name } of plans) {
    const site = await Site.init({
      id,
      name,
      port: ports[id - 1] ?? 0,
      directory: join(directory, name),
      tlsDirectory: join(directory, 'tls'),
      peers: plans
        .filter((plan) => plan.id !== id)
        .map((plan) => ({ ...plan, port: ways[plan.id - 1] ?? 0 })),
    });
    shrink(site.configFile);
    sites.push(site);
  }
  const [a, b] = sites;
  if (a === undefined || b === undefined) throw new Error('two sites were to be made');
  return { sites: [a, b], links };
}

/** Samples every site's process, a list for each of its lives. */
class Vitals {
  readonly #lives = new Map<Site, Sample[][]>();
  readonly #births: () => number;
  readonly #timer: NodeJS.Timeout;

  constructor(sites: readonly Site[], births: () => number) {
    this.#births = births;
    for (const site of sites) this.#lives.set(site, [[]]);
    this.#timer = setInterval(() => sites.forEach((site) => this.take(site)), SAMPLE_INTERVAL_MS);
  }

  /** A sample of this moment; undefined when the site's process is down. */
  take(site: Site): Sample | undefined {
    const sample = takeSample(site.pid ?? 0, performance.now(), this.#births());
    if (sample !== undefined) this.#lives.get(site)?.at(-1)?.push(sample);
    return sample;
  }

  /** The site's process is about to end. */
  endLife(site: Site): void {
    this.#lives.get(site)?.push([]);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  lastLife(site: Site): readonly Sample[] {
    return this.#lives.get(site)?.at(-1) ?? [];
  }
}

const COLUMNS = [
  ['minute', 6],
  ['acked', 11],
  ['per s', 7],
  ['kill -9', 7],
  ['SIGTERM', 7],
  ['cuts', 5],
  ['stalls', 6],
  ['names', 8],
  ['level after', 11],
  ['memory', 19],
  ['files', 7],
  ['digest', 10],
] as const;

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => cell.padStart(COLUMNS[index]?.[1] ?? 0)).join('  ');
}

type Verdict = 'nothing grew' | 'something grew' | 'growth was not judged';

class Soak {
  readonly #cluster: Cluster;
  readonly #options: SoakOptions;
  readonly #loads: readonly Load[];
  readonly #faults: Faults;
  readonly #vitals: Vitals;

  constructor(cluster: Cluster, options: SoakOptions) {
    const { sites, links } = cluster;
    this.#cluster = cluster;
    this.#options = options;
    this.#loads = sites.map(
      (site, index) =>
        new Load(site, index + 1, sites.length, options.seed + index, options.rate / sites.length),
    );
    this.#vitals = new Vitals(sites, () =>
      this.#loads.reduce((sum, { births }) => sum + births, 0),
    );
    this.#faults = new Faults(sites, links, options.seed + sites.length, (site) =>
      this.#vitals.endLife(site),
    );
  }

  /** What became of memory and files; throws if the sites were ever unequal. */
  async run(): Promise<Verdict> {
    const startedMs = performance.now();
    await Promise.all(this.#loads.map((load) => load.make()));
    await this.#level(SETUP_TIMEOUT_MS);
    say(
      `${formatCount(FILES_A_SITE * this.#loads.length)} files at both sites after ` +
        formatDuration(performance.now() - startedMs),
    );
    say(row(COLUMNS.map(([title]) => title)));
    for (let minute = 1; minute <= this.#options.minutes; minute++) {
      await this.#minute(minute);
    }
    this.#vitals.stop();
    return this.#judge();
  }

  stop(): void {
    this.#vitals.stop();
  }

  async #minute(minute: number): Promise<void> {
    const { sites } = this.#cluster;
    const before = this.#acked();
    const startedMs = performance.now();
    for (const load of this.#loads) load.start();
    const processesToo = minute <= Math.ceil(this.#options.minutes / 2);
    await this.#faults.run(startedMs + MINUTE_MS, processesToo);
    await Promise.all(this.#loads.map((load) => load.stop()));
    const loadMs = performance.now() - startedMs;
    const levelMs = await this.#level(LEVEL_TIMEOUT_MS);
    for (const load of this.#loads) {
      for (const site of sites) await load.checkLedger(site);
    }
    const { equal, names, digests, difference } = await compare(...sites);
    if (!equal) {
      const lines = (difference ?? digests).map((line, index) => `${NAMES[index] ?? ''}: ${line}`);
      throw new Error(`the sites differ:\n${lines.join('\n')}`);
    }
    const entries = this.#acked() - before;
    const samples = sites.map((site) => this.#vitals.take(site));
    const { kill, restart, cut, stall } = this.#faults.counts;
    say(
      row([
        String(minute),
        formatCount(entries),
        formatCount(Math.round((entries / loadMs) * 1000)),
        ...[kill, restart, cut, stall].map(String),
        formatCount(names),
        formatDuration(levelMs),
        samples.map((sample) => mebibytes(sample?.residentBytes ?? 0)).join(' '),
        samples.map((sample) => String(sample?.files ?? 0)).join(' '),
        digests[0].slice(0, 8),
      ]),
    );
  }

  #acked(): number {
    return this.#loads.reduce((sum, { entries }) => sum + entries, 0);
  }

  /** Resolves when each site has everything of the other; how long that took. */
  async #level(timeoutMs: number): Promise<number> {
    const startedMs = performance.now();
    for (const site of this.#cluster.sites) {
      await until(`${site.name} is replicated`, timeoutMs, () =>
        site.isReplicated().catch(() => false),
      );
    }
    return performance.now() - startedMs;
  }

  #judge(): Verdict {
    const { sites } = this.#cluster;
    const { kill, restart, cut, stall } = this.#faults.counts;
    const sum = (of: (load: Load) => number): string =>
      formatCount(this.#loads.reduce((total, load) => total + of(load), 0));
    say(
      `${sum((load) => load.entries)} entries acked, ${sum((load) => load.refused)} refused by the rules of ` +
        `the tree, ${sum((load) => load.births)} objects born and removed; ` +
        `${kill} times kill -9, ${restart} restarts, ${cut} cuts, ${stall} stalls`,
    );
    const growths = sites.map((site) => judgeLife(this.#vitals.lastLife(site)));
    growths.forEach(({ text, grows }, index) =>
      say(`${sites[index]?.name ?? ''}: ${grows ? 'GROWS: ' : ''}${text}`),
    );
    if (growths.some(({ grows }) => grows)) return 'something grew';
    return growths.every(({ judged }) => judged) ? 'nothing grew' : 'growth was not judged';
  }
}

async function run(options: SoakOptions): Promise<void> {
  say(`${options.minutes} min at ${formatCount(options.rate)} entries/s, seed ${options.seed}`);
  // Short, as the agents' Unix sockets are below it.
  const directory = mkdtempSync(join(tmpdir(), 'cfs-soak-'));
  const cluster = await makeCluster(directory);
  const interrupted = new Promise<never>((_, reject) => {
    process.once('SIGINT', () => reject(new Error('interrupted')));
    process.once('SIGTERM', () => reject(new Error('interrupted')));
  });
  let soak: Soak | undefined;
  let keep = options.keep === true;
  try {
    await Promise.all(cluster.sites.map((site) => site.start()));
    soak = new Soak(cluster, options);
    const verdict = await Promise.race([soak.run(), interrupted]);
    await Promise.all(cluster.sites.map((site) => site.stop()));
    say(`equal after every minute; ${verdict}`);
    process.exitCode = verdict === 'something grew' ? 1 : 0;
  } catch (error) {
    keep = true;
    await Promise.all(cluster.sites.map((site) => site.kill()));
    for (const site of cluster.sites) say(`\nthe log of ${site.name} ends with\n${site.logTail()}`);
    throw error;
  } finally {
    soak?.stop();
    for (const link of cluster.links) link.close();
    if (keep) say(`everything is kept in ${directory}`);
    else rmSync(directory, { recursive: true, force: true });
  }
}

function wholeNumber(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 1.');
}

new Command('soak')
  .description('Two sites under load and faults for some minutes, compared every minute.')
  .option('--minutes <n>', 'how long', wholeNumber, 15)
  .option(
    '--seed <n>',
    'makes the same choices of load and faults',
    wholeNumber,
    Date.now() % 1_000_000,
  )
  .option('--rate <n>', 'entries a second, at both sites together', wholeNumber, 10_000)
  .option('--keep', 'keep the directory also when all went well')
  .action(async (options: SoakOptions) => {
    try {
      await run(options);
    } catch (error) {
      throw new Error(
        `${error instanceof Error ? error.message : String(error)} (seed ${options.seed})`,
        {
          cause: error,
        },
      );
    }
  })
  .parseAsync()
  .then(
    () => process.exit(),
    (error: unknown) => {
      process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exit(1);
    },
  );
