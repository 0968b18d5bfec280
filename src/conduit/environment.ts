/** Time and chance, injected: the same code runs in production and in a seeded simulator. */

export interface Timer {
  cancel(): void;
}

export interface Environment {
  /** Monotonic, from any start. Microseconds. */
  monoUs(): number;
  /** Microseconds since the Unix epoch. */
  wallUs(): number;
  setTimer(delayMs: number, fire: () => void): Timer;
  /** Uniform in [0, 1). */
  random(): number;
}

export const REAL_ENVIRONMENT: Environment = {
  monoUs: () => performance.now() * 1000,
  // Not performance.timeOrigin and what has passed since: that never hears of a clock that is set.
  wallUs: () => Date.now() * 1000,
  setTimer(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
  random: () => Math.random(),
};

/** Structured logging, as pino has it. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
