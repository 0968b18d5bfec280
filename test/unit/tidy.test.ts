/**
 * The rules of the house, kept by a test instead of by reviewers: which room may know which, how long
 * a file may be, what a file is called, what no file may say. Each failure names the file and the rule.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const root = join(__dirname, '../../..');
const NOT_OURS = new Set(['node_modules', 'dist', 'build', '.git']);
const LINES_MAX = 500;

const topLevel = new Set([
  ...['package.json', 'package-lock.json', 'tsconfig.json', 'binding.gyp', 'README.md'],
  ...['native', 'src', 'bindings', 'bench', 'test', 'docs', 'deploy', '.ci'],
  ...['.npmrc', '.gitignore', '.editorconfig', '.clang-format'],
  ...['.prettierrc.json', '.prettierignore', 'eslint.config.mjs'],
]);

/** Which stages of the core may include which; `engine` joins them all. */
const stages: Readonly<Record<string, readonly string[]>> = {
  base: [],
  checksum: ['base'],
  codec: ['base'],
  io: ['base'],
  frame: ['base', 'checksum', 'codec'],
  wal: ['base', 'checksum', 'io'],
  state: ['base', 'checksum', 'io'],
  fabric: ['base', 'checksum', 'codec', 'io'],
  engine: ['base', 'checksum', 'codec', 'io', 'frame', 'wal', 'state', 'fabric'],
};
const addonKnows = ['base', 'engine'];

/** Capabilities know these and themselves. */
const everyCapabilityKnows = ['bindings', 'config', 'telemetry'];
/** Rooms that differ. `top` is the files of src/ itself, which compose: they know all of them. */
const roomKnows: Readonly<Record<string, readonly string[]>> = {
  bindings: [],
  telemetry: ['bindings'],
  config: ['telemetry'],
  // It writes lines and judges them: what happens, it is told by others.
  audit: ['config'],
  // The admin API shows a node and what came of its work, and the CLI talks to that API, makes
  // certificates, and verifies an audit trail that no agent has open.
  admin: [...everyCapabilityKnows, 'audit', 'journal', 'security', 'top'],
  cli: [...everyCapabilityKnows, 'admin', 'audit', 'security', 'top'],
};

/** Names that end in Max and bound nothing: each says why it may live outside limits.h. */
const notLimits: Readonly<Record<string, string>> = {
  kLsnMax: 'how many bits a stamp keeps',
  kJoinedPayloadBytesMax: 'where one way of computing overtakes another',
  kListedLinksMax: 'where a list turns into a hash set',
  kSmallRecordBytesMax: 'where one way of writing overtakes another',
};

interface SourceFile {
  readonly path: string;
  readonly text: string;
}

const files: readonly SourceFile[] = readdirSync(root)
  .filter((name) => !NOT_OURS.has(name))
  .flatMap((name) => filesAt(name))
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
const written = files.filter(({ path }) => !path.includes('/generated/'));
const cpp = written.filter(({ path }) => /\.(cc|h)$/.test(path));
const typescript = written.filter(({ path }) => /\.m?ts$/.test(path));
const scripts = written.filter(({ path }) => path.endsWith('.mjs'));

/** The capabilities: folders of src/, which an import may name without a file. */
const folders = new Set(
  readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((row) => row.isDirectory())
    .map((row) => row.name),
);

function filesAt(path: string): string[] {
  const rows = readdirSync(join(root, dirname(path)), { withFileTypes: true });
  const row = rows.find(({ name }) => name === basename(path));
  if (row?.isDirectory() !== true) return row?.isFile() === true ? [path] : [];
  return readdirSync(join(root, path)).flatMap((name) => filesAt(`${path}/${name}`));
}

function holds(problems: readonly string[]): void {
  assert.deepEqual(problems, [], `\n${problems.join('\n')}\n`);
}

/** One problem for each match of `pattern`, as "path:line: what". */
function matches(group: readonly SourceFile[], pattern: RegExp, what: string): string[] {
  return group.flatMap(({ path, text }) =>
    [...text.matchAll(pattern)].map((match) => {
      const line = text.slice(0, match.index).split('\n').length;
      return `${path}:${line}: ${what}: ${match[0].trim()}`;
    }),
  );
}

test('the top level holds what it should and nothing else', () => {
  const names = readdirSync(root).filter((name) => !NOT_OURS.has(name));
  holds(names.filter((name) => !topLevel.has(name)).map((name) => `${name}: not at the top level`));
});

test('each stage of the core includes only the stages below it', () => {
  const problems = cpp.flatMap(({ path, text }) => {
    const [, stage] = /^native\/core\/(\w+)\//.exec(path) ?? [];
    if (stage === undefined) return [];
    const known = stages[stage];
    if (known === undefined) return [`${path}: no such stage: ${stage}`];
    return includesOf(text)
      .filter((room) => room !== stage && room !== 'schema' && !known.includes(room))
      .map((room) => `${path}: ${stage} must not include ${room}`);
  });
  holds(problems);
});

