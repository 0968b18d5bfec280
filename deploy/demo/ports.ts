/**
 * Ports of the loopback address for agents that are started later, and again: those that the kernel gives
 * to connections by itself (from 32768 on) may be taken in between. They come from a block that is this
 * process's for as long as it lives, as it listens on the first port of it.
 */
import { type Server, createServer } from 'node:net';

const FIRST_PORT = 10_000;
const BLOCKS = 200;
const BLOCK_PORTS = 100;

let block: Promise<number> | undefined;
let given = 0;

/** All different, and free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  block ??= claimBlock();
  const first = await block;
  const ports: number[] = [];
  for (let tries = 1; tries < BLOCK_PORTS && ports.length < count; tries++) {
    const port = first + 1 + (given++ % (BLOCK_PORTS - 1));
    const server = await listen(port);
    if (server === undefined) continue;
    await new Promise((resolve) => server.close(resolve));
    ports.push(port);
  }
  if (ports.length < count) throw new Error(`no ${count} free ports from ${first} on`);
  return ports;
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** The first port of a block that no other process has. */
async function claimBlock(): Promise<number> {
  for (let tries = 0; tries < BLOCKS; tries++) {
    const first = FIRST_PORT + ((process.pid + tries) % BLOCKS) * BLOCK_PORTS;
    const server = await listen(first);
    if (server === undefined) continue;
    server.unref();
    return first;
  }
  throw new Error(`something listens on every ${BLOCK_PORTS}th port from ${FIRST_PORT} on`);
}

/** Undefined if the port is taken. */
function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
