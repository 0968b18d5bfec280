/**
 * Clusters for tests: certificates, configurations and data directories in a folder of their own, nodes
 * in this process or as agents in theirs.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { freePorts } from '../../../deploy/demo/ports';
import { type ConfigInput, type Node, type NodeStatus, createLog, open } from '../../../src';
import { initTls, siteFiles } from '../../../src/security/tls-init';

export const CLUSTER_UUID = '7d3c6a58-9a51-4a0e-8a54-1f1d2f0c9b11';

const SEGMENT_BYTES = 16 << 20;

type Change = Partial<Omit<ConfigInput, 'cluster' | 'site' | 'tls'>>;

export class Cluster {
  readonly directory: string;
  readonly #ports: ReadonlyMap<number, number>;
  readonly #change: Change;
  readonly #nodes = new Set<Node>();
  readonly #agents = new Set<ChildProcess>();
  readonly #endings: (() => void)[] = [];

  private constructor(directory: string, ports: ReadonlyMap<number, number>, change: Change) {
    this.directory = directory;
    this.#ports = ports;
    this.#change = change;
  }

  /** Sites 1 to `sites`, each a peer of all others. Everything is gone when the test ends. */
  static async make(t: TestContext, sites: number, change: Change = {}): Promise<Cluster> {
    const directory = mkdtempSync(join(tmpdir(), 'cfs-repl-test-'));
    const ids = Array.from({ length: sites }, (_, index) => index + 1);
    await initTls({
      directory: join(directory, 'tls'),
      clusterUuid: CLUSTER_UUID,
      sites: ids.map((id) => ({ id })),
      now: new Date(),
    });
    const ports = await freePorts(sites);
    const portOf = new Map(ids.map((id, index) => [id, ports[index] ?? 0]));
    const cluster = new Cluster(directory, portOf, change);
    t.after(() => cluster.destroy());
    return cluster;
  }

  port(site: number): number {
    return this.#ports.get(site) ?? 0;
  }

  dataDir(site: number): string {
    return join(this.directory, `data-${site}`);
  }

  config(site: number, change: Change = {}): ConfigInput {
    const tls = join(this.directory, 'tls');
    const files = siteFiles(tls, site);
    const others = [...this.#ports.keys()].filter((id) => id !== site);
    return {
      cluster: { uuid: CLUSTER_UUID },
      site: { id: site, name: `site-${site}` },
      dataDir: this.dataDir(site),
      // A new segment is written with zeroes: at the default size, that is most of what a test waits for.
      journal: { segmentBytes: SEGMENT_BYTES },
      listen: { host: '127.0.0.1', port: this.port(site) },
      tls: { ca: join(tls, 'ca.crt'), cert: files.certificate, key: files.key },
      peers: others.map((id) => ({
        site: id,
        name: `site-${id}`,
        endpoints: [`127.0.0.1:${this.port(id)}`],
      })),
      conduit: { reconnect: { delayMsMin: 20, delayMsMax: 200 } },
      admin: { http: { enabled: false } },
      ...this.#change,
      ...change,
    };
  }

  /** A node in this process. Its log is silent. */
  async open(site: number, change: Change = {}): Promise<Node> {
    const node = await open(this.config(site, change), { log: createLog({ level: 'silent' }) });
    this.#nodes.add(node);
    return node;
  }

  /** `cfs-repl` in its own process, once it answers. */
  async spawn(site: number, change: Change = {}, env: NodeJS.ProcessEnv = {}): Promise<Agent> {
    const agent = this.start(site, change, env);
    await agent.ready();
    return agent;
  }

  /** The same, at once: for an agent that may not live to answer. */
  start(
    site: number,
    change: Change = {},
    env: NodeJS.ProcessEnv = {},
    stderr: 'inherit' | 'pipe' = 'inherit',
  ): Agent {
    const file = join(this.directory, `site-${site}.yaml`);
    const config = this.config(site, { log: { level: 'warn' }, ...change });
    writeFileSync(file, stringify(withFileKeys(config)));
    const daemon = join(__dirname, '../../../src/daemon.js');
    const child = spawn(process.execPath, [daemon, '--config', file], {
      stdio: ['ignore', 'pipe', stderr],
      env: { ...process.env, ...env },
    });
    this.#agents.add(child);
    return new Agent(child, join(this.dataDir(site), 'admin.sock'));
  }

  /** Called when the test ends and nothing of the cluster runs any more, before its files go. */
  atEnd(act: () => void): void {
    this.#endings.push(act);
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#nodes].map((node) => node.close()));
    for (const child of this.#agents) child.kill('SIGKILL');
    for (const act of this.#endings) act();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** `dataDir` is `data_dir` in a file. */
export function withFileKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withFileKeys);
  if (typeof value !== 'object' || value === null) return value;
  const spell = (key: string): string => key.replace(/[A-Z]/g, (big) => `_${big.toLowerCase()}`);
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [spell(key), withFileKeys(inner)]),
  );
}

