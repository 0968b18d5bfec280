/** What a benchmark finds, and how it is shown. */

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
  /** A folder on the disk to be measured. */
  readonly directory: string;
  /** Says what is going on; not part of the result. */
  readonly say: (text: string) => void;
}

export type Bench = (context: BenchContext) => AsyncIterable<Measurement>;

export function formatValue(value: number): string {
  if (Math.abs(value) >= 10_000) return Math.round(value).toLocaleString('en-US');
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}

export function formatParams(params: Measurement['params']): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** The value at `fraction` of the sorted values; NaN of none. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
