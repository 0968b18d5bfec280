/** A file system of its own, small enough to fill: ext4 in a file, or memory where there are no loop devices. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from './cluster';

/** Why no file system can be mounted by this process; undefined if one can. */
export const cannotMount: string | undefined =
  process.getuid?.() === 0 ? undefined : 'only root may mount a file system to fill';

const STEP_BYTES = 1024 * 1024;

export class SmallDisk {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Mounts one of `bytes` as the data directory of a site that has none yet, until the test ends. */
  static mount(cluster: Cluster, site: number, bytes: number): SmallDisk {
    const directory = cluster.dataDir(site);
    mkdirSync(directory, { recursive: true });
    const image = `${directory}.image`;
    const run = (command: string, ...args: string[]): void => {
      execFileSync(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    };
    try {
      closeSync(openSync(image, 'w'));
      truncateSync(image, bytes);
      run('mkfs.ext4', '-q', '-F', '-m', '0', image);
      run('mount', '-o', 'loop', image, directory);
    } catch {
      run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, 'cfs-repl-test', directory);
    }
    cluster.atEnd(() => run('umount', '--lazy', directory));
    return new SmallDisk(directory);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.directory);
    return bavail * bsize;
  }

  /** Takes all space but `bytesLeft`, until `release`. What others free meanwhile stays free. */
  fill(bytesLeft = 0): void {
    const file = openSync(this.#ballast, 'a');
    const zeroes = Buffer.alloc(STEP_BYTES);
    try {
      for (let step = STEP_BYTES; step >= 4096;) {
        if (this.freeBytes - bytesLeft < step || !tryWrite(file, zeroes.subarray(0, step))) {
          step /= 2;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives the space back. */
  release(): void {
    rmSync(this.#ballast, { force: true });
  }

  get #ballast(): string {
    return join(this.directory, 'ballast');
  }
}

function tryWrite(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}
