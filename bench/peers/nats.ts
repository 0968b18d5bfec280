/** NATS JetStream: a stream that keeps the last message a subject, mirrored by a second server. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../deploy/demo/ports';
import type { Bench, BenchContext } from '../support/measurement';
import { end, until } from '../support/processes';
import { type Job, areFound, findProgram, keyOf, makeValues, peerMeasurement } from './job';
import { NatsClient } from './nats-client';

const MESSAGES_PER_WRITE = 500;
const IN_FLIGHT_MAX = 10_000;
const POLL_MS = 10;
const STREAM = { storage: 'file', max_msgs_per_subject: 1, num_replicas: 1 };

export const natsPeer: (job: Job) => Bench = (job) =>
  async function* (context) {
    if (!areFound(context, 'NATS', { 'nats-server': findProgram('nats-server') })) return;
    context.say('NATS JetStream mirror');
    const seconds = await replicateWith(context, job);
    // The server syncs every two minutes: what it acks may be lost with the power.
    yield peerMeasurement(job, { system: 'NATS JetStream mirror', sync: 'every 2 min' }, seconds);
  };

/** From the first message until the mirror has the last. */
async function replicateWith(context: BenchContext, job: Job): Promise<number> {
  const directory = mkdtempSync(join(context.directory, 'nats-'));
  const leafPort = await freePort();
  const children: ChildProcess[] = [];
  const clients: NatsClient[] = [];
  try {
    const hubLeaf = `leafnodes { host: 127.0.0.1, port: ${leafPort} }`;
    const hub = await startServer(directory, 'hub', hubLeaf, children, clients);
    const remote = `leafnodes { remotes: [ { url: "nats://127.0.0.1:${leafPort}" } ] }`;
    const edge = await startServer(directory, 'edge', remote, children, clients);
    const subjects = ['kv.>'];
    await hub.request('$JS.API.STREAM.CREATE.KV', { ...STREAM, name: 'KV', subjects });
    const mirror = { name: 'KV', external: { api: '$JS.hub.API' } };
    await edge.request('$JS.API.STREAM.CREATE.MIRROR', { ...STREAM, name: 'MIRROR', mirror });
    const startMs = performance.now();
    await load(hub, job);
    await until('the mirror has all', async () => (await lastOf(edge)) >= job.entries, POLL_MS);
    return (performance.now() - startMs) / 1000;
  } finally {
    for (const client of clients) client.close();
    await Promise.all(children.map((child) => end(child)));
  }
}

async function lastOf(edge: NatsClient): Promise<number> {
  const subject = '$JS.API.STREAM.INFO.MIRROR';
  return (await edge.request<{ state: { last_seq: number } }>(subject, {})).state.last_seq;
}

async function startServer(
  directory: string,
  name: string,
  leafNodes: string,
  children: ChildProcess[],
  clients: NatsClient[],
): Promise<NatsClient> {
  const port = await freePort();
  const file = join(directory, `${name}.conf`);
  const store = join(directory, name);
  const jetStream = `jetstream { domain: ${name}, store_dir: "${store}" }`;
  writeFileSync(file, `port: ${port}\nserver_name: ${name}\n${jetStream}\n${leafNodes}\n`);
  const args = ['-c', file, '-l', join(directory, `${name}.log`)];
  children.push(spawn('nats-server', args, { stdio: ['ignore', 'ignore', 'inherit'] }));
  await until(`the ${name} answers`, async () => {
    const client = await NatsClient.open(port).catch(() => undefined);
    if (client !== undefined) clients.push(client);
    return client !== undefined;
  });
  const client = clients.at(-1);
  if (client === undefined) throw new Error(`the ${name} does not answer`);
  return client;
}

async function load(hub: NatsClient, { entries, keys, valueBytes }: Job): Promise<void> {
  const values = makeValues(1024, valueBytes);
  for (let first = 0; first < entries; first += MESSAGES_PER_WRITE) {
    const count = Math.min(MESSAGES_PER_WRITE, entries - first);
    hub.publish(
      Array.from({ length: count }, (_, i) => {
        const index = first + i;
        return [`kv.${keyOf(index, keys)}`, values[index % values.length] ?? ''] as const;
      }),
    );
    await hub.waitForAcks(first + count - IN_FLIGHT_MAX);
  }
  await hub.waitForAcks(entries);
}
