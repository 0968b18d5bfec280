/** How `cfs` ends: scripts rely on these numbers. */
export const ExitCode = {
  ok: 0,
  /** The agent refused, or the operation failed. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No agent answers. */
  unreachable: 3,
  /** The answer is in, and it is bad: unhealthy, or a certificate about to expire. */
  unhealthy: 4,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** One line for a person: what was wrong, where, what was expected, and what to do. */
export class CliError extends Error {
  constructor(
    readonly exitCode: ExitCode,
    /** Stable: an agent's code, or one of the CLI's own. */
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'CliError';
  }
}

export function usageError(message: string): CliError {
  return new CliError(ExitCode.usage, 'CFS_USAGE', message);
}
