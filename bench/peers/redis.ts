/** Redis: a primary and a replica, both with an append-only file, loaded by redis-benchmark. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { freePort } from '../../deploy/demo/ports';
import type { Bench, BenchContext } from '../support/measurement';
import { end, until } from '../support/processes';
import { type Job, areFound, findProgram, peerMeasurement } from './job';

export interface RedisJob extends Job {
  readonly appendfsync: 'always' | 'everysec';
}

/** What gave Redis its best figures: it syncs once for all that its clients sent meanwhile. */
const CLIENTS = 50;
const PIPELINE = 256;

export const redisPeer: (job: Job) => Bench = (job) =>
  async function* (context) {
    const programs = {
      'redis-server': findProgram('redis-server'),
      'redis-benchmark': findProgram('redis-benchmark'),
    };
    if (!areFound(context, 'Redis', programs)) return;
    for (const appendfsync of ['always', 'everysec'] as const) {
      context.say(`Redis replication, appendfsync ${appendfsync}`);
      const rate = await redisRate(context, { ...job, appendfsync });
      yield peerMeasurement(job, { system: 'Redis replication', appendfsync }, job.entries / rate);
    }
  };

/** Entries a second, from the first SET until the replica has the last. */
export async function redisRate(context: BenchContext, job: RedisJob): Promise<number> {
  const directory = mkdtempSync(join(context.directory, 'redis-'));
  const primary = await startServer(join(directory, 'primary'), job.appendfsync);
  const servers = [primary];
  try {
    const replica = await startServer(join(directory, 'replica'), job.appendfsync, primary.port);
    servers.push(replica);
    await until('the replica is in step', async () => {
      return (await replicationOf(replica.port)).get('master_link_status') === 'up';
    });
    const startMs = performance.now();
    await load(primary.port, job);
    const reached = (await replicationOf(primary.port)).get('master_repl_offset') ?? '0';
    await until(
      'the replica has all',
      async () => {
        const offset = (await replicationOf(replica.port)).get('slave_repl_offset') ?? '0';
        return Number(offset) >= Number(reached);
      },
      2,
    );
    return job.entries / ((performance.now() - startMs) / 1000);
  } finally {
    await Promise.all(servers.map(({ child }) => end(child)));
  }
}

interface RedisServer {
  readonly child: ChildProcess;
  readonly port: number;
}

async function startServer(
  directory: string,
  appendfsync: string,
  primaryPort?: number,
): Promise<RedisServer> {
  mkdirSync(directory);
  const port = await freePort();
  const args = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, '--save', ''],
    ...['--appendonly', 'yes', '--appendfsync', appendfsync, '--repl-diskless-sync-delay', '0'],
    ...['--client-output-buffer-limit', 'replica 0 0 0'],
    ...(primaryPort === undefined ? [] : ['--replicaof', `127.0.0.1 ${primaryPort}`]),
  ];
  const child = spawn('redis-server', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const server = { child, port };
  await until('Redis answers', async () => {
    if (child.exitCode !== null) throw new Error(`redis-server exited with ${child.exitCode}`);
    return (await replicationOf(port)).has('role');
  });
  return server;
}

function load(port: number, { entries, keys, valueBytes }: Job): Promise<void> {
  const args = [
    ...['-p', String(port), '-t', 'set', '-n', String(entries), '-r', String(keys)],
    ...['-d', String(valueBytes), '-c', String(CLIENTS), '-P', String(PIPELINE), '-q'],
  ];
  const child = spawn('redis-benchmark', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`redis-benchmark exited with ${String(code)}`));
    });
  });
}

/** INFO replication, by name; empty when nobody answers. */
function replicationOf(port: number): Promise<ReadonlyMap<string, string>> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO replication\r\nQUIT\r\n'));
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('error', () => resolve(new Map()));
    socket.on('close', () => {
      const pairs = [...text.matchAll(/^(\w+):(.*)\r$/gm)];
      resolve(new Map(pairs.map(([, name = '', value = '']) => [name, value])));
    });
  });
}
