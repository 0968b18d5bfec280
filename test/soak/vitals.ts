/** What agents take of the machine, life by life, and whether it grows. */
import { readFileSync, readdirSync } from 'node:fs';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Caches fill, heaps find their size under faults, the state comes back from the journal. */
const WARM_UP_MS = 180_000;
/** Less of a life than this says nothing. */
const JUDGED_MS_MIN = 120_000;
/** What one inode or link that is born and removed leaves behind, at most. */
const BYTES_A_BIRTH_MAX = 400;
/** Over what is judged of a life; the heap of Node breathes by some MiB. */
const GROWTH_BYTES_MAX = 12 * MIB;
const GROWTH_FILES_MAX = 8;

export interface Sample {
  readonly atMs: number;
  readonly residentBytes: number;
  readonly files: number;
  /** Made by the load by then, at all sites. */
  readonly births: number;
}

/** Undefined for a process that is gone. */
export function takeSample(pid: number, atMs: number, births: number): Sample | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const residentBytes = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * KIB;
    if (residentBytes === 0) return undefined;
    return { atMs, residentBytes, files: readdirSync(`/proc/${pid}/fd`).length, births };
  } catch {
    return undefined;
  }
}

export interface Growth {
  /** False when the life was too short to say. */
  readonly judged: boolean;
  readonly grows: boolean;
  readonly text: string;
}

/**
 * The samples of one life. A straight line is fitted through those after the warm-up; what it rises by
 * over them, less what the births explain, is the growth.
 */
export function judgeLife(samples: readonly Sample[]): Growth {
  const startMs = (samples[0]?.atMs ?? 0) + WARM_UP_MS;
  const judged = samples.filter(({ atMs }) => atMs >= startMs);
  const [first, last] = [judged[0], judged.at(-1)];
  const spanMs = (last?.atMs ?? 0) - (first?.atMs ?? 0);
  if (first === undefined || last === undefined || spanMs < JUDGED_MS_MIN) {
    const text =
      `not judged: it lived ${seconds(spanMs)} after its warm-up of ${seconds(WARM_UP_MS)}, ` +
      `at least ${seconds(JUDGED_MS_MIN)} are needed`;
    return { judged: false, grows: false, text };
  }
  const risenBytes = slope(judged, ({ residentBytes }) => residentBytes) * spanMs;
  const explainedBytes = (last.births - first.births) * BYTES_A_BIRTH_MAX;
  const grownBytes = risenBytes - explainedBytes;
  const grownFiles = slope(judged, ({ files }) => files) * spanMs;
  const text =
    `over ${seconds(spanMs)} memory ${mebibytes(first.residentBytes)} to ${mebibytes(last.residentBytes)}, ` +
    `fitted ${signed(risenBytes)}, of which births explain ${mebibytes(explainedBytes)} ` +
    `(more than ${mebibytes(GROWTH_BYTES_MAX)} beyond that is growth); ` +
    `files ${first.files} to ${last.files} (more than ${GROWTH_FILES_MAX} fitted is growth)`;
  const grows = grownBytes > GROWTH_BYTES_MAX || grownFiles > GROWTH_FILES_MAX;
  return { judged: true, grows, text };
}

/** Least squares, per millisecond. */
function slope(samples: readonly Sample[], valueOf: (sample: Sample) => number): number {
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const meanMs = mean(({ atMs }) => atMs);
  const meanValue = mean(valueOf);
  let covariance = 0;
  let variance = 0;
  for (const sample of samples) {
    covariance += (sample.atMs - meanMs) * (valueOf(sample) - meanValue);
    variance += (sample.atMs - meanMs) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}

const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
export const mebibytes = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
const signed = (bytes: number): string => `${bytes < 0 ? '' : '+'}${mebibytes(bytes)}`;
