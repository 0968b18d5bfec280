/** etcd: a server of one, and etcdctl make-mirror to another, loaded with transactions of puts. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../deploy/demo/ports';
import type { Bench, BenchContext } from '../support/measurement';
import { end, until } from '../support/processes';
import { type Job, areFound, findProgram, keyOf, makeValues, peerMeasurement } from './job';

const PUTS_PER_TXN = 128; // etcd's own bound, as it comes
const TXNS_IN_FLIGHT = 16;
const QUOTA_BYTES = 8 * 1024 ** 3;
const POLL_MS = 10;
const LAST_KEY = 'the-last';

export const etcdPeer: (job: Job) => Bench = (job) =>
  async function* (context) {
    const programs = { etcd: findProgram('etcd'), etcdctl: findProgram('etcdctl') };
    if (!areFound(context, 'etcd', programs)) return;
    context.say('etcd make-mirror');
    const seconds = await replicateWith(context, job);
    yield peerMeasurement(job, { system: 'etcd make-mirror', puts_per_txn: PUTS_PER_TXN }, seconds);
  };

/** From the first put until the mirror has the last. */
async function replicateWith(context: BenchContext, job: Job): Promise<number> {
  const children: ChildProcess[] = [];
  try {
    const [source, mirror] = [
      await startServer(context, children),
      await startServer(context, children),
    ];
    const args = ['--endpoints', source, 'make-mirror', '--dest-insecure-transport', mirror];
    const env = { ...process.env, ETCDCTL_API: '3' };
    children.push(spawn('etcdctl', args, { stdio: ['ignore', 'ignore', 'inherit'], env }));
    await put(source, ['warm-up'], ['']);
    await until('the mirror is in step', () => has(mirror, 'warm-up'));
    const startMs = performance.now();
    await load(source, job);
    await put(source, [LAST_KEY], ['']);
    await until('the mirror has all', () => has(mirror, LAST_KEY), POLL_MS);
    return (performance.now() - startMs) / 1000;
  } finally {
    await Promise.all(children.reverse().map((child) => end(child)));
  }
}

/** Resolves to where it answers, as host:port. */
async function startServer(context: BenchContext, children: ChildProcess[]): Promise<string> {
  const directory = mkdtempSync(join(context.directory, 'etcd-'));
  const [client, peer] = [`127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const args = [
    ...['--name', 'bench', '--data-dir', directory, '--log-level', 'error'],
    ...['--listen-client-urls', `http://${client}`, '--advertise-client-urls', `http://${client}`],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `bench=${peer}`, '--quota-backend-bytes', String(QUOTA_BYTES)],
  ];
  children.push(spawn('etcd', args, { stdio: 'ignore' })); // it says much on its standard error
  await until('etcd answers', () => has(client, 'anything').then(isAnswer, isNoAnswer));
  return client;
}

const isAnswer = (): boolean => true;
const isNoAnswer = (): boolean => false;

async function load(server: string, { entries, keys, valueBytes }: Job): Promise<void> {
  const values = makeValues(1024, valueBytes);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < entries) {
      const first = next;
      next += PUTS_PER_TXN;
      const count = Math.min(PUTS_PER_TXN, entries - first);
      const indices = Array.from({ length: count }, (_, i) => first + i);
      const names = indices.map((index) => `key-${keyOf(index, keys)}`);
      await put(
        server,
        names,
        indices.map((index) => values[index % values.length] ?? ''),
      );
    }
  };
  await Promise.all(Array.from({ length: TXNS_IN_FLIGHT }, work));
}

async function put(
  server: string,
  names: readonly string[],
  values: readonly string[],
): Promise<void> {
  const success = names.map((name, index) => ({
    requestPut: { key: base64(name), value: base64(values[index] ?? '') },
  }));
  await call(server, 'txn', { success });
}

async function has(server: string, name: string): Promise<boolean> {
  const { count = '0' } = await call(server, 'range', { key: base64(name) });
  return Number(count) > 0;
}

async function call(server: string, what: string, body: object): Promise<{ count?: string }> {
  const response = await fetch(`http://${server}/v3/kv/${what}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`etcd refused ${what}: ${text}`);
  return JSON.parse(text) as { count?: string };
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
