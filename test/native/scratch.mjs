// Where tests of the core put the files of their engines: in memory, for waiting for a disk is most of
// what they would do. Those that are about the disk choose their own place.
import { statfsSync } from 'node:fs';

const MEMORY = '/dev/shm';
const ROOM_BYTES_MIN = 2 * 1024 ** 3; // containers often have 64 MiB there

/** Environment variables to run them with; none where there is not enough memory to be had. */
export function scratchEnvironment() {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= ROOM_BYTES_MIN ? { TMPDIR: MEMORY } : {};
  } catch {
    return {};
  }
}
