/** A request body waits in memory for its reader, but only so much of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BodyStream } from '../../../src/admin/body-stream';

const CHUNK_BYTES = 1024 * 1024;

class Socket {
  paused = false;
  readonly body = new BodyStream({
    pause: () => (this.paused = true),
    resume: () => (this.paused = false),
  });

  /** As the server does: the chunk is reused right after. */
  receive(text: string | number, isLast = false): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : Buffer.alloc(text, 'x');
    const shared = new Uint8Array(bytes).buffer;
    this.body.push(shared, isLast);
    new Uint8Array(shared).fill(0);
  }
}

async function readAll(body: BodyStream): Promise<string> {
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  return text;
}

test('chunks come in order, copied, whether they were there before or come later', async () => {
  const socket = new Socket();
  socket.receive('one ');
  const text = readAll(socket.body);
  await new Promise(setImmediate);
  socket.receive('two ');
  socket.receive('three', true);
  assert.equal(await text, 'one two three');
  assert.ok(socket.body.complete);
});

test('an empty body ends at once', async () => {
  const socket = new Socket();
  socket.receive('', true);
  assert.equal(await readAll(socket.body), '');
});

test('a slow reader pauses the socket, and reading resumes it', async () => {
  const socket = new Socket();
  for (let count = 0; count < 4; count++) socket.receive(CHUNK_BYTES);
  assert.equal(socket.paused, false);
  socket.receive(CHUNK_BYTES);
  assert.equal(socket.paused, true);
  const iterator = socket.body[Symbol.asyncIterator]();
  for (let count = 0; count < 2; count++) await iterator.next();
  assert.equal(socket.paused, true);
  await iterator.next();
  assert.equal(socket.paused, false);
});

test('what nobody wants any more is dropped, and the socket goes on', async () => {
  const socket = new Socket();
  for (let count = 0; count < 5; count++) socket.receive(CHUNK_BYTES);
  const discarded = socket.body.discard();
  assert.equal(socket.paused, false);
  socket.receive('late', true);
  await discarded;
  assert.equal(await readAll(socket.body), '');
});

test('a sender is waited for as long as 64 MiB more at most', async () => {
  const socket = new Socket();
  let given = false;
  const discarded = socket.body.discard().then(() => (given = true));
  for (let count = 0; count < 64; count++) socket.receive(CHUNK_BYTES);
  await new Promise(setImmediate);
  assert.equal(given, false);
  socket.receive(1);
  await discarded;
  assert.equal(socket.body.complete, false);
});

test('a client that is gone is not waited for', async () => {
  const socket = new Socket();
  const discarded = socket.body.discard();
  socket.body.fail(new Error('gone'));
  await discarded;
});

test('a reader of a client that is gone gets the error', async () => {
  const socket = new Socket();
  const text = readAll(socket.body);
  await new Promise(setImmediate);
  socket.body.fail(new Error('gone'));
  await assert.rejects(text, /gone/);
});
