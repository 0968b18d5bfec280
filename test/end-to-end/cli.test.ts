/** Every command of `cfs` in both forms, against two real agents that `cfs-repl init` configured. */
import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { freePorts } from '../../deploy/demo/ports';
import { Site, until } from '../../deploy/demo/site';
import { cfs, type Run, type RunOptions } from '../unit/cli/fixtures';
import { schemaFaults } from './cli-openapi';

const PATIENCE_MS = 60_000;
const directory = mkdtempSync(join(tmpdir(), 'cfs-cli-'));
const sites: Site[] = [];

before(async () => {
  const ports = await freePorts(2);
  const plans = ['oslo', 'bergen'].map((name, index) => ({
    id: index + 1,
    name,
    port: ports[index] ?? 0,
    directory: join(directory, name),
    tlsDirectory: join(directory, 'tls'),
  }));
  for (const plan of plans) {
    const peers = plans.filter(({ id }) => id !== plan.id);
    sites.push(await Site.init({ ...plan, peers }));
  }
  await Promise.all(sites.map((site) => site.start()));
  await until('oslo and bergen are connected', PATIENCE_MS, async () => {
    const health = await cfs(['admin', 'replication', 'health', '--config', configOf(0)]);
    return health.exitCode === 0;
  });
});

after(async () => {
  await Promise.all(sites.map((site) => site.stop()));
  rmSync(directory, { recursive: true, force: true });
});

function configOf(index: number): string {
  return sites[index]?.configFile ?? '';
}

/** `cfs` for oslo, unless told otherwise; words are split at spaces. */
function run(line: string, options: RunOptions = {}, site = 0): Promise<Run> {
  return cfs([...line.split(' '), '--config', configOf(site)], { cwd: directory, ...options });
}

async function succeeds(line: string, options: RunOptions = {}, site = 0): Promise<string> {
  const { exitCode, stdout, stderr } = await run(line, options, site);
  assert.equal(exitCode, 0, `${line}: ${stderr}`);
  assert.equal(stderr, '');
  return stdout;
}

function lines(objects: readonly object[]): string {
  return objects.map((object) => `${JSON.stringify(object)}\n`).join('');
}

async function replicated(): Promise<void> {
  await until('both have everything', PATIENCE_MS, async () => {
    const both = await Promise.all(sites.map((site) => site.isReplicated()));
    return both.every(Boolean);
  });
}

const NOT_UTF8 = Buffer.from([0xff, 0xfe, 0x20]);
const ALL_TWELVE = [
  { op: 'mkdir', path: '/a', mode: 0o750, uid: 10, gid: 20, mtime_ns: '1700000000000000001' },
  { op: 'create', path: '/a/f', mode: 0o100644, size: '7', mtime_ns: '1700000000000000002' },
  { op: 'symlink', path: '/a/s', target: 'f' },
  { op: 'link', path: '/a/l', target_path: '/a/f' },
  { op: 'create', path: '/a/gone' },
  { op: 'unlink', path: '/a/gone' },
  { op: 'mkdir', path: '/empty' },
  { op: 'rmdir', path: '/empty' },
  { op: 'create', path: '/a/old' },
  { op: 'rename', path: '/a/old', new_path: '/a/new' },
  { op: 'write', path: '/a/f', size: 4096, extent_ref: '9', mtime_ns: '1700000000000000003' },
  { op: 'truncate', path: '/a/new', size: 0 },
  { op: 'setattr', path: '/a/f', mode: 0o600, uid: 1 },
  { op: 'setxattr', path: '/a/f', key: 'user.tag', value_base64: 'YmxhdWU=' },
  { op: 'setxattr', path: '/a/f', key: 'user.gone', value_base64: '' },
  { op: 'removexattr', path: '/a/f', key: 'user.gone' },
  { op: 'create', path_base64: Buffer.concat([Buffer.from('/a/'), NOT_UTF8]).toString('base64') },
];

test('append takes all twelve operations from standard input', async () => {
  const out = await succeeds('journal append', { input: lines(ALL_TWELVE) });
  assert.equal(out, `appended ${ALL_TWELVE.length} entries (LSN 1 to ${ALL_TWELVE.length})\n`);
});

