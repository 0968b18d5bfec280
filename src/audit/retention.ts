/** Which files of a trail are too old, or too much. Pure. */

export interface Retention {
  readonly bytesMax: number;
  readonly ageMsMax: number;
}

export interface AgedFile {
  readonly name: string;
  readonly bytes: number;
  /** When its first line was written. */
  readonly startedUnixMs: number;
}

/** A file is closed at this part of the age it may reach, so that what is too old can be deleted. */
const FILE_AGE_PARTS = 10;

/** True if a new file should be begun rather than `file` go on. */
export function isFull(
  file: AgedFile,
  fileBytesMax: number,
  { ageMsMax }: Retention,
  nowUnixMs: number,
): boolean {
  const ageMs = nowUnixMs - file.startedUnixMs;
  return file.bytes >= fileBytesMax || ageMs >= ageMsMax / FILE_AGE_PARTS;
}

/**
 * How many of `files`, which are oldest first, may go. A file is as old as its last line, which was
 * written before the next file's first. The last one, which is being written, always stays.
 */
export function countDeletable(
  files: readonly AgedFile[],
  { bytesMax, ageMsMax }: Retention,
  nowUnixMs: number,
): number {
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  let count = 0;
  for (const next of files.slice(1)) {
    const isOld = nowUnixMs - next.startedUnixMs > ageMsMax;
    if (!isOld && bytes <= bytesMax) break;
    bytes -= files[count]?.bytes ?? 0;
    count++;
  }
  return count;
}
