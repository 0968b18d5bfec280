/** What a benchmark finds, and what it is given. */
import type { BenchOptions } from '../options';

export interface Measurement {
  readonly bench: string;
  readonly value: number;
  readonly unit: string;
  readonly params: Readonly<Record<string, string | number>>;
  readonly reference?: { readonly name: string; readonly value: number };
  /** value / reference.value, as the median of pairs where they were run in turns. */
  readonly ratio?: number;
}

export interface BenchContext {
  /** A folder on the disk to be measured, removed afterwards. */
  readonly directory: string;
  readonly options: BenchOptions;
  /** Says what is going on; not part of the result. */
  readonly say: (text: string) => void;
  /** Says what is not measured, and why. */
  readonly skip: (text: string) => void;
}

export type Bench = (context: BenchContext) => AsyncIterable<Measurement>;

/** A measurement beside its reference. */
export function beside(
  measured: Omit<Measurement, 'reference' | 'ratio'>,
  reference: { readonly name: string; readonly value: number } | undefined,
): Measurement {
  if (reference === undefined) return measured;
  return { ...measured, reference, ratio: rounded(measured.value / reference.value) };
}

/** To four digits: nothing here is known better. */
export function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

/** The value at `fraction` of the sorted values; NaN of none. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