test('the core knows nothing of Node', () => {
  const core = cpp.filter(({ path }) => path.startsWith('native/core/'));
  holds(matches(core, /#include <(napi|node_api|node|v8|uv)\b.*/g, 'the core must not include'));
});

test('the addon includes only the engine and the base', () => {
  const problems = cpp
    .filter(({ path }) => path.startsWith('native/addon/'))
    .flatMap(({ path, text }) =>
      includesOf(text)
        .filter((room) => room !== 'addon' && !addonKnows.includes(room))
        .map((room) => `${path}: the addon must not include ${room}`),
    );
  holds(problems);
});

test('capabilities know bindings, config and telemetry, and not each other', () => {
  const problems = typescript.flatMap((file) => {
    const room = roomOf(file.path);
    if (room === undefined || room === 'top') return [];
    const known = roomKnows[room] ?? everyCapabilityKnows;
    return importsOf(file)
      .filter((other) => other !== room && !known.includes(other))
      .map((other) => `${file.path}: ${room} must not import ${other}`);
  });
  holds(problems);
});

test('nothing that ships imports tests or benchmarks', () => {
  const shipped = typescript.filter(({ path }) => roomOf(path) !== undefined);
  holds(matches(shipped, /from '(\.\.\/)+(test|bench|deploy)\/.*'/g, 'must not import'));
});

test('the addon is loaded in one place', () => {
  const others = typescript.filter(({ path }) => path !== 'bindings/loader.ts');
  holds(matches(others, /require\([^)]*\.node['"`]\)/g, 'only bindings/loader.ts loads'));
});

test('files are short enough to read', () => {
  const problems = [...cpp, ...typescript, ...scripts].flatMap(({ path, text }) => {
    const lines = text.split('\n').length - 1;
    return lines > LINES_MAX ? [`${path}: ${lines} lines, expected at most ${LINES_MAX}`] : [];
  });
  holds(problems);
});

test('TypeScript files are kebab-case, C++ files snake_case', () => {
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|config))?\.m?[jt]s$/;
  const snake = /^[a-z0-9]+(_[a-z0-9]+)*\.(cc|h)$/;
  holds(
    [...typescript, ...scripts, ...cpp]
      .filter(({ path }) => !(/\.(cc|h)$/.test(path) ? snake : kebab).test(basename(path)))
      .map(({ path }) => `${path}: not how files are called here`),
  );
});

test('header guards follow the path', () => {
  const problems = cpp.flatMap(({ path, text }) => {
    if (!path.startsWith('native/') || !path.endsWith('.h')) return [];
    const inside = path.replace(/^native\/(core\/)?/, '').toUpperCase();
    const guard = `CFS_REPL_${inside.replace(/[^A-Z0-9]/g, '_')}_`;
    return text.includes(`#ifndef ${guard}\n#define ${guard}\n`)
      ? []
      : [`${path}: expected ${guard}`];
  });
  holds(problems);
});

test('every maximum of the core is in limits.h', () => {
  const others = cpp.filter(
    ({ path }) => path.startsWith('native/') && path !== 'native/core/base/limits.h',
  );
  const problems = matches(
    others,
    /^(inline )?constexpr [\w:]+ k\w+Max\b/gm,
    'belongs in limits.h',
  );
  holds(problems.filter((problem) => !((/k\w+Max$/.exec(problem)?.[0] ?? '') in notLimits)));
});

test('nothing escapes the type checker or the linter', () => {
  const others = typescript.filter(({ path }) => path !== 'test/unit/tidy.test.ts');
  const any = /\bas any\b|[:<] ?any\b(?=[\s,;)>[\]|])/g;
  holds([
    ...matches(others, /@ts-(ignore|nocheck|expect-error)|eslint-disable/g, 'must not'),
    ...matches(others.map(withoutComments), any, 'must not'),
  ]);
});

test('nothing is left for later, and no test is left out', () => {
  const code = [...cpp, ...typescript, ...scripts].filter(
    ({ path }) => path !== 'test/unit/tidy.test.ts',
  );
  const tests = code.filter(({ path }) => path.startsWith('test/'));
  holds([
    ...matches(code, /\b(TODO|FIXME|XXX|HACK)\b.*/g, 'left for later'),
    ...matches(tests, /\b(test|it|describe)\.(only|skip|todo)\b|\bDISABLED_\w+/g, 'left out'),
  ]);
});

test('nothing names this machine, or a registry', () => {
  // Spelled so that this file does not find itself.
  const places = ['work', 'root', 'home'].map((name) => `(?<![\\w.}~-])/${name}/[\\w.-]`).join('|');
  const hosts = ['registry\\.npmjs', 'registry\\.yarnpkg', 'deb\\.debian', 'archive\\.ubuntu'];
  const text = files.filter(({ text: content }) => !content.includes('\0'));
  holds([
    ...matches(text, new RegExp(places, 'g'), 'a path of one machine'),
    ...matches(text, new RegExp(`(${hosts.join('|')})\\.(org|com)`, 'g'), 'a registry host'),
  ]);
});

/** The rooms that `#include "room/..."` lines name. */
function includesOf(text: string): string[] {
  return [...text.matchAll(/^#include "([^"/]+)\/[^"]+"/gm)].map((match) => match[1] ?? '');
}

/** The rooms that relative imports lead to, other than the file's own folder. */
function importsOf({ path, text }: SourceFile): string[] {
  return [...text.matchAll(/(?:from|import|require\(|import\()\s*'(\.[^']+)'/g)]
    .map((match) => relative(root, join(root, dirname(path), match[1] ?? '')))
    .map((target) => roomOf(target) ?? target);
}

/** "bindings", a capability of src/, "top" for src/ itself; undefined for what does not ship. */
function roomOf(path: string): string | undefined {
  const parts = path.split('/');
  if (parts[0] === 'bindings') return 'bindings';
  if (parts[0] !== 'src') return undefined;
  const [, second = ''] = parts;
  return parts.length > 2 || folders.has(second) ? second : 'top';
}

function withoutComments({ path, text }: SourceFile): SourceFile {
  const blank = (comment: string): string => comment.replace(/[^\n]/g, ' ');
  return { path, text: text.replace(/\/\*[^]*?\*\/|\/\/.*/g, blank) };
}
