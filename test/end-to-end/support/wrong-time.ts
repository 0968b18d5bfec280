/**
 * Agents with a wrong wall clock, by libfaketime. Monotonic clocks stay right, so timers and timeouts
 * do as well, as they would on a machine whose wall clock is wrong.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster';

/** Where Debian has it: a folder for each architecture. */
function findLibrary(): string {
  for (const folder of readdirSync('/usr/lib')) {
    const library = join('/usr/lib', folder, 'faketime', 'libfaketime.so.1');
    if (existsSync(library)) return library;
  }
  throw new Error('libfaketime is not installed: expected /usr/lib/*/faketime/libfaketime.so.1');
}

/** A wall clock that a test may set while its agent runs. */
export class WrongClock {
  readonly #file: string;

  /** `spec` as libfaketime has it: "+3600" (seconds) is an hour ahead, "+0 x1.2" runs 20 % fast. */
  constructor(cluster: Cluster, site: number, spec: string) {
    this.#file = join(cluster.directory, `clock-${site}`);
    this.set(spec);
  }

  /** Takes a second to be seen. */
  set(spec: string): void {
    writeFileSync(this.#file, `${spec}\n`);
  }

  get env(): NodeJS.ProcessEnv {
    return {
      LD_PRELOAD: findLibrary(),
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }
}
