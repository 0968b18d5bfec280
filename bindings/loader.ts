/**
 * Finds the addon: what was built here (build/Release/cfs_repl.node, by `npm run build`), else the
 * prebuilt package of this platform, named as @napi-rs/cli names it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const ADDON_FILE = 'cfs_repl';

const load = createRequire(__filename);

/** The folder of the package's package.json, wherever this file was compiled to. */
function packageRoot(): string {
  let folder = __dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new Error(`no package.json in ${__dirname} or above: the installation is incomplete`);
    }
    folder = parent;
  }
  return folder;
}

/** Such as linux-x64-gnu. */
export function platformTriple(): string {
  const { platform, arch } = process;
  return platform === 'linux' ? `linux-${arch}-${linuxLibc()}` : `${platform}-${arch}`;
}

function linuxLibc(): 'gnu' | 'musl' {
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return report.header.glibcVersionRuntime === undefined ? 'musl' : 'gnu';
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND';
}

export function loadAddon(): unknown {
  const built = join(packageRoot(), 'build', 'Release', `${ADDON_FILE}.node`);
  if (existsSync(built)) return load(built) as unknown;
  const prebuilt = `claudefs-repl-${platformTriple()}`;
  try {
    return load(prebuilt) as unknown;
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new Error(
      `the native addon is neither built (${built}) nor installed (package ${prebuilt}): ` +
        'run npm run build',
      { cause: error },
    );
  }
}
