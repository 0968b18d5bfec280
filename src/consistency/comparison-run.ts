/**
 * Carries a comparison on to its end: the core asks and judges, the session with the peer brings the
 * answers. What is found is kept up to a bound and counted beyond it.
 */
import {
  type ComparisonStatus,
  type ComparisonStep,
  type Engine,
  type InodeDifference,
  makeError,
} from '../../bindings';

export interface ComparisonRunOptions {
  readonly engine: Pick<Engine, 'compare'>;
  readonly peer: number;
  /** Undefined: all. */
  readonly inode?: bigint | undefined;
  /** Make what differs here as the peer has it, where the peer is right. */
  readonly repair: boolean;
  readonly ask: (question: Uint8Array) => Promise<Uint8Array>;
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

/** Rejects with ClosedError when cancelled, DataError for an answer that is not sound, and as `ask` does. */
export async function runComparison(options: ComparisonRunOptions): Promise<ConsistencyReport> {
  const { engine, peer, inode, repair, ask, signal, onProgress, onDifferences } = options;
  const comparison = engine.compare(peer, { repair, ...(inode === undefined ? {} : { inode }) });
  const kept: InodeDifference[] = [];
  let step: ComparisonStep = await comparison.start();
  while (step.question !== undefined) {
    if (signal?.aborted === true) {
      const { exchanges } = step.status;
      throw makeError('CFS_CLOSED', `cancelled after ${exchanges} exchanges with site ${peer}`);
    }
    step = await comparison.next(await ask(step.question));
    const { differences, status } = step;
    kept.push(...differences.slice(0, DIFFERENCES_MAX - kept.length));
    if (differences.length > 0) await onDifferences?.(differences);
    onProgress?.(status);
  }
  return { ...step.status, peer, differences: kept };
}