test('append takes a file, and its result as JSON', async () => {
  writeFileSync(join(directory, 'one.jsonl'), '\n{"op":"mkdir","path":"/b"}\r\n\n');
  const out = await succeeds('journal append one.jsonl --json');
  const lsn = String(ALL_TWELVE.length + 1);
  assert.deepEqual(JSON.parse(out), {
    appended: 1,
    duplicates: 0,
    unchanged: 0,
    refused: 0,
    first_lsn: lsn,
    last_lsn: lsn,
    errors: [],
  });
});

test('the other site shows the same tree, name by name, bytes and all', async () => {
  await replicated();
  const dumps = await Promise.all(
    [0, 1].map((site) => succeeds('admin meta dump --json', {}, site)),
  );
  assert.equal(dumps[0], dumps[1]);
  const rows = (dumps[0] ?? '')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    rows.map((row) => row['path'] ?? row['path_base64']),
    ['/a', '/a/f', '/a/l', '/a/new', '/a/s', 'L2Ev//4g', '/b'],
  );
  const { inode, ...file } = rows[1] ?? {};
  assert.deepEqual(file, {
    path: '/a/f',
    kind: 'file',
    mode: 0o100600,
    uid: 1,
    gid: 0,
    size: '4096',
    mtime_ns: '1700000000000000003',
    nlink: 2,
    target: null,
    xattrs: [{ key: 'user.tag', value_base64: 'YmxhdWU=' }],
  });
  assert.equal(rows[2]?.['inode'], inode);
  assert.equal(rows[4]?.['target'], 'f');
  assert.deepEqual(
    Object.keys(rows[0] ?? {}).join(' '),
    'path kind inode mode uid gid size mtime_ns nlink target xattrs',
  );
});

/** A command, what its lines for people look like, and the schema of its JSON. */
const COMMANDS: readonly [string, readonly RegExp[], string][] = [
  [
    'admin replication status',
    [
      /^site +1 \(oslo\)$/m,
      /^health +HEALTHY$/m,
      /^journal +running, LSN 18, /m,
      /^2 \(bergen\) +connected /m,
    ],
    'Status',
  ],
  [
    'admin replication status --detailed',
    [
      /^cluster +claudefs [0-9a-f-]{36}$/m,
      /^last error +/m,
      /^compression +/m,
      /^clock skew +[+-]/m,
    ],
    'Status',
  ],
  [
    'admin replication lag',
    [/^PEER +STATE +LAG +BEHIND/m, /^2 \(bergen\) +connected +0 ms +0 +18 +18$/m],
    'Lag',
  ],
  ['admin replication health', [/^site 1 \(oslo\): HEALTHY\n$/], 'Health'],
  [
    'admin replication health --detailed',
    [/^journal +HEALTHY +durable/m, /^bergen +HEALTHY/m],
    'Health',
  ],
  [
    'admin replication cursor status',
    [/^1 \(this site\) +1 +\d+ +18 /m, /^2 \(bergen\) +1 +\d+ +18 /m],
    'Cursors',
  ],
  [
    'admin replication journal-status',
    [/^LSN +18, durable 18$/m, /^segments +/m, /^checkpoint +/m],
    'Journal',
  ],
  ['admin replication gc --audit-only', [/^would delete 0 segments, 0 B/], 'Collected'],
  ['admin replication gc --aggressive', [/^deleted \d+ segments?, /], 'Collected'],
  [
    'admin meta lookup /a/f',
    [/^kind +file$/m, /^mode +-rw------- \(0600\)$/m, /^path +\/a\/f$/m, /^path +\/a\/l$/m],
    'Inode',
  ],
  ['admin meta lookup /a/f --detailed', [/^xattr user\.tag +blaue$/m, /^extent ref +9$/m], 'Inode'],
  ['admin meta lookup 1', [/^inode +1$/m, /^kind +directory$/m], 'Inode'],
  ['admin meta lookup --base64 L2Ev//4g', [/^path +\/a\/\\xff\\xfe\\x20$/m], 'Inode'],
  ['admin meta digest', [/^digest +[0-9a-f]{16}\ninodes +7\nnames +7\n$/], 'Digest'],
  ['admin tls status', [/^authority +20\d\d-\d\d-\d\d +\d+ .* ok$/m, /^site 1 +.* ok$/m], 'Tls'],
];
for (const [line, human, schema] of COMMANDS) {
  test(`cfs ${line}`, async () => {
    const out = await succeeds(line);
    for (const pattern of human) assert.match(out, pattern);
    for (const row of out.split('\n')) assert.equal(row, row.trimEnd());
    const json = await succeeds(`${line} --json`);
    assert.equal(json.trimEnd().split('\n').length, 1);
    assert.deepEqual(schemaFaults(JSON.parse(json), schema), []);
  });
}

