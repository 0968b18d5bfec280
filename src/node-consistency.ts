/** A node's comparisons with its peers: whom it may ask, what it answers, and what is put on record. */
import { type ComparisonStatus, type Engine, makeError } from '../bindings';
import type { Session } from './conduit/types';
import { type ConsistencyReport, runComparison } from './consistency/comparison-run';
import { askPeer } from './node-ask';
import type { NodeAudit } from './node-audit';

export type { ConsistencyReport } from './consistency/comparison-run';

/** The slowest answer looks through all inodes of the peer. */
const ANSWER_TIMEOUT_MS = 30_000;

export interface CompareRunOptions {
  readonly signal?: AbortSignal;
  /** Called after each exchange. */
  readonly onProgress?: (status: ComparisonStatus) => void;
}

export interface ResyncOptions extends CompareRunOptions {
  /** Only this one. Default: all. */
  readonly inode?: bigint;
  /** Only say what differs. */
  readonly dryRun?: boolean;
}

export interface NodeConsistencyOptions {
  readonly engine: Engine;
  readonly audit: NodeAudit;
  /** The session with a peer that is up. Throws NotFoundError for a site that is no peer. */
  readonly session: (peer: number) => Pick<Session, 'ask'> | undefined;
  /** Why nothing may be written now; undefined if it may. */
  readonly refusal: () => string | undefined;
}

export class NodeConsistency {
  readonly #options: NodeConsistencyOptions;
  /** Comparisons with one peer take turns. */
  readonly #turns = new Map<number, Promise<unknown>>();

  constructor(options: NodeConsistencyOptions) {
    this.#options = options;
  }

  check(peer: number, options: CompareRunOptions): Promise<ConsistencyReport> {
    return this.#inTurn(peer, () => this.#run(peer, { ...options, dryRun: true }));
  }

  resync(peer: number, options: ResyncOptions): Promise<ConsistencyReport> {
    return this.#inTurn(peer, () => this.#run(peer, options));
  }

  async #run(peer: number, options: ResyncOptions): Promise<ConsistencyReport> {
    const { engine, audit, session, refusal } = this.#options;
    const repair = options.dryRun !== true;
    const refused = repair ? refusal() : undefined;
    if (refused !== undefined) throw makeError('CFS_STOPPED', refused);
    const { inode, signal, onProgress } = options;
    const respondent = {
      peer,
      session: () => session(peer),
      timeoutMs: ANSWER_TIMEOUT_MS,
      signal,
    };
    const report = await runComparison({
      engine,
      peer,
      inode,
      repair,
      signal,
      onProgress,
      ask: (question) => askPeer(respondent, question),
      onDifferences: (differences) =>
        repair ? audit.repaired(peer, differences) : Promise.resolve(),
    });
    if (repair) audit.resynced(report);
    return report;
  }

  async #inTurn<T>(peer: number, act: () => Promise<T>): Promise<T> {
    this.#options.session(peer); // throws for a stranger
    const before = this.#turns.get(peer) ?? Promise.resolve();
    const run = before.then(act);
    const settled = run.catch(() => undefined);
    this.#turns.set(peer, settled);
    try {
      return await run;
    } finally {
      if (this.#turns.get(peer) === settled) this.#turns.delete(peer);
    }
  }
}
