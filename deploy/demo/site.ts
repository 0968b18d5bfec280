/** One site of the demo: its directory, its `cfs-repl` process, and a client of its admin API. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { AgentClient } from '../../src/cli/agent-client';
import { type JsonObject, objectsAt, textAt } from '../../src/cli/json';

const DAEMON = join(__dirname, '../../src/daemon.js');
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 10;
const LOG_TAIL_LINES = 15;

export interface SitePlan {
  readonly id: number;
  readonly name: string;
  readonly directory: string;
  /** Where the authority and all certificates are. */
  readonly tlsDirectory: string;
  readonly port: number;
  readonly peers: readonly { readonly id: number; readonly name: string; readonly port: number }[];
}

export class Site {
  readonly name: string;
  readonly configFile: string;
  readonly client: AgentClient;
  readonly #logFile: string;
  #process: ChildProcess | undefined;
  #stopping = false;
  #death: string | undefined;
  #exited: Promise<void> = Promise.resolve();

  private constructor(plan: SitePlan) {
    this.name = plan.name;
    this.configFile = join(plan.directory, 'cfs-repl.yaml');
    this.client = new AgentClient(join(plan.directory, 'data', 'admin.sock'));
    this.#logFile = join(plan.directory, 'agent.log');
  }

  /** `cfs-repl init`: configuration, and certificates made on the spot. */
  static async init(plan: SitePlan): Promise<Site> {
    const peers = plan.peers.flatMap(({ id, name, port }) => [
      '--peer',
      `${id}:${name}:127.0.0.1:${port}`,
    ]);
    await promisify(execFile)(process.execPath, [
      ...[DAEMON, 'init', '--dir', plan.directory, '--tls', plan.tlsDirectory],
      ...['--site-id', String(plan.id), '--name', plan.name],
      ...['--listen', `127.0.0.1:${plan.port}`, '--http-port', '0'],
      ...peers,
    ]);
    return new Site(plan);
  }

  /** Starts the agent. Resolves when it answers. */
  async start(): Promise<void> {
    const log = openSync(this.#logFile, 'a');
    const started = spawn(process.execPath, [DAEMON, '--config', this.configFile], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#process = started;
    this.#exited = new Promise((resolve) => {
      started.once('exit', () => resolve());
      started.once('error', () => resolve());
    });
    started.once('exit', (code, signal) => {
      if (!this.#stopping)
        this.#death = `it ended by itself (${signal ?? `status ${String(code)}`})`;
    });
    this.#stopping = false;
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while (!(await this.answers())) {
      if (started.exitCode !== null || performance.now() > deadlineMs) {
        throw new Error(
          `the agent of ${this.name} did not start; its log ends with\n${this.logTail()}`,
        );
      }
      await delay(POLL_MS);
    }
  }

  /** Of the agent that was started last. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async answers(): Promise<boolean> {
    return this.client.text('GET', '/health').then(
      () => true,
      () => false,
    );
  }

  /** kill -9: no goodbye, nothing flushed. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#process?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGTERM, and -9 for one that does not listen. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const timer = setTimeout(() => this.#process?.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.#process?.kill('SIGTERM');
    await this.#exited;
    clearTimeout(timer);
  }

  /** The last lines of the log, and how the agent ended if nobody ended it. */
  logTail(): string {
    const lines = readFileSync(this.#logFile, 'utf8').trimEnd().split('\n');
    const death = this.#death === undefined ? [] : [this.#death];
    return [...lines.slice(-LOG_TAIL_LINES), ...death].join('\n');
  }

  status(): Promise<JsonObject> {
    return this.client.json('GET', '/replication/status');
  }

  /** True if every peer has everything that was appended here up to now. */
  async isReplicated(): Promise<boolean> {
    const lag = await this.client.json('GET', '/replication/lag');
    const lastLsn = textAt(lag, 'last_lsn');
    return objectsAt(lag, 'peers').every((peer) => textAt(peer, 'acked_lsn') === lastLsn);
  }
}

/** Resolves when `isTrue`; rejects after `timeoutMs`, naming what did not come. */
export async function until(
  what: string,
  timeoutMs: number,
  isTrue: () => Promise<boolean>,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  while (!(await isTrue())) {
    if (performance.now() > deadlineMs)
      throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await delay(POLL_MS);
  }
}
