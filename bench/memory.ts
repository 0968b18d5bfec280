/** What an idle agent takes, and what an inode takes. */
import { connect } from 'node:net';
import { type Bench, type BenchContext, type Measurement, rounded } from './support/measurement';
import { residentBytesOf, sleep, until } from './support/processes';
import { Sites } from './support/sites';

const INODES = 1_000_000;
const NAME_BYTES = 16;
const SETTLE_MS = 2000;

export const memory: Bench = async function* (context) {
  yield await idleAgent(context);
  yield* inodeBytes(context, context.options.inodes ?? INODES);
};

/** The agent as it ships, with one peer that is away and nothing to do. */
async function idleAgent(context: BenchContext): Promise<Measurement> {
  context.say('an idle agent');
  const sites = await Sites.make(2, context.directory);
  try {
    const agent = sites.startAgent(1);
    await until('the agent answers', () => {
      if (agent.exitCode !== null) throw new Error(`the agent exited with ${agent.exitCode}`);
      return accepts(`${sites.directory}/data-1/admin.sock`);
    });
    await sleep(SETTLE_MS);
    const rssBytes = residentBytesOf(agent.pid ?? 0);
    return {
      bench: 'memory',
      value: rounded(rssBytes / 1e6),
      unit: 'MB',
      params: { what: 'idle agent, resident' },
    };
  } finally {
    sites.destroy();
  }
}

/** The state's own count, and by how much the process grew: with caches, heap and all. */
async function* inodeBytes(
  context: BenchContext,
  inodes: number,
): AsyncGenerator<Measurement, void> {
  context.say(`${inodes.toLocaleString('en-US')} inodes`);
  const sites = await Sites.make(1, context.directory);
  try {
    const source = await sites.start('source', 1, { inodes, entries: 0 });
    const before = residentBytesOf(source.pid);
    await source.ask('prepare');
    const after = residentBytesOf(source.pid);
    const { stateBytes = NaN } = await source.ask<Record<string, number>>('engine');
    const params = { inodes, name_bytes: NAME_BYTES };
    yield {
      bench: 'memory',
      value: rounded(stateBytes / inodes),
      unit: 'bytes/inode',
      params: { what: 'state', ...params },
    };
    yield {
      bench: 'memory',
      value: rounded((after - before) / inodes),
      unit: 'bytes/inode',
      params: { what: 'growth of the process, caches and heap included', ...params },
    };
  } finally {
    sites.destroy();
  }
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
