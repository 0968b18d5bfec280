/**
 * Agents whose disk fails them: a library that is loaded before theirs answers in its place. Wrong
 * clocks are in wrong-time.ts.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster';

const SYNC = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int file) {
  static int (*real)(int);
  if (real == 0) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  if (access(getenv("SYNC_FAILS_IF"), F_OK) != 0) return real(file);
  errno = EIO;
  return -1;
}
`;

function compile(cluster: Cluster, name: string, source: string): string {
  const file = join(cluster.directory, `${name}.c`);
  const library = join(cluster.directory, `${name}.so`);
  writeFileSync(file, source);
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, file, '-ldl']);
  return library;
}

/** The environment of an agent whose disk fails to sync for as long as `trigger` is there. */
export function failingSync(cluster: Cluster, trigger: string): NodeJS.ProcessEnv {
  return { LD_PRELOAD: compile(cluster, 'sync', SYNC), SYNC_FAILS_IF: trigger };
}
