/** JSON Lines that are wrong, given to a real agent: straight to its admin API, and through `cfs`. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Agent, type Answer, Cluster } from './support/cluster';

const CLI = join(__dirname, '../../src/cli/main.js');
const MIB = 1024 * 1024;
const LINE_BYTES = 100 * MIB;
/** Of a process that reads a line of 100 MiB: enough for its buffers, far too little for the line. */
const MEMORY_BYTES_MAX = 48 * MIB;

const base64 = (bytes: Buffer): string => bytes.toString('base64');
const mkdir = (fields: object): string => JSON.stringify({ op: 'mkdir', ...fields });
const inRoot = (name: string): string => mkdir({ parent: '1', name });
const inRootBytes = (name: Buffer): string => mkdir({ parent: '1', name_base64: base64(name) });

const BAD_LINES: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ['a name ".."', inRoot('..'), /name: /],
  ['a name "."', inRoot('.'), /name: /],
  ['a name "/"', inRoot('/'), /name: /],
  ['a name with "/" in it', inRoot('a/b'), /name: /],
  ['an empty name', inRoot(''), /name: /],
  ['a name with NUL', inRoot('a\0b'), /name: /],
  ['a name of 256 bytes', inRoot('x'.repeat(256)), /name: /],
  ['a name of 128 letters and 256 bytes', inRoot('é'.repeat(128)), /name: /],
  ['".." as bytes', inRootBytes(Buffer.from('..')), /name_base64: /],
  ['"/" as bytes', inRootBytes(Buffer.from([0xff, 0x2f])), /name_base64: /],
  ['no bytes', inRootBytes(Buffer.alloc(0)), /name_base64: /],
  ['NUL as bytes', inRootBytes(Buffer.from([0xff, 0])), /name_base64: /],
  ['256 bytes as bytes', inRootBytes(Buffer.alloc(256, 0xff)), /name_base64: /],
  ['".." on the way', mkdir({ path: '/before/../x' }), /path: /],
  ['an empty component', mkdir({ path: '/before//x' }), /path: /],
  ['a component of 256 bytes', mkdir({ path: `/${'x'.repeat(256)}/y` }), /path: /],
  ['an empty path', mkdir({ path: '' }), /path: /],
  ['what is not base64', mkdir({ parent: '1', name_base64: '%' }), /name_base64: /],
  ['an unknown op', '{"op":"mknod","path":"/x"}', /op: expected one of create, /],
  ['an op that is no text', '{"op":7,"path":"/x"}', /op: /],
  ['type bits of another kind', mkdir({ path: '/x', mode: 0o100644 }), /mode: /],
  ['type bits of no kind', '{"op":"create","path":"/x","mode":61440}', /mode: /],
  ['a number below its range', '{"op":"create","path":"/x","uid":-1}', /uid: .*got -1/],
  ['a number above its range', '{"op":"create","path":"/x","uid":4294967296}', /uid: /],
  [
    'a number of 2^32 - 1 beyond its range',
    '{"op":"create","path":"/x","mode":4294967295}',
    /mode: /,
  ],
  ['a length of -1', '{"op":"truncate","path":"/before","size":-1}', /size: .*got -1/],
  ['a length of -1 as text', '{"op":"write","path":"/before","size":"-1"}', /size: /],
  ['a length that is no whole number', '{"op":"write","path":"/before","size":0.5}', /size: /],
  ['no length', '{"op":"truncate","path":"/before"}', /size: /],
  ['2^64', '{"op":"truncate","path":"/before","size":"18446744073709551616"}', /size: /],
  ['an inode 0', '{"op":"setattr","inode":0,"uid":1}', /inode: /],
  ['an inode that is not there', '{"op":"setattr","inode":"99999","uid":1}', /99999/],
  ['bad UTF-8', Buffer.from([0x22, 0xc3, 0x28, 0x22]), /expected UTF-8/],
  ['UTF-8 that is cut', Buffer.from([0x22, 0xe6, 0xbc]), /expected UTF-8/],
  ['half a surrogate pair', '{"op":"mkdir","path":"/\\ud800"}', /path: /],
  ['JSON that is cut', '{"op":"mkdir","path":"/x"', /not JSON/],
  ['JSON nested without end', '['.repeat(MIB / 2), /not JSON/],
  ['compressed JSON', gzipSync('x'.repeat(MIB)), /expected UTF-8|not JSON/],
  ['a frame of the journal', Buffer.from('CFRP\0\x01\xff\xff\xff\xff', 'latin1'), /expected UTF-8/],
  ['a field from nowhere', '{"op":"mkdir","path":"/x","__proto__":{}}', /__proto__: /],
  ['two objects', '{"op":"mkdir","path":"/x"}{}', /not JSON/],
  ['a list', '[]', /expected a JSON object/],
  ['null', 'null', /expected a JSON object/],
  ['NUL bytes', Buffer.alloc(8), /not JSON/],
  ['a line of more than 1 MiB', `"${'x'.repeat(MIB)}"`, /at most 1048576 bytes/],
];

interface Refusal {
  readonly error: { readonly code: string; readonly message: string; readonly line: number };
}

