/**
 * The ledger of a running node: what is in it, what an operator decides about it, and who is told when a
 * conflict is new.
 */
import {
  type Engine,
  type LinkIdentity,
  type RecordedConflict,
  type SettledHow,
} from '../../bindings';

/** Conflicts in a page: a few milliseconds of work for a reader. */
const PAGE_CONFLICTS = 256;

export interface LedgerOptions {
  readonly engine: Engine;
  /** How often to look for new ones while somebody listens. */
  readonly intervalMs: number;
  /** Called for each conflict that the ledger was given since the node was opened, in that order. */
  readonly onConflict: (conflict: RecordedConflict) => void;
  /** Whether anybody wants to know: a conflict that nobody waits for is not even read. */
  readonly isHeard: () => boolean;
  readonly onError: (error: unknown) => void;
  /** Why nothing may be written now; undefined if it may. */
  readonly refused: () => Error | undefined;
}

export class ConflictLedger {
  readonly #options: LedgerOptions;
  readonly #timer: NodeJS.Timeout;
  #told: number;
  #telling = false;

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#told = options.engine.status().conflictsRecorded;
    this.#timer = setInterval(() => void this.#tell(), options.intervalMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Every conflict in order of time, page by page; those recorded meanwhile may be among them. */
  async *pages(signal?: AbortSignal): AsyncGenerator<RecordedConflict[]> {
    let after: RecordedConflict | undefined;
    while (signal?.aborted !== true) {
      const page = await this.#options.engine.conflicts(after, PAGE_CONFLICTS);
      if (page.length > 0) yield page;
      after = page.at(-1);
      if (page.length < PAGE_CONFLICTS) return;
    }
  }

  /** Rejects with NotFoundError. */
  get(id: LinkIdentity): Promise<RecordedConflict> {
    return this.#options.engine.conflict(id);
  }

  /** An operator has seen it; nothing else changes. Resolves with the LSN that says so. */
  acknowledge(id: LinkIdentity): Promise<bigint> {
    return this.#settle(id, 'acknowledged');
  }

  /** Makes the loser's change again, as a new write. What won until now is in the ledger. */
  restore(id: LinkIdentity): Promise<bigint> {
    return this.#settle(id, 'restored');
  }

  #settle(id: LinkIdentity, how: SettledHow): Promise<bigint> {
    const refused = this.#options.refused();
    if (refused !== undefined) return Promise.reject(refused);
    return this.#options.engine.settleConflict(id, how);
  }

  async #tell(): Promise<void> {
    const { engine, isHeard, onConflict, onError } = this.#options;
    if (this.#telling) return;
    this.#telling = true;
    try {
      const { conflictsRecorded } = engine.status();
      if (!isHeard()) this.#told = conflictsRecorded;
      while (this.#told < conflictsRecorded) {
        const page = await engine.arrivedConflicts(this.#told, PAGE_CONFLICTS);
        this.#told = page.at(-1)?.arrival ?? conflictsRecorded;
        page.forEach(onConflict);
      }
    } catch (error) {
      onError(error);
    } finally {
      this.#telling = false;
    }
  }
}
