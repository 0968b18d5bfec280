/**
 * One waiter, many wakers. A wake that comes while nobody waits is kept for the next wait, so that
 * checking a condition and then waiting loses nothing.
 */
export class Wakeup {
  #awake = false;
  #resolve: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  wake(): void {
    this.#awake = true;
    this.#release();
  }

  /** Resolves at the next wake, or the one that came since the last wait, or after `timeoutMs`. */
  wait(timeoutMs?: number): Promise<void> {
    if (this.#awake) {
      this.#awake = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#resolve = resolve;
      if (timeoutMs !== undefined) this.#timer = setTimeout(() => this.#release(), timeoutMs);
    });
  }

  #release(): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#resolve = undefined;
    this.#awake = false;
    resolve();
  }
}
