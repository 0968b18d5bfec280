/** Hybrid logical clocks: 52 bits of microseconds since the Unix epoch above 12 bits of a counter. */
const COUNTER_BITS = 12n;
const INCARNATION_RANDOM_BITS = 22n;

/** In milliseconds, with the microseconds behind the point. */
export function hlcToUnixMs(hlc: bigint): number {
  return Number(hlc >> COUNTER_BITS) / 1000;
}

/** The last HLC of the microsecond that a time is in. */
export function hlcAtUnixMs(unixMs: number): bigint {
  const us = BigInt(Math.max(0, Math.floor(unixMs * 1000)));
  return ((us + 1n) << COUNTER_BITS) - 1n;
}

/** Incarnations have the time of minting in milliseconds above 22 random bits: the last of that time. */
export function incarnationAtUnixMs(unixMs: number): bigint {
  return ((BigInt(Math.max(0, Math.floor(unixMs))) + 1n) << INCARNATION_RANDOM_BITS) - 1n;
}