/** A process and its admin API. */
export class Agent {
  readonly child: ChildProcess;
  readonly socket: string;
  readonly exited: Promise<void>;
  /** What it has logged so far. */
  log = '';
  /** What it wrote to standard error, if that is piped. */
  errors = '';

  constructor(child: ChildProcess, socket: string) {
    this.child = child;
    this.socket = socket;
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
  }

  async ready(): Promise<void> {
    await waitUntil('the agent answers', async () => {
      const { exitCode, signalCode } = this.child;
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`the agent exited: ${String(exitCode ?? signalCode)}\n${this.log}`);
      }
      return (await this.request('GET', '/replication/status')).status === 200;
    });
  }

  /** Status 0 when nobody answers. */
  request(method: string, path: string, body?: string): Promise<Answer> {
    return new Promise((resolve) => {
      const nobody: Answer = { status: 0, text: '' };
      const call = request({ socketPath: this.socket, path, method }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', () => resolve(nobody));
        response.on('end', () =>
          resolve({
            status: response.complete ? (response.statusCode ?? 0) : 0,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      });
      call.on('error', () => resolve(nobody));
      call.end(body);
    });
  }

  /** Names every one there is. Fails when nobody answers. */
  async names(): Promise<ReadonlySet<string>> {
    const lines = (await this.dump()).split('\n').filter((line) => line !== '');
    return new Set(lines.map((line) => (JSON.parse(line) as { path: string }).path));
  }

  async dump(): Promise<string> {
    const { status, text } = await this.request('GET', '/meta/dump');
    assert.equal(status, 200);
    return text;
  }

  /** Undefined when nobody answers. */
  async digest(): Promise<string | undefined> {
    const { status, text } = await this.request('GET', '/meta/digest');
    return status === 200 ? text : undefined;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Resolves when all have the same digest. */
export async function levelled(...agents: readonly Agent[]): Promise<void> {
  await waitUntil('the digests are equal', async () => {
    const digests = await Promise.all(agents.map((agent) => agent.digest()));
    return digests[0] !== undefined && digests.every((digest) => digest === digests[0]);
  });
}

const POLL_MS = 10;
const PATIENCE_MS = 60_000;

/** Polls until it is true; fails, saying what was waited for, after a minute. */
export async function waitUntil(
  what: string,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited a minute in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Resolves when every node holds everything that any of them has made durable. */
export async function converged(...nodes: readonly Node[]): Promise<void> {
  const lsns = (): bigint[] => nodes.map((node) => node.status().engine.lastLsn);
  await waitUntil('all nodes hold everything', () => {
    const latest = lsns();
    return nodes.every((node) => {
      const { held } = node.status().engine;
      return nodes.every((other, index) => {
        const { site, incarnation } = other.status().engine.origin;
        const cursor = held.find((one) => one.site === site && one.incarnation === incarnation);
        return (cursor?.lsn ?? 0n) >= (latest[index] ?? 0n);
      });
    });
  });
}

export async function connected(node: Node, site: number): Promise<void> {
  const up = ({ peers }: NodeStatus): boolean =>
    peers.some((peer) => peer.site === site && peer.state === 'connected');
  await waitUntil(`site ${site} is connected`, () => up(node.status()));
}