/** The same for commands that list: JSON is one object a line. */
const LISTS: readonly [string, number, readonly RegExp[], string][] = [
  [
    'admin meta dump',
    7,
    [/^drwxr-x--- +2 +10 +20 +0 2023-11-14 22:13:20Z \/a$/m, / \/a\/s -> f$/m],
    'Path',
  ],
  ['admin meta ls /a', 5, [/ l$/m, / s -> f$/m, / \\xff\\xfe\\x20$/m], 'Name'],
  ['admin meta ls /b', 0, [/^$/], 'Name'],
  ['admin meta ls --base64 L2E=', 5, [/ new$/m], 'Name'],
];
for (const [line, count, human, schema] of LISTS) {
  test(`cfs ${line}`, async () => {
    const out = await succeeds(line);
    for (const pattern of human) assert.match(out, pattern);
    assert.equal(out.split('\n').length - 1, count);
    const rows = (await succeeds(`${line} --json`)).split('\n').filter((row) => row !== '');
    assert.equal(rows.length, count);
    for (const row of rows) assert.deepEqual(schemaFaults(JSON.parse(row), schema), []);
  });
}

test('cfs admin replication metrics', async () => {
  const text = await succeeds('admin replication metrics');
  assert.match(text, /^# TYPE claudefs_replication_lag_ms gauge$/m);
  const rows = (await succeeds('admin replication metrics --json')).trimEnd().split('\n');
  const metrics = rows.map((row) => JSON.parse(row) as { name: string; value: number });
  assert.equal(metrics.find(({ name }) => name === 'claudefs_replication_last_lsn')?.value, 18);
  const summary = await succeeds('admin replication metrics summary');
  assert.match(summary, /^METRIC +OF +VALUE$/m);
  assert.match(summary, /^last_lsn +18$/m);
  assert.match(await succeeds('admin replication metrics summary --json'), /^\{"name":/);
});

test('cfs journal tail', async () => {
  const out = await succeeds('journal tail');
  assert.match(out, /^ +1 20\d\d-.*Z mkdir +\d+ 1\/a mode=040750 uid=10 gid=20 /);
  assert.equal(out.trimEnd().split('\n').length, 18);
  const rows = (await succeeds('journal tail --from 17 --json')).trimEnd().split('\n');
  const entries = rows.map((row) => JSON.parse(row) as Record<string, unknown>);
  assert.deepEqual(
    entries.map((entry) => [entry['lsn'], entry['op'], entry['name'] ?? entry['name_base64']]),
    [
      ['17', 'create', '//4g'],
      ['18', 'mkdir', 'b'],
    ],
  );
  const shard = Number(entries[1]?.['shard']);
  const ofShard = await succeeds(`journal tail --shard ${shard} --json`);
  for (const row of ofShard.trimEnd().split('\n')) {
    assert.equal((JSON.parse(row) as { shard: number }).shard, shard);
  }
  assert.equal(await succeeds('journal tail --from 19'), '');
});

test('a tail that follows shows what comes, and ends in good order', async () => {
  const interrupt = new AbortController();
  const following = run('journal tail --from 19 --follow --json', {
    interrupted: interrupt.signal,
    onOutput: (text) => {
      if (text.includes('"name":"followed"')) interrupt.abort();
    },
  });
  await succeeds('journal append', { input: '{"op":"mkdir","path":"/followed"}\n' });
  const { exitCode, stdout } = await following;
  assert.equal(exitCode, 0);
  assert.equal((JSON.parse(stdout) as { lsn: string }).lsn, '19');
});

test('lag is watched until it is interrupted', async () => {
  const interrupt = new AbortController();
  const { exitCode, stdout } = await run('admin replication lag --watch --interval-ms 100 --json', {
    interrupted: interrupt.signal,
    onOutput: (text) => {
      if (text.split('\n').length > 2) interrupt.abort();
    },
  });
  assert.equal(exitCode, 0);
  const rows = stdout.trimEnd().split('\n');
  assert.ok(rows.length >= 2);
  for (const row of rows) assert.deepEqual(schemaFaults(JSON.parse(row), 'Lag'), []);
});

test('colours are for terminals that want them', async () => {
  const painted = await succeeds('admin replication health', { tty: true });
  assert.ok(painted.includes('\u001b[32mHEALTHY\u001b[0m'));
  const plain = await succeeds('admin replication health', { tty: true, env: { NO_COLOR: '1' } });
  assert.equal(plain, 'site 1 (oslo): HEALTHY\n');
});

test('import shows its progress and tells what it took', async () => {
  const tree = join(directory, 'tree');
  mkdirSync(join(tree, 'sub'), { recursive: true });
  writeFileSync(join(tree, 'sub', 'file'), 'twelve bytes');
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), NOT_UTF8]), '');
  linkSync(join(tree, 'sub', 'file'), join(tree, 'twin'));
  symlinkSync('sub/file', join(tree, 'soft'));
  const first = await run('journal import tree --into /in/side --progress');
  assert.equal(first.exitCode, 0, first.stderr);
  assert.match(first.stderr, /^importing: [\d,]+ of [\d,]+ names, /);
  assert.match(
    first.stdout,
    /^imported 7 names in .*: 3 directories, 2 files of 12 B, 1 symlink, 1 hard link, /,
  );
  assert.match(await succeeds('admin meta lookup /in/side/twin'), /^links +2$/m);
  const again = JSON.parse(await succeeds('journal import tree --into /in/side --json')) as Record<
    string,
    unknown
  >;
  assert.deepEqual(schemaFaults({ result: again }, 'ImportLine'), []);
  assert.equal(again['entries'], 0);
  await replicated();
  assert.match(await succeeds('admin meta ls /in/side', {}, 1), / \\xff\\xfe\\x20$/m);
});

