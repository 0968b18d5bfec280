// The compiler and libraries that come from the distribution. Each is probed by what it is needed
// for (a header the compiler finds, a command on the path), so any way of installing it counts.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

import { run, StepError } from './report.mjs';

const FOR_BUILD = [
  { packages: ['build-essential'], commands: ['g++', 'make'] },
  { packages: ['python3'], commands: ['python3'] },
  { packages: ['liburing-dev'], header: 'liburing.h' },
  { packages: ['libisal-dev'], header: 'isa-l/crc.h' },
  { packages: ['liblz4-dev'], header: 'lz4.h' },
  { packages: ['libzstd-dev'], header: 'zstd.h' },
  { packages: ['libxxhash-dev'], header: 'xxhash.h' },
  { packages: ['libabsl-dev'], header: 'absl/container/btree_set.h' },
  { packages: ['libflatbuffers-dev'], header: 'flatbuffers/flatbuffers.h' },
  // Debian 12's default Boost (1.74) is older than the flat hash map; its 1.81 lies beside it.
  {
    packages: ['libboost-dev'],
    onDebian12: ['libboost1.81-dev'],
    header: 'boost/unordered/unordered_flat_map.hpp',
  },
];

const FOR_TEST = [
  { packages: ['libgtest-dev'], header: 'gtest/gtest.h' },
  { packages: ['cmake'], commands: ['cmake'] },
  { packages: ['clang'], commands: ['clang++'] },
  { packages: ['clang-format'], commands: ['clang-format'] },
  { packages: ['flatbuffers-compiler'], commands: ['flatc'] },
  { packages: ['faketime'], commands: ['faketime'] },
  // Debian keeps clang's sanitizer and fuzzer runtimes apart from clang itself.
  {
    packages: ['libclang-rt-14-dev'],
    clangFile: `libclang_rt.fuzzer-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.a`,
  },
];

/** Checks for what `profile` ("build" or "test") needs and installs what is missing, when it may. */
export async function ensureSystemPackages(profile) {
  const needs = profile === 'test' ? [...FOR_BUILD, ...FOR_TEST] : FOR_BUILD;
  const missing = findMissing(needs);
  if (missing.length === 0) return 'current';

  const system = readOsRelease();
  const debian12 = system.ID === 'debian' && system.VERSION_ID === '12';
  const packages = missing.flatMap((need) => (debian12 && need.onDebian12) || need.packages);
  const prefix = installPrefix(system, packages);
  await install(prefix, packages);

  const still = findMissing(needs);
  if (still.length > 0) {
    const names = still.flatMap((need) => need.packages).join(' ');
    throw new StepError(`still not usable after apt-get install: ${names}`);
  }
  return `installed ${packages.join(' ')}`;
}

function findMissing(needs) {
  const headers = needs.filter((need) => need.header);
  const found = presentHeaders(headers.map((need) => need.header));
  return needs.filter((need) => {
    if (need.header) return !found.has(need.header);
    if (need.commands) return !need.commands.every(onPath);
    return !clangFinds(need.clangFile);
  });
}

/** One run of the preprocessor answers for all headers. */
function presentHeaders(headers) {
  const source = headers.map((h) => `#if __has_include(<${h}>)\nfound ${h}\n#endif\n`).join('');
  const result = spawnSync('g++', ['-E', '-P', '-x', 'c++', '-'], { input: source });
  if (result.status !== 0) return new Set();
  const lines = result.stdout.toString().split('\n');
  return new Set(headers.filter((h) => lines.includes(`found ${h}`)));
}

function onPath(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

/** clang prints the full path of a file of its own, and just the name of one it does not have. */
function clangFinds(file) {
  const result = spawnSync('clang++', [`-print-file-name=${file}`]);
  return result.status === 0 && result.stdout.toString().trim() !== file;
}

function readOsRelease() {
  try {
    const rows = readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm);
    return Object.fromEntries([...rows].map(([, key, value]) => [key, value]));
  } catch {
    return {};
  }
}

/** [] for root, ['sudo', '-n'] with passwordless sudo; otherwise says what to type. */
function installPrefix(system, packages) {
  const family = `${system.ID ?? ''} ${system.ID_LIKE ?? ''}`.split(' ');
  if (!family.includes('debian')) {
    throw new StepError(
      `missing, by their Debian names: ${packages.join(' ')}\n` +
        `This is ${system.PRETTY_NAME ?? process.platform}, not Debian or Ubuntu: ` +
        'install what your system calls them, then run this again.',
    );
  }
  if (process.getuid() === 0) return [];
  if (spawnSync('sudo', ['-n', 'true']).status === 0) return ['sudo', '-n'];
  throw new StepError(
    'some system packages are missing, and installing them takes root. Run\n\n' +
      `  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}\n\n` +
      'then this command again.',
  );
}

async function install(prefix, packages) {
  const apt = (args) => {
    const [command, ...rest] = [
      ...prefix,
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      '-o',
      'DPkg::Lock::Timeout=300',
      ...args,
    ];
    return run(command, rest);
  };
  const installArgs = ['install', '-y', '--no-install-recommends', ...packages];
  // A fresh machine has no package lists, an old one stale ones; either shows as a failed install.
  try {
    await apt(installArgs);
  } catch {
    await apt(['update']);
    await apt(installArgs);
  }
}
