// `npm run format` rewrites every file in the project's style; with --check it only compares.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { filesUnder, root } from './fingerprint.mjs';
import { printFailure, run, step } from './report.mjs';

/** The C++ files people write; what flatc generates is left as it is. */
function cppFiles() {
  const isOurs = (path) => /\.(cc|h)$/.test(path) && !path.startsWith('native/schema/generated/');
  return ['native', 'test/native', 'bench/native'].flatMap((folder) => filesUnder(folder, isOurs));
}

export async function formatWithPrettier(check) {
  const prettier = join('node_modules', 'prettier', 'bin', 'prettier.cjs');
  const mode = check ? '--check' : '--write';
  const cache = ['--cache', '--cache-strategy', 'content', '--cache-location', 'build/prettier'];
  await run(process.execPath, [prettier, mode, '--log-level', 'warn', ...cache, '.'], {
    cwd: root,
  });
  return 'ok';
}

export async function formatWithClangFormat(check) {
  const files = cppFiles();
  const mode = check ? ['--dry-run', '-Werror'] : ['-i'];
  await run('clang-format', [...mode, ...files], { cwd: root });
  return `${files.length} files`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const check = process.argv.includes('--check');
  readFileSync(join(root, '.clang-format')); // a missing style file would silently mean LLVM's
  step('prettier', () => formatWithPrettier(check))
    .then(() => step('clang-format', () => formatWithClangFormat(check)))
    .catch((error) => {
      printFailure(error);
      process.exitCode = 1;
    });
}
