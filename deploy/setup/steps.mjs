// The steps that make a bare clone runnable. Each returns a note for its line, and does nothing when
// what it makes is current.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

import { filesUnder, fingerprint, isCurrent, root, writeStamp } from './fingerprint.mjs';
import { run } from './report.mjs';

export { ensureSystemPackages } from './system-packages.mjs';

const NPM_STAMP = 'node_modules/.claudefs-repl-stamp';
const ADDON_STAMP = 'build/.addon-stamp';
const COMPILE_STAMP = 'dist/.compile-stamp';
const ADDON = 'build/Release/cfs_repl.node';

/** Installs exactly what package-lock.json says. */
export async function ensureNpmPackages() {
  const print = fingerprint(['package.json', 'package-lock.json', '.npmrc']);
  if (isCurrent(NPM_STAMP, print)) return 'current';
  await run('npm', ['ci', '--no-progress'], { cwd: root });
  writeStamp(NPM_STAMP, print);
  return 'installed';
}

/** Builds build/Release/cfs_repl.node with node-gyp. */
export async function ensureAddon() {
  const sources = filesUnder('native', (path) => /\.(cc|h)$/.test(path));
  const print = fingerprint(['binding.gyp', 'package-lock.json', ...sources], [process.version]);
  if (existsSync(join(root, ADDON)) && isCurrent(ADDON_STAMP, print)) return 'current';
  const args = [
    join('node_modules', 'node-gyp', 'bin', 'node-gyp.js'),
    'configure',
    'build',
    `--jobs=${availableParallelism()}`,
    ...nodeHeaders(),
  ];
  await run(process.execPath, args, { cwd: root });
  writeStamp(ADDON_STAMP, print);
  return 'built';
}

/** The headers beside the running node, where there are any, so that nothing is downloaded. */
function nodeHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

/** Compiles bindings, src, test, bench and the demo into dist/, which is also the type check. */
export async function ensureCompiled() {
  const sources = ['bindings', 'src', 'test', 'bench', 'deploy/demo'].flatMap((folder) =>
    filesUnder(folder, (path) => /\.m?ts$/.test(path)),
  );
  const print = fingerprint(['tsconfig.json', 'package-lock.json', ...sources]);
  if (isCurrent(COMPILE_STAMP, print)) return 'current';
  removeOrphans(sources);
  const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
  await run(process.execPath, [tsc, '--pretty', 'false'], { cwd: root });
  writeStamp(COMPILE_STAMP, print);
  return 'compiled';
}

/** Output of a source that was renamed or removed would still be run as a test. */
function removeOrphans(sources) {
  const expected = new Set(sources.map((path) => path.replace(/\.(m?)ts$/, '.$1js')));
  const dist = join(root, 'dist');
  if (!existsSync(dist)) return;
  for (const row of readdirSync(dist, { withFileTypes: true, recursive: true })) {
    const path = join(row.parentPath ?? row.path, row.name);
    const output = path.slice(dist.length + 1).replace(/(\.d)?\.(m?)(js|ts)(\.map)?$/, '.$2js');
    if (row.isFile() && /\.m?js$/.test(output) && !expected.has(output)) rmSync(path);
  }
}
