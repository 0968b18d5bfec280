/** A socket's path is taken over from the dead, never from the living, and never from another file. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { claimSocketPath } from '../../../src/admin/unix-socket';
import { openServer } from './fixtures';

const directory = mkdtempSync(join(tmpdir(), 'cfs-socket-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function listen(path: string): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(path, () => resolve(server));
  });
}

test('a path where nothing is can be taken', async () => {
  await claimSocketPath(join(directory, 'free.sock'));
});

test('the socket of an agent that died is removed', async () => {
  const path = join(directory, 'dead.sock');
  const { spawnSync } = await import('node:child_process');
  const program = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', program]);
  assert.ok(statSync(path).isSocket());
  await claimSocketPath(path);
  assert.equal(existsSync(path), false);
});

test('the socket of a living agent is left alone', async (t) => {
  const path = join(directory, 'alive.sock');
  const server = await listen(path);
  t.after(() => server.close());
  await assert.rejects(claimSocketPath(path), /another agent answers on .*alive\.sock/);
  assert.ok(existsSync(path));
});

test('a file that is no socket is left alone', async () => {
  const path = join(directory, 'notes.txt');
  writeFileSync(path, 'precious');
  await assert.rejects(claimSocketPath(path), /notes\.txt exists and is not a socket/);
  assert.ok(existsSync(path));
});

test('a path longer than the system takes is refused with the limit', async () => {
  const path = join(directory, 'x'.repeat(120));
  await assert.rejects(claimSocketPath(path), /bytes, expected at most 107/);
});

test('a directory that is not there is named', async (t) => {
  const socketPath = join(directory, 'no', 'such', 'admin.sock');
  await assert.rejects(
    openServer(t, {}, { socketPath }),
    /cannot listen on .*no\/such\/admin\.sock/,
  );
});

test('only its owner may open the socket, and it goes with the server', async (t) => {
  const { server, socketPath } = await openServer(t, {});
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  await server.close();
  assert.equal(existsSync(socketPath), false);
});

test('the group may too when it is told so', async (t) => {
  const { socketPath } = await openServer(t, {}, { socketMode: 0o660 });
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
});
