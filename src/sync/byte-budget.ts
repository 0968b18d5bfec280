/** A number of bytes that several users share. Whoever finds too few left asks again when told. */
export class ByteBudget {
  readonly #waiting = new Set<() => void>();
  #leftBytes: number;
  readonly #totalBytes: number;

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
    this.#leftBytes = totalBytes;
  }

  get usedBytes(): number {
    return this.#totalBytes - this.#leftBytes;
  }

  /** False when too few are left; `onRoom` is called once when that may have changed. */
  take(bytes: number, onRoom: () => void): boolean {
    // What exceeds the whole budget may go when it has all of it: no size is refused for ever.
    if (bytes > this.#leftBytes && this.usedBytes > 0) {
      this.#waiting.add(onRoom);
      return false;
    }
    this.#leftBytes -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#leftBytes += bytes;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const onRoom of waiting) onRoom();
  }
}