test(`${BAD_LINES.length} kinds of bad line: each is named with its number, and nothing is half applied`, async (t) => {
  const cluster = await Cluster.make(t, 1);
  const agent = await cluster.spawn(1);
  for (const [index, [what, bad, message]] of BAD_LINES.entries()) {
    const before = Buffer.from(`${mkdir({ path: `/before${index}` })}\n`);
    const after = Buffer.from(`\n${mkdir({ path: `/after${index}` })}\n`);
    const body = Buffer.concat([before, Buffer.from(bad), after]);
    const { status, text } = await send(agent, [body]);
    assert.ok(status >= 400 && status < 500, `${what}: status ${status}`);
    const { error } = JSON.parse(text) as Refusal;
    assert.equal(error.line, 2, what);
    assert.match(error.message, message, what);
    assert.match(error.code, /^CFS_[A-Z_]+$/, what);
  }
  const names = await agent.names();
  assert.deepEqual([...names].sort(), BAD_LINES.map((_, index) => `/before${index}`).sort());
  t.diagnostic(`${BAD_LINES.length} bad lines refused`);
});

/**
 * POSTs the parts as one body, with no length said beforehand. The agent may answer and hang up
 * before it has heard all; what that does to the rest of the body is no matter.
 */
function send(agent: Agent, parts: Iterable<Buffer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { socketPath: agent.socket, path: '/journal/append', method: 'POST' };
    const call = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on('error', reject);
    call.setMaxListeners(0);
    const sendAll = async (): Promise<void> => {
      for (const part of parts) {
        if (call.destroyed) return;
        if (!call.write(part)) await Promise.race([once(call, 'drain'), once(call, 'close')]);
      }
      call.end();
    };
    sendAll().catch(reject);
  });
}

/** A line of `lineBytes` between two good ones. */
function* hugeLine(lineBytes: number): Generator<Buffer> {
  const name = lineBytes / MIB;
  yield Buffer.from(`${mkdir({ path: `/before${name}` })}\n"`);
  const part = Buffer.alloc(64 * 1024, 'x');
  for (let bytes = 0; bytes < lineBytes; bytes += part.length) yield part;
  yield Buffer.from(`"\n${mkdir({ path: `/after${name}` })}\n`);
}

/** The most memory that a process has ever had; 0 when it is gone. */
function peakBytes(child: ChildProcess): number {
  const file = `/proc/${child.pid ?? 0}/status`;
  const status = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

test('a line of 100 MiB straight to the admin API: refused with its number, in bounded memory', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const agent = await cluster.spawn(1);
  const before = peakBytes(agent.child);
  const { status, text } = await send(agent, hugeLine(LINE_BYTES));
  const { error } = JSON.parse(text) as Refusal;
  assert.equal(status, 400);
  assert.equal(error.line, 2);
  assert.match(error.message, /at most 1048576 bytes/);
  const grownBytes = peakBytes(agent.child) - before;
  assert.ok(grownBytes < MEMORY_BYTES_MAX, `the agent took ${grownBytes} bytes more`);
  assert.deepEqual([...(await agent.names())], ['/before100']);
  t.diagnostic(`the agent took ${Math.round(grownBytes / MIB)} MiB more`);
});

interface CfsRun {
  readonly exitCode: number | null;
  readonly said: string;
  readonly peakBytes: number;
}

/** `cfs journal append` with a line of `lineBytes` on its standard input, between two good ones. */
async function appendThroughCfs(agent: Agent, lineBytes: number): Promise<CfsRun> {
  const args = [CLI, 'journal', 'append', '--socket', agent.socket];
  const cfs = spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  const ended = once(cfs, 'close');
  let said = '';
  let peak = 0;
  cfs.stderr.setEncoding('utf8').on('data', (part: string) => (said += part));
  cfs.stdin.on('error', () => undefined); // it may have seen enough
  cfs.stdin.setMaxListeners(0);
  for (const part of hugeLine(lineBytes)) {
    if (cfs.exitCode !== null || cfs.stdin.destroyed) break;
    if (!cfs.stdin.write(part)) {
      await Promise.race([once(cfs.stdin, 'drain'), once(cfs.stdin, 'close')]);
    }
    peak = Math.max(peak, peakBytes(cfs));
  }
  cfs.stdin.end();
  await ended;
  return { exitCode: cfs.exitCode, said, peakBytes: peak };
}

test('a line of 100 MiB through cfs journal append: refused with its number, in bounded memory', async (t) => {
  const cluster = await Cluster.make(t, 1);
  const agent = await cluster.spawn(1);
  const [small, before] = [await appendThroughCfs(agent, 4 * MIB), peakBytes(agent.child)];
  const huge = await appendThroughCfs(agent, LINE_BYTES);
  for (const { exitCode, said } of [small, huge]) {
    assert.equal(exitCode, 1);
    assert.match(said, /^line 2: expected a line of at most 1048576 bytes/m);
  }
  const [agentBytes, cfsBytes] = [
    peakBytes(agent.child) - before,
    huge.peakBytes - small.peakBytes,
  ];
  assert.ok(agentBytes < MEMORY_BYTES_MAX, `the agent took ${agentBytes} bytes more`);
  assert.ok(cfsBytes < MEMORY_BYTES_MAX, `cfs took ${cfsBytes} bytes more`);
  assert.deepEqual([...(await agent.names())].sort(), ['/before100', '/before4']);
  t.diagnostic(
    `the agent took ${Math.round(agentBytes / MIB)} MiB more, cfs ${Math.round(cfsBytes / MIB)} MiB`,
  );
});
