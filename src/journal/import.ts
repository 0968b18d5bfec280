/** Imports a real directory tree: walks it and appends what it finds, at the journal's pace. */
import type { CfsError } from '../../bindings';
import { type AppendOptions, type AppendResult, type Operation } from '../../bindings';
import { type WalkOptions, type WalkTotals, walkTree } from './walk-tree';

/** Where operations go: a Node or an Engine. */
export interface OperationAppender {
  append(operations: readonly Operation[], options: AppendOptions): Promise<AppendResult>;
}

export interface ImportOptions extends WalkOptions {
  /**
   * A name that is there already is left as it is and counted, instead of ending the import. So a
   * second import of the same tree goes through. Default true.
   */
  readonly keepExisting?: boolean;
  /** Called after every batch. */
  readonly onProgress?: (progress: ImportResult) => void;
  readonly signal?: AbortSignal;
}

export interface ImportResult {
  readonly walked: WalkTotals;
  readonly appended: number;
  /** Names that the target had already. */
  readonly existing: number;
  /** Refused for another reason; `errors` holds the first 100. */
  readonly refused: number;
  readonly errors: readonly { readonly code: string; readonly reason: string }[];
  readonly lastLsn: bigint;
}

const ERRORS_MAX = 100;
/** The target of a long import is one batch ahead of the journal, no more. */
const APPENDS_IN_FLIGHT_MAX = 2;

/** Resolves when everything is durable. Rejects when the journal fails or `root` is no directory. */
export async function importTree(
  root: string | Uint8Array,
  appender: OperationAppender,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const walk = walkTree(root, options);
  const errors: { code: string; reason: string }[] = [];
  const result = { walked: walk.totals, appended: 0, existing: 0, refused: 0, errors, lastLsn: 0n };
  const take = (answer: AppendResult): void => {
    result.appended += answer.appended;
    if (answer.lastLsn > 0n) result.lastLsn = answer.lastLsn;
    const existing = answer.errors.filter(({ error }) => isExisting(error)).length;
    result.existing += existing;
    result.refused += answer.refused - existing;
    for (const { error } of answer.errors) {
      if (isExisting(error) || errors.length >= ERRORS_MAX) continue;
      errors.push({ code: error.code, reason: error.message });
    }
    options.onProgress?.(result);
  };
  const inFlight: Promise<void>[] = [];
  for await (const batch of walk.batches()) {
    options.signal?.throwIfAborted();
    if (inFlight.length >= APPENDS_IN_FLIGHT_MAX) await inFlight.shift();
    const appended = appender
      .append(batch, { keepGoing: options.keepExisting !== false })
      .then(take);
    appended.catch(() => undefined); // awaited below; not unhandled until then
    inFlight.push(appended);
  }
  await Promise.all(inFlight);
  return result;
}

function isExisting(error: CfsError): boolean {
  return error.code === 'CFS_EXISTS';
}
