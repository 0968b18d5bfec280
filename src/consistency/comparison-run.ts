/**
 * Carries a comparison on to its end: the core asks and judges, the session with the peer brings the
 * answers. What is found is kept up to a bound and counted beyond it.
 */
import {
  CFS_ERROR_CODES,
  type CfsErrorCode,
  type ComparisonStatus,
  type ComparisonStep,
  type Engine,
  type InodeDifference,
  makeError,
} from '../../bindings';

/** What came of a question to the peer. */
export type Asked =
  { readonly answer: Uint8Array } | { readonly code: string; readonly message: string };

export interface ComparisonRunOptions {
  readonly engine: Pick<Engine, 'compare'>;
  readonly peer: number;
  /** Undefined: all. */
  readonly inode?: bigint | undefined;
  /** Make what differs here as the peer has it, where the peer is right. */
  readonly repair: boolean;
  readonly ask: (question: Uint8Array) => Promise<Asked>;
  readonly answerTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** After each exchange. */
  readonly onProgress?: ((status: ComparisonStatus) => void) | undefined;
  /** With what was found, and with `repair` mended, by an exchange; the next waits for it. */
  readonly onDifferences?: (differences: readonly InodeDifference[]) => Promise<void>;
}

export interface ConsistencyReport extends ComparisonStatus {
  /** The site compared with. */
  readonly peer: number;
  /** The first ones, at most 1,000. */
  readonly differences: readonly InodeDifference[];
}

const DIFFERENCES_MAX = 1000;

/** Rejects with ClosedError when cancelled or without a session, BusyError when no answer comes in time,
 *  DataError for an answer that is not sound, and with what the peer says. */
export async function runComparison(options: ComparisonRunOptions): Promise<ConsistencyReport> {
  const { engine, peer, inode, repair, signal, onProgress, onDifferences } = options;
  const comparison = engine.compare(peer, { repair, ...(inode === undefined ? {} : { inode }) });
  const kept: InodeDifference[] = [];
  let step: ComparisonStep = await comparison.start();
  while (step.question !== undefined) {
    if (signal?.aborted === true) {
      const { exchanges } = step.status;
      throw makeError('CFS_CLOSED', `cancelled after ${exchanges} exchanges with site ${peer}`);
    }
    step = await comparison.next(await askInTime(options, step.question));
    const { differences, status } = step;
    kept.push(...differences.slice(0, DIFFERENCES_MAX - kept.length));
    if (differences.length > 0) await onDifferences?.(differences);
    onProgress?.(status);
  }
  return { ...step.status, peer, differences: kept };
}

/** Rejects with BusyError when no answer comes in time, and with what the peer says instead of one. */
export async function askInTime(
  { ask, peer, answerTimeoutMs }: Pick<ComparisonRunOptions, 'ask' | 'peer' | 'answerTimeoutMs'>,
  question: Uint8Array,
): Promise<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Asked>((resolve) => {
    const message = `site ${peer} gave no answer within ${answerTimeoutMs} ms`;
    timer = setTimeout(() => resolve({ code: 'CFS_QUEUE_FULL', message }), answerTimeoutMs);
  });
  const asked = await Promise.race([ask(question), late]);
  clearTimeout(timer);
  if ('answer' in asked) return asked.answer;
  const code = CFS_ERROR_CODES.find((known) => known === asked.code) ?? 'CFS_MALFORMED';
  throw makeError(code satisfies CfsErrorCode, asked.message);
}
