/**
 * What the two sites say of themselves during the demo: lag, and what went over the wire. Counters
 * start at zero when an agent does; they are added up over its lives.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type JsonObject, numberAt, objectsAt } from '../../src/cli/json';
import type { Site } from './site';

const SAMPLE_INTERVAL_MS = 20;

const COUNTERS = ['entries_sent', 'bytes_raw', 'bytes_compacted', 'bytes_compressed'] as const;
export type WireTotals = Readonly<Record<(typeof COUNTERS)[number], number>>;

interface Life {
  startedUnixMs: number;
  counts: Record<(typeof COUNTERS)[number], number>;
}

function noCounts(): Life['counts'] {
  return { entries_sent: 0, bytes_raw: 0, bytes_compacted: 0, bytes_compressed: 0 };
}

export class Meter {
  /** Milliseconds, one a look, only while lag is being measured. */
  readonly lagSamplesMs: number[] = [];
  /** The latest of any site. */
  lagMs = 0;
  /** Lag while a site is down is not the lag of replication. */
  measuresLag = false;
  readonly #sites: readonly Site[];
  readonly #lives = new Map<Site, Life[]>();
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(sites: readonly Site[]) {
    this.#sites = sites;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Takes a last look. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#look();
  }

  wire(): WireTotals {
    const sum = noCounts();
    for (const lives of this.#lives.values()) {
      for (const { counts } of lives) for (const name of COUNTERS) sum[name] += counts[name];
    }
    return sum;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await this.#look();
      await delay(SAMPLE_INTERVAL_MS);
    }
  }

  async #look(): Promise<void> {
    const statuses = await Promise.all(
      this.#sites.map((site) => site.status().catch(() => undefined)),
    );
    const lags: number[] = [];
    statuses.forEach((status, index) => {
      const site = this.#sites[index];
      if (status === undefined || site === undefined) return;
      this.#note(site, status);
      lags.push(...objectsAt(status, 'peers').map((peer) => numberAt(peer, 'lag_ms')));
    });
    this.lagMs = Math.max(0, ...lags);
    if (this.measuresLag && lags.length > 0) this.lagSamplesMs.push(this.lagMs);
  }

  #note(site: Site, status: JsonObject): void {
    const lives = this.#lives.get(site) ?? [];
    this.#lives.set(site, lives);
    const startedUnixMs = numberAt(status, 'started_unix_ms');
    let life = lives.at(-1);
    if (life?.startedUnixMs !== startedUnixMs) {
      life = { startedUnixMs, counts: noCounts() };
      lives.push(life);
    }
    for (const name of COUNTERS) {
      life.counts[name] = objectsAt(status, 'peers')
        .map((peer) => numberAt(peer, name))
        .reduce((sum, count) => sum + count, 0);
    }
  }
}

/** The value that the fraction `at` of the samples does not exceed. */
export function quantile(samples: readonly number[], at: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? 0;
}
