/** `cfs-repl` as a process: init, check, start, signals; and `cfs admin tls init`. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AgentClient } from '../../src/cli/agent-client';
import { until } from '../../deploy/demo/site';
import { cfs } from '../unit/cli/fixtures';

const DAEMON = join(__dirname, '../../src/daemon.js');
const CLI = join(__dirname, '../../src/cli/main.js');
const PATIENCE_MS = 60_000;
const directory = mkdtempSync(join(tmpdir(), 'cfs-daemon-'));
const config = join(directory, 'a', 'cfs-repl.yaml');
const socket = join(directory, 'a', 'data', 'admin.sock');
const running = new Set<ChildProcess>();

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

class Process {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  constructor(script: string, args: readonly string[]) {
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (part: Buffer) => (this.stdout += part.toString()));
    child.stderr.on('data', (part: Buffer) => (this.stderr += part.toString()));
    this.child = child;
    running.add(child);
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => {
        running.delete(child);
        resolve({ code, stdout: this.stdout, stderr: this.stderr });
      });
    });
  }
}

function daemon(...args: readonly string[]): Promise<Ended> {
  return new Process(DAEMON, args).ended;
}

async function start(): Promise<Process> {
  const agent = new Process(DAEMON, ['--config', config]);
  const client = new AgentClient(socket);
  await until('the agent answers', PATIENCE_MS, () =>
    client.text('GET', '/health').then(
      () => true,
      () => false,
    ),
  );
  return agent;
}

before(async () => {
  const dir = join(directory, 'a');
  const made = await daemon('init', '--dir', dir, '--listen', '127.0.0.1:0', '--http-port', '0');
  assert.equal(made.code, 0, made.stderr);
});

after(() => {
  for (const child of running) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

test('init with nothing but a directory makes a configuration that passes its check', async () => {
  const dir = join(directory, 'plain');
  const made = await daemon('init', '--dir', dir);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /Start the agent:\n {2}cfs-repl --config .*\/plain\/cfs-repl\.yaml\n/);
  const text = readFileSync(join(dir, 'cfs-repl.yaml'), 'utf8');
  assert.match(text, /^ {2}# port: 9500$/m);
  assert.equal(statSync(join(dir, 'tls', 'site-1.key')).mode & 0o777, 0o600);
  const checked = await daemon('check', '--config', join(dir, 'cfs-repl.yaml'));
  assert.equal(checked.code, 0, checked.stderr);
  assert.match(checked.stdout, /cfs-repl\.yaml: ok: site 1 \(site-1\), peers: none\n$/);
});

test('init does not replace a configuration unless it is told to, and keeps keys then', async () => {
  const dir = join(directory, 'twice');
  await daemon('init', '--dir', dir);
  const key = readFileSync(join(dir, 'tls', 'site-1.key'), 'utf8');
  const again = await daemon('init', '--dir', dir);
  assert.equal(again.code, 1);
  assert.match(
    again.stderr,
    /^cfs-repl: .*cfs-repl\.yaml: is there already; expected none, or --force/,
  );
  assert.equal((await daemon('init', '--dir', dir, '--force')).code, 0);
  assert.equal(readFileSync(join(dir, 'tls', 'site-1.key'), 'utf8'), key);
});

const wrongInits: readonly [readonly string[], RegExp][] = [
  [['--site-id', '0'], /Expected a whole number from 1 to 65535/],
  [['--listen', 'oslo'], /Expected HOST:PORT/],
  [['--peer', 'bergen'], /Expected ID:NAME or ID:NAME:HOST:PORT/],
  [['--name'], /argument missing/],
];
for (const [args, message] of wrongInits) {
  test(`init ${args.join(' ')} is refused with what was expected`, async () => {
    const refused = await daemon('init', '--dir', join(directory, 'wrong'), ...args);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, message);
    assert.equal(existsSync(join(directory, 'wrong')), false);
  });
}

test('what is wrong with a configuration is said line by line: exit status 2', async () => {
  const file = join(directory, 'wrong.yaml');
  writeFileSync(file, readFileSync(config, 'utf8').replace(/^ {2}id: 1$/m, '  id: none'));
  for (const args of [
    ['check', '--config', file],
    ['--config', file],
  ]) {
    const refused = await daemon(...args);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /^cfs-repl: .*wrong\.yaml:\d+:\d+: site\.id: "none"/);
  }
  assert.match((await daemon()).stderr, /no configuration: expected --config FILE/);
});

test('it starts, logs JSON, takes one data directory for itself, and stops in good order', async () => {
  const agent = await start();
  const second = await daemon('--config', config);
  assert.equal(second.code, 1);
  assert.match(second.stderr, /^cfs-repl: .*data/);
  agent.child.kill('SIGTERM');
  const { code, stdout, stderr } = await agent.ended;
  assert.equal(code, 0, stderr);
  const messages = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
  assert.equal(messages[0], 'starting');
  assert.ok(messages.includes('ready'));
  assert.equal(messages.at(-1), 'stopped');
  assert.equal(existsSync(socket), false);
});

test('a port that is taken is named with its key', async (t) => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const dir = join(directory, 'taken');
  await daemon('init', '--dir', dir, '--listen', `127.0.0.1:${port}`, '--http-port', '0');
  const refused = await daemon('--config', join(dir, 'cfs-repl.yaml'));
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /^cfs-repl: listen: cannot listen on 127\.0\.0\.1:\d+ \(EADDRINUSE\)/,
  );
});

test('a start after kill -9 takes over the socket it left', async () => {
  const agent = await start();
  agent.child.kill('SIGKILL');
  await agent.ended;
  assert.ok(existsSync(socket));
  const next = await start();
  next.child.kill('SIGINT');
  assert.equal((await next.ended).code, 0);
});

test('SIGHUP takes over live keys, and keeps the old ones when the file is wrong', async () => {
  const agent = await start();
  const text = readFileSync(config, 'utf8');
  const hangUp = async (content: string, expected: RegExp): Promise<void> => {
    writeFileSync(config, content);
    agent.child.kill('SIGHUP');
    await until(`the log says ${expected.source}`, PATIENCE_MS, () =>
      Promise.resolve(expected.test(agent.stdout)),
    );
  };
  try {
    await hangUp(
      `${text}\nnonsense: 1\n`,
      /"msg":"configuration not taken over; the old one stays"/,
    );
    await hangUp(
      text.replace('  # level: info', '  level: debug'),
      /"changed":\["log\.level"\],"msg":"took over/,
    );
  } finally {
    writeFileSync(config, text);
    agent.child.kill('SIGTERM');
    await agent.ended;
  }
});

test('--version of both programs is that of the package', async () => {
  const versions = await Promise.all([daemon('--version'), new Process(CLI, ['--version']).ended]);
  assert.match(versions[0].stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal(versions[0].stdout, versions[1].stdout);
});

test('cfs as a process: exit status, and a reader that has seen enough is no error', async () => {
  const unreachable = await new Process(CLI, ['admin', 'meta', 'digest', '--config', config]).ended;
  assert.equal(unreachable.code, 3);
  const help = new Process(CLI, ['admin', 'replication', '--help']);
  help.child.stdout?.destroy();
  assert.equal((await help.ended).code, 0);
});

const CLUSTER = '7d3c6a58-9a51-4a0e-8a54-1f1d2f0c9b11';

test('cfs admin tls init makes an authority and sites, and more sites later', async () => {
  const dir = join(directory, 'tls');
  const made = await cfs([
    ...['admin', 'tls', 'init', '--dir', dir, '--cluster', CLUSTER],
    ...['--site', '1:oslo.example.net,10.0.0.1', '--site', '2'],
  ]);
  assert.equal(made.exitCode, 0, made.stderr);
  assert.match(made.stdout, /^authority .*\/ca\.crt \(made\)$/m);
  assert.match(made.stdout, /^site 2 .*\/site-2\.crt, .*\/site-2\.key$/m);
  const more = await cfs(['admin', 'tls', 'init', '--dir', dir, '--site', '3', '--json']);
  const result = JSON.parse(more.stdout) as {
    cluster: string;
    authority: { made: boolean };
    sites: { id: number }[];
  };
  assert.equal(result.cluster, CLUSTER);
  assert.equal(result.authority.made, false);
  assert.deepEqual(
    result.sites.map(({ id }) => id),
    [3],
  );
});

test('cfs admin tls init replaces nothing unless it is told to', async () => {
  const dir = join(directory, 'tls-twice');
  const line = ['admin', 'tls', 'init', '--dir', dir, '--cluster', CLUSTER, '--site', '1'];
  assert.equal((await cfs(line)).exitCode, 0);
  const again = await cfs(line);
  assert.equal(again.exitCode, 1);
  assert.match(
    again.stderr,
    /^cfs: .*site-1\.crt.*: there already: expected none, or --force.*\n$/,
  );
  assert.equal((await cfs([...line, '--force'])).exitCode, 0);
});
