/** Writers that keep changing a site's tree through its admin API, at a given pace. */
import { setTimeout as delay } from 'node:timers/promises';
import { AgentError } from '../../src/cli/agent-client';
import { numberAt } from '../../src/cli/json';
import { Random } from './random';
import type { Site } from './site';
import { TreeModel } from './tree-model';

const BATCH_LINES = 100;
const RETRY_MS = 50;

export interface ChurnTotals {
  /** Acknowledged as durable by the site. */
  entries: number;
  readonly ops: Map<string, number>;
}

/** One writer; it goes on until it is stopped, through its site's death and return. */
export class Writer {
  readonly totals: ChurnTotals = { entries: 0, ops: new Map() };
  readonly #site: Site;
  readonly #name: string;
  readonly #random: Random;
  readonly #batchIntervalMs: number;
  #lives = 0;
  #stopped = false;

  constructor(site: Site, name: string, seed: number, entriesPerSecond: number) {
    this.#site = site;
    this.#name = name;
    this.#random = new Random(seed);
    this.#batchIntervalMs = (BATCH_LINES / entriesPerSecond) * 1000;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when stopped; rejects when the site refuses what it should accept. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#live();
      } catch (error) {
        if (error instanceof AgentError) throw error;
        // The site is gone. What of the last batch it kept is unknown, so a new life begins elsewhere.
        await delay(RETRY_MS);
      }
    }
  }

  async #live(): Promise<void> {
    const model = new TreeModel(`/churn/${this.#name}.${this.#lives++}`, this.#random);
    await this.#append(model.opening());
    let dueMs = performance.now();
    while (!this.#stopped) {
      await this.#append(Array.from({ length: BATCH_LINES }, () => model.next()));
      dueMs += this.#batchIntervalMs;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await delay(waitMs);
      else dueMs -= waitMs; // what was late is not made up for by a burst
    }
  }

  async #append(lines: readonly Readonly<Record<string, string | number>>[]): Promise<void> {
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const result = await this.#site.client.post('/journal/append', {}, Buffer.from(body));
    this.totals.entries += numberAt(result, 'appended');
    for (const { op } of lines) {
      this.totals.ops.set(String(op), (this.totals.ops.get(String(op)) ?? 0) + 1);
    }
  }
}
