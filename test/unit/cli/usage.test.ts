/** What `cfs` says when it is called wrongly, when no agent answers, and what shells complete. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { cfs } from './fixtures';

const directory = mkdtempSync(join(tmpdir(), 'cfs-usage-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const SOCKET = join(directory, 'none.sock');

const wrongUsage: readonly [string, readonly string[], RegExp][] = [
  [
    'no agent is named',
    ['admin', 'meta', 'digest'],
    /which agent\? Give --config FILE or --socket PATH/,
  ],
  [
    'an unknown command',
    ['admin', 'meta', 'dumps'],
    /unknown command 'dumps'.*\n?.*Did you mean dump/s,
  ],
  ['an unknown option', ['admin', 'meta', 'dump', '--jso'], /unknown option '--jso'/],
  ['a missing argument', ['admin', 'meta', 'ls'], /missing required argument 'path'/],
  [
    'a relative path',
    ['admin', 'meta', 'ls', 'a/b', '--socket', SOCKET],
    /"a\/b": expected an absolute path such as \/a\/b/,
  ],
  [
    'a lookup of neither',
    ['admin', 'meta', 'lookup', 'x1', '--socket', SOCKET],
    /"x1": expected an inode number or an absolute path/,
  ],
  [
    'an LSN that is none',
    ['journal', 'tail', '--from', '0'],
    /Expected an LSN: a whole number from 1/,
  ],
  [
    'a shard that is none',
    ['journal', 'tail', '--shard', '4096'],
    /Expected a shard: .* 0 to 4095/,
  ],
  [
    'a file that is not there',
    ['journal', 'append', 'no.jsonl', '--socket', SOCKET],
    /no\.jsonl: no such file/,
  ],
  [
    'a directory for a file',
    ['journal', 'append', '.', '--socket', SOCKET],
    /expected a file of JSON Lines; cfs journal import takes directories/,
  ],
  [
    'a configuration that is not there',
    ['admin', 'meta', 'digest', '--config', 'no.yaml'],
    /no\.yaml: does not exist/,
  ],
  [
    'an unknown shell',
    ['completion', 'powershell'],
    /shell "powershell": expected bash, zsh, fish/,
  ],
  [
    'an interval that is too short',
    ['admin', 'replication', 'lag', '--interval-ms', '5'],
    /at least 100/,
  ],
  [
    'an anchor that is verified with nothing',
    ['admin', 'replication', 'audit', '--anchor', `7:${'ab'.repeat(32)}`],
    /expected --verify with them/,
  ],
  [
    'a part of a trail to verify',
    ['admin', 'replication', 'audit', '--verify', '--since', '2h'],
    /--verify: expected only --anchor and --directory with it/,
  ],
  [
    'a tail of nothing',
    ['admin', 'replication', 'audit', '--tail', '0'],
    /Expected a whole number from 1 to 100000/,
  ],
  [
    'a site that is none',
    ['admin', 'tls', 'init', '--dir', 'x', '--site', 'oslo'],
    /Expected ID or ID:HOST/,
  ],
];
for (const [what, args, message] of wrongUsage) {
  test(`${what}: exit status 2 and what was expected`, async () => {
    const run = await cfs(args, { cwd: directory });
    assert.equal(run.exitCode, 2, run.stderr);
    assert.match(run.stderr, message);
    assert.equal(run.stdout, '');
  });
}

test('a configuration that is wrong is named with its key', async () => {
  const file = join(directory, 'wrong.yaml');
  writeFileSync(file, 'site:\n  id: 70000\n');
  const run = await cfs(['admin', 'meta', 'digest'], { env: { CFS_CONFIG: file } });
  assert.equal(run.exitCode, 2);
  assert.match(run.stderr, /wrong\.yaml:2:\d+: site\.id: .*70000/);
});

test('no agent: exit status 3, where it was looked for, and what to do', async () => {
  const run = await cfs(['admin', 'meta', 'digest'], { env: { CFS_SOCKET: SOCKET } });
  assert.equal(run.exitCode, 3);
  assert.equal(
    run.stderr,
    `cfs: agent not reachable at ${SOCKET}: there is no such socket; ` +
      'is cfs-repl running with this configuration?\n',
  );
});

test('no agent, for programs: the same as JSON', async () => {
  const run = await cfs(['admin', 'meta', 'digest', '--json', '--socket', SOCKET]);
  assert.equal(run.exitCode, 3);
  const { error } = JSON.parse(run.stderr) as { error: { code: string; message: string } };
  assert.equal(error.code, 'CFS_UNREACHABLE');
  assert.match(error.message, /^agent not reachable at/);
});

test('something that is no agent is told from none', async (t) => {
  const path = join(directory, 'mute.sock');
  const server = createServer((socket) => socket.destroy()).listen(path);
  t.after(() => server.close());
  const run = await cfs(['admin', 'meta', 'digest', '--socket', path]);
  assert.equal(run.exitCode, 3);
  assert.match(run.stderr, /agent not reachable at .*mute\.sock: it closed the connection/);
});

test('help is not an error', async () => {
  const run = await cfs(['--help']);
  assert.equal(run.exitCode, 0);
  assert.match(run.stdout, /Exit status: 0 done, 1 the operation failed, 2 wrong usage/);
  assert.equal((await cfs(['admin', 'replication', 'gc', '--help'])).exitCode, 0);
});

test('the version is that of the package', async () => {
  assert.match((await cfs(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
});

for (const shell of ['bash', 'zsh', 'fish']) {
  test(`the completion script of ${shell} asks cfs`, async () => {
    const run = await cfs(['completion', shell]);
    assert.equal(run.exitCode, 0);
    assert.match(run.stdout, /cfs __complete -- /);
  });
}

const completed: readonly [readonly string[], readonly string[]][] = [
  [[''], ['admin', 'completion', 'help', 'journal']],
  [['j'], ['journal']],
  [
    ['admin', 'meta', ''],
    ['consistency-check', 'digest', 'dump', 'help', 'lookup', 'ls'],
  ],
  [
    ['admin', 'replication', 'gc', '--a'],
    ['--aggressive', '--audit-only'],
  ],
  [['admin', 'meta', 'ls', '/'], []],
];
for (const [words, expected] of completed) {
  test(`"cfs ${words.join(' ')}" completes to: ${expected.join(' ')}`, async () => {
    const run = await cfs(['__complete', '--', ...words]);
    const found = run.stdout.split('\n').filter((word) => word !== '');
    assert.deepEqual(
      found.filter((word) => word !== 'help'),
      expected.filter((word) => word !== 'help'),
    );
  });
}

/** Every command that does something, found as a shell finds them. */
async function leaves(path: readonly string[]): Promise<string[]> {
  const { stdout } = await cfs(['__complete', '--', ...path, '']);
  const names = stdout.split('\n').filter((name) => name !== '' && name !== 'help');
  if (names.length === 0) return [path.join(' ')];
  return (await Promise.all(names.map((name) => leaves([...path, name])))).flat();
}

test('docs/cli.md has an example of every command', async () => {
  const text = readFileSync(join(__dirname, '../../../../docs/cli.md'), 'utf8');
  const commands = await leaves([]);
  assert.ok(commands.length > 15);
  const missing = commands.filter((command) => !text.includes(`cfs ${command}`));
  assert.deepEqual(missing, []);
});
