/**
 * Sites for benchmarks: certificates, configurations and data directories in one folder, agents in their
 * own processes.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePorts } from '../../deploy/demo/ports';
import type { ConfigInput } from '../../src';
import { initTls, siteFiles } from '../../src/security/tls-init';
import type { CodecChoice } from '../options';

const CLUSTER_UUID = '5b1f4c0e-8b0e-4c53-9d0e-2f6a4f0f7c11';
const READY_LINE = 'ready';

/** What a site's configuration may change from the defaults. */
export type SiteChange = Partial<
  Pick<ConfigInput, 'journal' | 'checkpoint' | 'conduit' | 'batch'>
> & {
  readonly codec?: CodecChoice;
};

export class Sites {
  readonly directory: string;
  readonly #ports: readonly number[];
  readonly #change: SiteChange;
  readonly #children = new Set<ChildProcess>();

  private constructor(directory: string, ports: readonly number[], change: SiteChange) {
    this.directory = directory;
    this.#ports = ports;
    this.#change = change;
  }

  /** Sites 1 to `count`; site 1 is a peer of all others, and each of them of site 1. */
  static async make(count: number, base: string, change: SiteChange = {}): Promise<Sites> {
    const directory = mkdtempSync(join(base, 'sites-'));
    const ids = Array.from({ length: count }, (_, index) => index + 1);
    await initTls({
      directory: join(directory, 'tls'),
      clusterUuid: CLUSTER_UUID,
      sites: ids.map((id) => ({ id })),
      now: new Date(),
    });
    const ports = await freePorts(count);
    return new Sites(directory, ports, change);
  }

  config(site: number): ConfigInput {
    const { codec = 'auto', ...change } = this.#change;
    const tls = join(this.directory, 'tls');
    const files = siteFiles(tls, site);
    const others = this.#ports.map((_, index) => index + 1).filter((id) => id !== site);
    const peers = site === 1 ? others : [1];
    return {
      cluster: { uuid: CLUSTER_UUID },
      site: { id: site, name: `site-${site}` },
      dataDir: join(this.directory, `data-${site}`),
      listen: { host: '127.0.0.1', port: this.#ports[site - 1] ?? 0 },
      tls: { ca: join(tls, 'ca.crt'), cert: files.certificate, key: files.key },
      peers: peers.map((id) => ({
        site: id,
        name: `site-${id}`,
        endpoints: [`127.0.0.1:${this.#ports[id - 1] ?? 0}`],
        codec,
      })),
      admin: { http: { enabled: false } },
      log: { level: 'warn' },
      ...change,
    };
  }

  /**
   * Starts a process that embeds a site: `program` of bench/load, told its configuration and `task` as
   * JSON. Resolves when it says it is ready.
   */
  async start(program: string, site: number, task: object = {}): Promise<SiteProcess> {
    const file = join(this.directory, `site-${site}.json`);
    writeFileSync(file, JSON.stringify({ config: this.config(site), task }));
    const path = join(__dirname, '..', 'load', `${program}.js`);
    const started = new SiteProcess(this.#spawn([path, file], 'pipe'));
    await started.line(READY_LINE);
    return started;
  }

  /** Starts `cfs-repl`, the agent as it ships; its log goes to standard error. */
  startAgent(site: number): ChildProcess {
    const file = join(this.directory, `site-${site}.yaml`);
    writeFileSync(file, stringify(withFileKeys(this.config(site))));
    const daemon = join(__dirname, '..', '..', 'src', 'daemon.js');
    return this.#spawn([daemon, '--config', file], 2);
  }

  #spawn(args: readonly string[], stdout: 'pipe' | 2): ChildProcess {
    const child = spawn(process.execPath, args, { stdio: ['pipe', stdout, 'inherit'] });
    this.#children.add(child);
    return child;
  }

  destroy(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** A process of bench/load: it prints lines, and takes lines as commands. */
export class SiteProcess {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #waiting: (() => void) | undefined;
  #ended = false;

  constructor(child: ChildProcess) {
    this.#child = child;
    let partial = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (partial + text).split('\n');
      partial = parts.pop() ?? '';
      this.#lines.push(...parts);
      this.#waiting?.();
    });
    child.stdin?.on('error', () => undefined); // its end is told below
    child.on('exit', () => {
      this.#ended = true;
      this.#waiting?.();
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  send(command: string): void {
    this.#child.stdin?.write(`${command}\n`);
  }

  /** The next line that begins with `prefix`, without it; others before it are dropped. */
  async line(prefix: string): Promise<string> {
    for (;;) {
      const line = this.#lines.shift();
      if (line?.startsWith(prefix) === true) return line.slice(prefix.length).trim();
      if (line !== undefined) continue;
      if (this.#ended) throw new Error(`a site's process ended before it said "${prefix}"`);
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
  }

  /** Sends a command and reads what it answers. */
  async ask<T>(command: string): Promise<T> {
    this.send(command);
    return JSON.parse(await this.line(`${command} `)) as T;
  }

  /** Ends it in good order, with a checkpoint. */
  async end(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.stdin?.end();
    await exited;
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    if (this.#ended) return;
    const exited = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await exited;
  }
}

/** `dataDir` is `data_dir` in a file. */
function withFileKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withFileKeys);
  if (typeof value !== 'object' || value === null) return value;
  const spell = (key: string): string => key.replace(/[A-Z]/g, (big) => `_${big.toLowerCase()}`);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [spell(key), withFileKeys(inner)]),
  );
}
