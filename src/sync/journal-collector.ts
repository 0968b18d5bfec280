/**
 * Deletes journal that nobody needs, from time to time. What may go is the engine's to know (below every
 * peer's cursor, every checkpoint and the retention); when to ask is decided here.
 */
import type { CollectResult, Engine } from '../../bindings';

export type CollectingEngine = Pick<Engine, 'collect'>;

export interface CollectorOptions {
  readonly engine: CollectingEngine;
  readonly intervalMs: number;
  readonly onCollected: (result: CollectResult) => void;
  readonly onError: (error: unknown) => void;
}

export class JournalCollector {
  readonly #options: CollectorOptions;
  readonly #timer: NodeJS.Timeout;
  #running: Promise<void> | undefined;

  constructor(options: CollectorOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#start(), options.intervalMs);
    this.#timer.unref();
  }

  /** Resolves when a collection that is under way has ended; none is started afterwards. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  #start(): void {
    // A collection that takes longer than the interval is not joined by another.
    this.#running ??= this.#collect().finally(() => {
      this.#running = undefined;
    });
  }

  async #collect(): Promise<void> {
    try {
      const result = await this.#options.engine.collect();
      if (result.segments > 0) this.#options.onCollected(result);
    } catch (error) {
      this.#options.onError(error);
    }
  }
}
