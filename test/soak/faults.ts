/** What goes wrong during a soak, at random from its seed. */
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../deploy/demo/random';
import type { Site } from '../../deploy/demo/site';
import type { BadLink } from './bad-link';

const PAUSE_MS_MIN = 2_000;
const PAUSE_MS_MAX = 8_000;
const DOWN_MS_MAX = 3_000;
/** Longer and shorter than the heartbeat timeout. */
const STALL_MS_MAX = 4_000;

const KINDS = ['kill', 'restart', 'cut', 'stall'] as const;
export type FaultKind = (typeof KINDS)[number];

export class Faults {
  readonly counts: Record<FaultKind, number> = { kill: 0, restart: 0, cut: 0, stall: 0 };
  readonly #sites: readonly Site[];
  readonly #links: readonly BadLink[];
  readonly #random: Random;
  readonly #onDown: (site: Site) => void;

  /** `onDown` is told before a site's process ends. */
  constructor(
    sites: readonly Site[],
    links: readonly BadLink[],
    seed: number,
    onDown: (site: Site) => void,
  ) {
    this.#sites = sites;
    this.#links = links;
    this.#random = new Random(seed);
    this.#onDown = onDown;
  }

  /** One after another until `untilMs` of performance.now(); all is well again when it resolves. */
  async run(untilMs: number, processesToo: boolean): Promise<void> {
    for (;;) {
      const pauseMs = PAUSE_MS_MIN + this.#random.integer(PAUSE_MS_MAX - PAUSE_MS_MIN);
      const leftMs = untilMs - performance.now();
      await delay(Math.max(0, Math.min(pauseMs, leftMs)));
      if (pauseMs >= leftMs) return;
      const kinds = processesToo ? KINDS : (['cut', 'stall'] as const);
      await this.#happen(this.#random.pick(kinds) ?? 'cut');
    }
  }

  async #happen(kind: FaultKind): Promise<void> {
    this.counts[kind]++;
    if (kind === 'cut') {
      for (const link of this.#links) link.cut();
    } else if (kind === 'stall') {
      for (const link of this.#links) link.stall();
      await delay(this.#random.integer(STALL_MS_MAX));
      for (const link of this.#links) link.heal();
    } else {
      const site = this.#random.pick(this.#sites);
      if (site === undefined) return;
      this.#onDown(site);
      await (kind === 'kill' ? site.kill() : site.stop());
      await delay(this.#random.integer(DOWN_MS_MAX));
      await site.start();
    }
  }
}
