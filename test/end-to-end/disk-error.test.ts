/** A disk that fails, or gives back other bytes than it was given. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Agent, Cluster, levelled, waitUntil } from './support/cluster';
import { failingSync } from './support/preload';

const MKDIRS = 50;
/** A segment is read whole here. */
const SMALL = { journal: { segmentBytes: 16 * 1024 * 1024 } };

async function mkdir(agent: Agent, path: string): Promise<number> {
  const line = JSON.stringify({ op: 'mkdir', path });
  return (await agent.request('POST', '/journal/append', line)).status;
}

test('a disk that fails to sync: the node says so and acks no more; after a restart nothing acked is lost', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const trigger = join(cluster.directory, 'fail');
  const posix = { journal: { ...SMALL.journal, io: 'posix' } } as const;
  let agent = await cluster.spawn(1, posix, failingSync(cluster, trigger));
  const other = await cluster.spawn(2);
  for (let i = 0; i < MKDIRS; i++) assert.equal(await mkdir(agent, `/n${i}`), 200);
  await levelled(agent, other);

  writeFileSync(trigger, '');
  const line = JSON.stringify({ op: 'mkdir', path: '/unacked' });
  const failed = await agent.request('POST', '/journal/append', line);
  assert.equal(failed.status, 500, failed.text);
  assert.match(failed.text, /CFS_IO.*fdatasync .*\.segment: Input\/output error/);
  rmSync(trigger); // the next sync would succeed, and must not be believed
  const stopped = await agent.request('POST', '/journal/append', line);
  assert.equal(stopped.status, 503, stopped.text);
  assert.match(stopped.text, /CFS_STOPPED/);
  assert.match((await agent.request('GET', '/metrics')).text, /^claudefs_replication_stopped 1$/m);
  assert.equal((await agent.request('GET', '/health')).status, 503);
  const health = (await agent.request('GET', '/replication/health')).text;
  assert.match(health, /stopped, nothing is accepted: the journal stopped: fdatasync .*segment/);
  assert.ok(!(await other.names()).has('/unacked')); // only what is durable leaves a node

  await waitUntil('it is logged', () =>
    agent.log.includes('nothing is accepted any more: the journal stopped: fdatasync'),
  );
  await agent.kill('SIGKILL');
  agent = await cluster.spawn(1);
  assert.equal(await mkdir(agent, '/after'), 200);
  await levelled(agent, other);
  const names = await other.names();
  for (let i = 0; i < MKDIRS; i++) assert.ok(names.has(`/n${i}`));
  assert.ok(names.has('/after'));
});

test('a journal with a changed byte in its middle: the agent does not start, and says where', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const agent = await cluster.spawn(1, SMALL);
  for (let i = 0; i < MKDIRS; i++) assert.equal(await mkdir(agent, `/n${i}`), 200);
  await agent.kill('SIGKILL');
  const journal = join(cluster.dataDir(1), 'journal');
  const [segment = ''] = readdirSync(journal).filter((name) => name.endsWith('.segment'));
  const path = join(journal, segment);
  const bytes = readFileSync(path);
  const end = bytes.findLastIndex((byte) => byte !== 0);
  const middle = bytes.subarray(0, end / 2).findLastIndex((byte) => byte !== 0);
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  writeFileSync(path, bytes, { flag: 'r+' });

  const again = cluster.start(1, SMALL, {}, 'pipe');
  await waitUntil('it gives up', () => again.child.exitCode !== null);
  assert.notEqual(again.child.exitCode, 0);
  assert.match(again.errors, /segment 1 offset \d+, record seq \d+: .*crc does not match/);
  assert.deepEqual(readFileSync(path), bytes, 'what is there is evidence and stays');
});