/** A command that fails: its exit status and what it says. */
const FAILURES: readonly [string, RegExp][] = [
  ['admin meta lookup /nowhere/at/all', /\(CFS_NOT_FOUND\)\n$/],
  ['admin meta lookup 123456789', /\(CFS_NOT_FOUND\)\n$/],
  ['admin meta lookup /a/f/x', /\(CFS_NOT_DIRECTORY\)\n$/],
  ['admin meta ls /a/f', /\(CFS_NOT_DIRECTORY\)\n$/],
  ['admin meta ls /nowhere', /\(CFS_NOT_FOUND\)\n$/],
  ['journal import one.jsonl', /one\.jsonl: expected a directory on the agent's machine/],
  ['journal import nowhere', /nowhere: expected a directory on the agent's machine/],
];
for (const [line, message] of FAILURES) {
  test(`cfs ${line} fails in one line`, async () => {
    const failed = await run(line);
    assert.equal(failed.exitCode, 1, failed.stderr);
    assert.match(failed.stderr, message);
    assert.match(failed.stderr, /^cfs: .*\n$/);
    assert.equal(failed.stdout, '');
    const { stderr } = await run(`${line} --json`);
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } };
    assert.match(error.code, /^CFS_/);
  });
}

/** A line of input that is refused, in the middle of two that are good. */
const BAD_LINES: readonly [string, string | Buffer, RegExp][] = [
  ['not JSON', '{"op":', /^line 2: not JSON: /],
  ['not an object', '[1]', /^line 2: .*expected a JSON object/],
  ['an unknown operation', '{"op":"chown","path":"/x"}', /^line 2: op: expected one of create, /],
  ['an unknown field', '{"op":"mkdir","path":"/x","mod":1}', /^line 2: mod: .*did you mean "mode"/],
  ['a relative path', '{"op":"mkdir","path":"x"}', /^line 2: path: expected an absolute path/],
  ['a name that is none', '{"op":"mkdir","path":"/x/../y"}', /^line 2: path: /],
  ['a parent that is not there', '{"op":"mkdir","path":"/no/x"}', /^line 2: .*\(CFS_NOT_FOUND\)$/m],
  ['a name that is taken', '{"op":"mkdir","path":"/a"}', /^line 2: .*\(CFS_EXISTS\)$/m],
  ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), /^line 2: .*UTF-8/],
  [
    'a line of three megabytes',
    `"${'x'.repeat(3 << 20)}"`,
    /^line 2: expected a line of at most 1048576 bytes/,
  ],
];
BAD_LINES.forEach(([what, bad, message], index) => {
  test(`append stops at ${what}, with its number, and nothing of it is applied`, async () => {
    const good = (name: string): Buffer =>
      Buffer.from(`{"op":"mkdir","path":"/bad-${index}-${name}"}\n`);
    const input = Buffer.concat([
      good('before'),
      Buffer.from(bad),
      Buffer.from('\n'),
      good('after'),
    ]);
    const stopped = await run('journal append', { input });
    assert.equal(stopped.exitCode, 1, stopped.stderr);
    assert.match(stopped.stderr, message);
    assert.match(stopped.stdout, /^appended 1 entry .*, 1 refused\n$/);
    await succeeds(`admin meta lookup /bad-${index}-before`);
    assert.equal((await run(`admin meta lookup /bad-${index}-after`)).exitCode, 1);
    const goesOn = Buffer.concat([Buffer.from(bad), Buffer.from('\n'), good('after')]);
    const kept = await run('journal append --keep-going --json', { input: goesOn });
    assert.equal(kept.exitCode, 1, kept.stderr);
    const result = JSON.parse(kept.stdout) as { appended: number; errors: { line: number }[] };
    assert.equal(result.appended, 1);
    assert.deepEqual(
      result.errors.map(({ line }) => line),
      [1],
    );
  });
});

