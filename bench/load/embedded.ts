/**
 * What the processes of this folder share: a node from the file named in argv, and commands, one a line,
 * each answered with a line of its name and JSON.
 */
import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { type ConfigInput, type Node, open } from '../../src';

interface Job {
  readonly config: ConfigInput;
  readonly task: unknown;
}

export type Commands = Readonly<Record<string, () => object | Promise<object>>>;

/** How a process did since `start`. */
export interface Usage {
  readonly cpuSeconds: number;
  /** What a timer was late, at its worst hundredth. */
  readonly eventLoopDelayMs: number;
  readonly rssBytes: number;
}

const RESOLUTION_MS = 5;
const NS_PER_MS = 1e6;

/** Measures this process between `start` and `usage`. */
export class UsageMeter {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #cpu = process.cpuUsage();

  start(): void {
    this.#delay.enable();
    this.#delay.reset();
    this.#cpu = process.cpuUsage();
  }

  usage(): Usage {
    const { user, system } = process.cpuUsage(this.#cpu);
    const lateMs = this.#delay.percentile(99) / NS_PER_MS - RESOLUTION_MS;
    return {
      cpuSeconds: (user + system) / 1e6,
      eventLoopDelayMs: Math.max(0, lateMs),
      rssBytes: process.memoryUsage.rss(),
    };
  }
}

/** A clock that all processes of this machine share, in microseconds. */
export function sharedClockUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Opens the node, says so, and answers commands until standard input ends. */
export async function runEmbedded(
  makeCommands: (node: Node, task: unknown) => Commands,
): Promise<void> {
  const [, , file] = process.argv;
  if (file === undefined) throw new Error('expected the path of a job file');
  const { config, task } = JSON.parse(readFileSync(file, 'utf8')) as Job;
  const node = await open(config);
  const commands = makeCommands(node, task);
  process.stdout.write('ready\n');
  for await (const name of createInterface({ input: process.stdin })) {
    const command = commands[name];
    if (command === undefined) throw new Error(`unknown command "${name}"`);
    process.stdout.write(`${name} ${JSON.stringify(await command())}\n`);
  }
  await node.close();
}

/** The engine's numbers, as JSON has them. */
export function engineNumbers(node: Node): Record<string, number> {
  const rows = Object.entries(node.status().engine as unknown as Record<string, unknown>);
  return Object.fromEntries(
    rows.flatMap(([name, value]) =>
      typeof value === 'number' || typeof value === 'bigint' ? [[name, Number(value)]] : [],
    ),
  );
}
