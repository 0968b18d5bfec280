/** Tells when the journal stops, when its disk is full, and when there is room again: each once. */
import type { EngineStatus } from '../../bindings';

export interface WatchOptions {
  readonly status: () => Pick<EngineStatus, 'stopped' | 'diskFull'>;
  readonly intervalMs: number;
  /** `code` is stable: CFS_DISK_FULL, or why the journal stopped. */
  readonly onTrouble: (code: string, message: string) => void;
  /** There is space on the disk again. */
  readonly onRoom: () => void;
}

export class JournalWatch {
  readonly #options: WatchOptions;
  readonly #timer: NodeJS.Timeout;
  #wasStopped = false;
  #wasFull = false;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.look(), options.intervalMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  look(): void {
    const { stopped, diskFull } = this.#options.status();
    if (stopped !== undefined && !this.#wasStopped) {
      this.#options.onTrouble(stopped.code, `nothing is accepted any more: ${stopped.message}`);
    }
    if (diskFull && !this.#wasFull) {
      const message = 'the disk is full: appends are refused until there is space';
      this.#options.onTrouble('CFS_DISK_FULL', message);
    }
    if (!diskFull && this.#wasFull) this.#options.onRoom();
    this.#wasStopped = stopped !== undefined;
    this.#wasFull = diskFull;
  }
}
