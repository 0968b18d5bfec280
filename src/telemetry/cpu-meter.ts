/** How much of this machine nobody uses. */
import { cpus } from 'node:os';

const SAMPLE_MS = 1000;

interface Times {
  readonly idleMs: number;
  readonly totalMs: number;
  readonly cores: number;
}

function readTimes(): Times {
  let idleMs = 0;
  let totalMs = 0;
  const all = cpus();
  for (const { times } of all) {
    idleMs += times.idle;
    totalMs += times.user + times.nice + times.sys + times.irq + times.idle;
  }
  return { idleMs, totalMs, cores: all.length };
}

export class CpuMeter {
  #last = readTimes();
  #sampledAtMs = performance.now();
  #idleCores = this.#last.cores;

  /** Idle cores over about the last second; all of them until it has been measured. */
  idleCores(): number {
    const now = performance.now();
    if (now - this.#sampledAtMs < SAMPLE_MS) return this.#idleCores;
    const times = readTimes();
    const totalMs = times.totalMs - this.#last.totalMs;
    if (totalMs > 0) {
      this.#idleCores = (times.cores * (times.idleMs - this.#last.idleMs)) / totalMs;
    }
    this.#last = times;
    this.#sampledAtMs = now;
    return this.#idleCores;
  }
}
