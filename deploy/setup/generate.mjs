// `npm run generate` writes the code that flatc makes from native/schema/*.fbs; with --check it only
// compares what is committed with what flatc makes now. Generated code is committed so that building
// needs no flatc.
import { mkdtempSync, readFileSync, rmSync, cpSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { filesUnder, root } from './fingerprint.mjs';
import { printFailure, run, step, StepError } from './report.mjs';

// The compiler the committed code is from (Debian 12's); another version lays out other text.
const FLATC_VERSION = '2.0.8';

const SCHEMA_FOLDER = 'native/schema';
const CPP_FOLDER = 'native/schema/generated';
const TYPESCRIPT_FOLDER = 'bindings/generated';

// What TypeScript reads: control messages, and for tail the entries of frames that C++ has verified.
const TYPESCRIPT_SCHEMAS = ['control.fbs', 'entry.fbs', 'frame.fbs'];

/** Makes the code in a scratch folder, then compares it with the committed code or replaces that. */
export async function generate(check) {
  const version = (await run('flatc', ['--version'])).trim().split(' ').pop();
  if (version !== FLATC_VERSION) {
    if (check) return `not compared: flatc is ${version}, the code is from ${FLATC_VERSION}`;
    throw new StepError(`flatc is ${version}: expected ${FLATC_VERSION}, which Debian 12 has`);
  }
  const scratch = mkdtempSync(join(tmpdir(), 'cfs-repl-generate-'));
  try {
    const schemas = filesUnder(SCHEMA_FOLDER, (path) => path.endsWith('.fbs'));
    const forTypescript = TYPESCRIPT_SCHEMAS.map((name) => `${SCHEMA_FOLDER}/${name}`);
    const output = (folder) => join(scratch, folder);
    await run('flatc', ['--cpp', '--scoped-enums', '-o', output(CPP_FOLDER), ...schemas], {
      cwd: root,
    });
    await run('flatc', ['--ts', '-o', output(TYPESCRIPT_FOLDER), ...forTypescript], { cwd: root });
    return check ? compare(scratch) : replace(scratch);
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

function compare(scratch) {
  const stale = [];
  let count = 0;
  for (const folder of [CPP_FOLDER, TYPESCRIPT_FOLDER]) {
    const made = filesIn(join(scratch, folder));
    const committed = filesIn(join(root, folder));
    for (const path of new Set([...made.keys(), ...committed.keys()])) {
      count++;
      if (made.get(path) !== committed.get(path)) stale.push(`${folder}/${path}`);
    }
  }
  if (stale.length > 0) {
    throw new StepError(
      `not what flatc makes of native/schema; run npm run generate:\n${stale.join('\n')}`,
    );
  }
  return `${count} files`;
}

function replace(scratch) {
  for (const folder of [CPP_FOLDER, TYPESCRIPT_FOLDER]) {
    rmSync(join(root, folder), { recursive: true, force: true });
    cpSync(join(scratch, folder), join(root, folder), { recursive: true });
  }
  return 'written';
}

/** Path within `folder` -> content. */
function filesIn(folder) {
  const relative = filesUnder('', () => true, folder);
  return new Map(relative.map((path) => [path, readFileSync(join(folder, path), 'utf8')]));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  step('generated code', () => generate(process.argv.includes('--check'))).catch((error) => {
    printFailure(error);
    process.exitCode = 1;
  });
}
