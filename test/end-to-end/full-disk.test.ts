/** A real agent on a file system that fills up, and has room again. */
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Agent, type Answer, Cluster, levelled, waitUntil } from './support/cluster';
import { SmallDisk, cannotMount } from './support/small-disk';

const MIB = 1024 * 1024;
const SETTINGS = {
  journal: { segmentBytes: 16 * MIB, retentionBytes: 0, diskReserveBytes: 8 * MIB },
};
const VALUE = Buffer.alloc(48 * 1024, 'v').toString('base64');
const LARGE_LINES_A_REQUEST = 16;

interface Journal {
  readonly disk_full: boolean;
  readonly checkpoint: { readonly seq: number };
}

async function journalOf(agent: Agent): Promise<Journal> {
  return JSON.parse((await agent.request('GET', '/replication/journal')).text) as Journal;
}

/** Appends until it is refused: what was acked, and the refusal. */
async function appendUntilRefused(agent: Agent): Promise<{ names: string[]; refusal: Answer }> {
  const names: string[] = [];
  for (;;) {
    const name = `/n${names.length}`;
    const large = Array.from({ length: LARGE_LINES_A_REQUEST }, () =>
      JSON.stringify({ op: 'setxattr', path: '/', key: 'k', value_base64: VALUE }),
    );
    const lines = [JSON.stringify({ op: 'mkdir', path: name }), ...large];
    const refusal = await agent.request('POST', '/journal/append', lines.join('\n'));
    if (refusal.status !== 200) return { names, refusal };
    names.push(name);
  }
}

test(
  'a full disk refuses appends and nothing else, and appends go on by themselves when there is room',
  { skip: cannotMount ?? false },
  async (t) => {
    const cluster = await Cluster.make(t, 2);
    const disk = SmallDisk.mount(cluster, 1, 160 * MIB);
    let agent = await cluster.spawn(1, SETTINGS);
    const other = await cluster.spawn(2, SETTINGS);
    await levelled(agent, other);

    // The journal grows into what is there; a peer's journal does, too.
    disk.fill(24 * MIB);
    const { names, refusal } = await appendUntilRefused(agent);
    assert.ok(names.length > 0);
    assert.equal(refusal.status, 507, refusal.text);
    assert.match(refusal.text, /CFS_DISK_FULL/);
    assert.match(refusal.text, /no room for another log segment; appends go on when there is/);
    const metrics = (await agent.request('GET', '/metrics')).text;
    assert.match(metrics, /^claudefs_replication_disk_full 1$/m);
    const health = await agent.request('GET', '/replication/health');
    assert.match(health.text, /the disk is full: appends wait until there is space/);
    assert.equal((await agent.request('GET', '/health')).status, 503);
    await waitUntil('it is logged', () => /CFS_DISK_FULL.*the disk is full/.test(agent.log));
    await levelled(agent, other); // what was acked goes on being sent, and its cursor written
    const line = JSON.stringify({ op: 'mkdir', path: '/from-other' });
    assert.equal((await other.request('POST', '/journal/append', line)).status, 200);

    // Not a byte is left now, and a checkpoint is written all the same, from the reserve.
    disk.fill();
    const before = (await journalOf(agent)).checkpoint.seq;
    const collected = await agent.request('POST', '/replication/gc?aggressive');
    assert.equal(collected.status, 200, collected.text);
    assert.ok((await journalOf(agent)).checkpoint.seq > before);

    // A kill on a disk that is still as good as full costs nothing.
    disk.fill(MIB);
    await agent.kill('SIGKILL');
    agent = await cluster.spawn(1, SETTINGS);
    const shown = await agent.names();
    assert.deepEqual(
      names.filter((name) => !shown.has(name)),
      [],
    );

    disk.release();
    await waitUntil('appends go on', async () => {
      const line = JSON.stringify({ op: 'mkdir', path: '/after' });
      return (await agent.request('POST', '/journal/append', line)).status === 200;
    });
    await waitUntil('the reserve is back', () => {
      const reserve = join(disk.directory, 'journal', 'reserve');
      return statSync(reserve, { throwIfNoEntry: false })?.size === 8 * MIB;
    });
    assert.equal((await journalOf(agent)).disk_full, false);
    await levelled(agent, other);
    assert.ok((await other.names()).has('/after'));
    assert.ok((await agent.names()).has('/from-other'));
    assert.equal(await agent.dump(), await other.dump());
    const told = await agent.request('GET', '/replication/audit?filter=disk.full');
    assert.match(told.text, /"code":"CFS_DISK_FULL"/);
    const verified = await agent.request('GET', '/replication/audit/verify');
    assert.match(verified.text, /"whole":true/);
    t.diagnostic(`${names.length} appends acked before the disk was full, all there after it`);
  },
);
