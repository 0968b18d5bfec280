/**
 * When to dial again: exponential with full jitter (a uniform draw from zero to the ceiling), so that
 * many sites that lost a peer together do not come back together.
 *
 * | event | failures | delay |
 * | --- | --- | --- |
 * | failed | + 1 | random x min(cap, base x 2^failures before) |
 * | up | the same | |
 * | down after less than stable | + 1 | as failed |
 * | down after stable or more | 1 | as the first failure |
 */

export interface BackoffOptions {
  readonly baseMs: number;
  readonly capMs: number;
  /** A session that lived so long starts the series anew. */
  readonly stableMs: number;
}

export interface BackoffState {
  readonly failures: number;
  readonly upSinceMs: number | undefined;
}

export type BackoffEvent =
  | { readonly type: 'failed'; readonly random: number }
  | { readonly type: 'up' }
  | { readonly type: 'down'; readonly random: number };

export interface BackoffStep {
  readonly state: BackoffState;
  /** Dial again after so long; undefined after 'up'. */
  readonly delayMs: number | undefined;
}

export const BACKOFF_START: BackoffState = { failures: 0, upSinceMs: undefined };

export function stepBackoff(
  state: BackoffState,
  event: BackoffEvent,
  nowMs: number,
  options: BackoffOptions,
): BackoffStep {
  switch (event.type) {
    case 'up':
      return { state: { ...state, upSinceMs: nowMs }, delayMs: undefined };
    case 'failed':
      return wait(state.failures, event.random, options);
    case 'down': {
      const livedMs = state.upSinceMs === undefined ? 0 : nowMs - state.upSinceMs;
      return wait(livedMs >= options.stableMs ? 0 : state.failures, event.random, options);
    }
  }
}

function wait(failures: number, random: number, options: BackoffOptions): BackoffStep {
  const ceilingMs = Math.min(options.capMs, options.baseMs * 2 ** Math.min(failures, 30));
  return {
    state: { failures: failures + 1, upSinceMs: undefined },
    delayMs: random * ceilingMs,
  };
}