test('many batches keep one count of lines', async () => {
  const input = Array.from({ length: 30_000 }, (_, index) =>
    index === 29_990
      ? 'nonsense\n'
      : `{"op":"create","path":"/b/${index}","mode":420,"mtime_ns":"1700000000000000000"}\n`,
  ).join('');
  const failed = await run('journal append', { input });
  assert.equal(failed.exitCode, 1);
  assert.match(failed.stderr, /^line 29991: not JSON/);
  assert.match(failed.stdout, /^appended 29,990 entries /);
});

test('a long dump and a long list come whole and equal from both sites', async () => {
  await replicated();
  const dumps = await Promise.all(
    [0, 1].map((site) => succeeds('admin meta dump --json', {}, site)),
  );
  assert.equal(dumps[0], dumps[1]);
  assert.ok((dumps[0] ?? '').split('\n').length > 30_000);
  const names = (await succeeds('admin meta ls /b --json')).trimEnd().split('\n');
  assert.equal(names.length, 29_990);
  const digests = await Promise.all([0, 1].map((site) => succeeds('admin meta digest', {}, site)));
  assert.equal(digests[0], digests[1]);
});

test('a peer that is gone makes health DEGRADED: exit status 4', async () => {
  await sites[1]?.kill();
  await until(
    'oslo notices',
    PATIENCE_MS,
    async () => (await run('admin replication health')).exitCode !== 0,
  );
  const health = await run('admin replication health');
  assert.equal(health.exitCode, 4);
  assert.match(health.stdout, /^site 1 \(oslo\): DEGRADED$/m);
  assert.match(health.stdout, /^bergen +DOWN +no connection/m);
});

test('an agent that is gone: exit status 3; its certificates can be looked at all the same', async () => {
  const gone = await run('admin replication status', {}, 1);
  assert.equal(gone.exitCode, 3);
  assert.match(
    gone.stderr,
    /^cfs: agent not reachable at .*admin\.sock: nobody answers on the socket; start cfs-repl\n$/,
  );
  assert.match(await succeeds('admin tls status', {}, 1), /^site 2 .* ok$/m);
  const soon = await run('admin tls status --warn-days 2000', {}, 1);
  assert.equal(soon.exitCode, 4);
  assert.match(soon.stdout, /expires in 82\d days: expected 2000 or more/);
});
