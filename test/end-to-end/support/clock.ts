/** Agents whose wall clock is wrong: a library that is loaded before theirs shifts what they read. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster';

const SOURCE = `
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

/** The environment of an agent whose clock is `shiftSeconds` ahead (or, negative, behind). */
export function shiftedClock(cluster: Cluster, shiftSeconds: number): NodeJS.ProcessEnv {
  const source = join(cluster.directory, 'clock.c');
  const library = join(cluster.directory, 'clock.so');
  writeFileSync(source, SOURCE);
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
  return { LD_PRELOAD: library, CLOCK_SHIFT_S: String(shiftSeconds) };
}
