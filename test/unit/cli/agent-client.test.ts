/** How `cfs` talks to an agent. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AgentClient } from '../../../src/cli/agent-client';

test('cfs closes its connection itself, after the answer', async (t) => {
  // Asked to close ("connection: close"), the agent does so when it has answered; Node's last, empty
  // write of the request then failed with EPIPE, and on a busy machine the answer was lost with it.
  const directory = mkdtempSync(join(tmpdir(), 'cfs-client-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const socketPath = join(directory, 'admin.sock');
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      response.end(JSON.stringify({ connection: request.headers.connection }));
    });
  });
  t.after(() => server.close());
  await once(server.listen(socketPath), 'listening');
  const closed = once(server, 'connection').then(([socket]: unknown[]) =>
    once(socket as NodeJS.EventEmitter, 'close'),
  );
  const answer = await new AgentClient(socketPath).post('/x', {}, Buffer.alloc(3 << 20));
  assert.deepEqual(answer, { connection: 'keep-alive' });
  await closed;
});
