/**
 * Clusters for tests: certificates, configurations and data directories in a folder of their own, nodes
 * in this process or as agents in theirs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { type ConfigInput, type Node, type NodeStatus, createLog, open } from '../../../src';
import { initTls, siteFiles } from '../../../src/security/tls-init';

export const CLUSTER_UUID = '7d3c6a58-9a51-4a0e-8a54-1f1d2f0c9b11';

type Change = Partial<Omit<ConfigInput, 'cluster' | 'site' | 'tls' | 'dataDir'>>;

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

export class Cluster {
  readonly directory: string;
  readonly #ports: ReadonlyMap<number, number>;
  readonly #change: Change;
  readonly #nodes = new Set<Node>();
  readonly #agents = new Set<ChildProcess>();

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
    const ports = new Map<number, number>();
    for (const id of ids) ports.set(id, await freePort());
    const cluster = new Cluster(directory, ports, change);
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

  /** `cfs-repl` in its own process. */
  async spawn(site: number, change: Change = {}): Promise<Agent> {
    const file = join(this.directory, `site-${site}.yaml`);
    const config = this.config(site, { log: { level: 'warn' }, ...change });
    writeFileSync(file, stringify(withFileKeys(config)));
    const daemon = join(__dirname, '../../../src/daemon.js');
    const child = spawn(process.execPath, [daemon, '--config', file], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    this.#agents.add(child);
    const agent = new Agent(child, join(this.dataDir(site), 'admin.sock'));
    await agent.ready();
    return agent;
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#nodes].map((node) => node.close()));
    for (const child of this.#agents) child.kill('SIGKILL');
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

  constructor(child: ChildProcess, socket: string) {
    this.child = child;
    this.socket = socket;
    this.exited = new Promise((resolve) => child.once('exit', () => resolve()));
  }

  async ready(): Promise<void> {
    await waitUntil('the agent answers', async () => {
      if (this.child.exitCode !== null) throw new Error(`the agent exited: ${this.child.exitCode}`);
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

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.child.kill(signal);
    await this.exited;
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
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
