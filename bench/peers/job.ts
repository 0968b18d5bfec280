/** The job that every system gets, and what they have in common. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { BenchContext, Measurement } from '../support/measurement';
import { rounded } from '../support/measurement';

/** So many upserts of values over so many keys, until the second side has them all. */
export interface Job {
  readonly entries: number;
  readonly keys: number;
  readonly valueBytes: number;
}

/** Where a program is: on the path, or in one of `folders`. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const path = (process.env['PATH'] ?? '').split(delimiter);
  return [...path, ...folders].map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** Says which program is missing, if one is. */
export function areFound(
  context: BenchContext,
  system: string,
  programs: Readonly<Record<string, string | undefined>>,
): boolean {
  const missing = Object.entries(programs).filter(([, file]) => file === undefined);
  if (missing.length === 0) return true;
  const names = missing.map(([name]) => name).join(', ');
  context.skip(`${system} skipped: ${names} is not installed`);
  return false;
}

/** Printable, and different each time, so that no system gains by compressing. */
export function makeValues(count: number, bytes: number): string[] {
  return Array.from({ length: count }, () => randomBytes(bytes).toString('base64').slice(0, bytes));
}

/** Keys in an order in which neighbours differ: all of them, again and again. */
export function keyOf(index: number, keys: number): number {
  return (index * 7919) % keys;
}

export function peerMeasurement(
  job: Job,
  params: Measurement['params'],
  seconds: number,
): Measurement {
  const { entries, keys, valueBytes } = job;
  return {
    bench: 'peers',
    value: rounded(entries / seconds),
    unit: 'entries/s',
    params: { ...params, entries, keys, value_bytes: valueBytes, seconds: rounded(seconds) },
  };
}
