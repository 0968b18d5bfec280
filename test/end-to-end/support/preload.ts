/**
 * Agents whose system fails them: a library that is loaded before theirs answers in its place, with a
 * wrong wall clock or a disk that no longer syncs.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster';

const CLOCK = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static long shift_s(void) { return atol(getenv("CLOCK_SHIFT_S")); }

int clock_gettime(clockid_t id, struct timespec *out) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == 0) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, out);
  if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) out->tv_sec += shift_s();
  return result;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  struct timespec now;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &now);
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != 0) *out = now.tv_sec;
  return now.tv_sec;
}
`;

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

/** The environment of an agent whose clock is `shiftSeconds` ahead (or, negative, behind). */
export function shiftedClock(cluster: Cluster, shiftSeconds: number): NodeJS.ProcessEnv {
  return { LD_PRELOAD: compile(cluster, 'clock', CLOCK), CLOCK_SHIFT_S: String(shiftSeconds) };
}

/** The environment of an agent whose disk fails to sync for as long as `trigger` is there. */
export function failingSync(cluster: Cluster, trigger: string): NodeJS.ProcessEnv {
  return { LD_PRELOAD: compile(cluster, 'sync', SYNC), SYNC_FAILS_IF: trigger };
}
