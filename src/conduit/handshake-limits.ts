/** How many strangers may be at the door: handshakes that are not finished, by address and in all. */

export interface HandshakeLimits {
  readonly perAddress: number;
  readonly total: number;
}

export class HandshakeGate {
  private readonly counts = new Map<string, number>();
  private totalCount = 0;

  constructor(private readonly limits: HandshakeLimits) {}

  /** False if the address, or everyone together, is at the limit; else call `leave` once. */
  enter(address: string): boolean {
    const count = this.counts.get(address) ?? 0;
    if (count >= this.limits.perAddress || this.totalCount >= this.limits.total) return false;
    this.counts.set(address, count + 1);
    this.totalCount += 1;
    return true;
  }

  leave(address: string): void {
    const count = this.counts.get(address) ?? 0;
    if (count === 0) return;
    this.totalCount -= 1;
    if (count === 1) this.counts.delete(address);
    else this.counts.set(address, count - 1);
  }
}
