/**
 * Memory that batches are written into, and a small store of it for reuse: a batch hands its slab to the
 * engine, which returns it here when the append has ended. One store a thread, as modules are.
 */

export class Slab {
  readonly bytes: Buffer;
  /** The same memory in other widths. */
  readonly words: Uint32Array;
  readonly unsigned: BigUint64Array;
  readonly signed: BigInt64Array;

  constructor(readonly capacityBytes: number) {
    const memory = new ArrayBuffer(capacityBytes);
    this.bytes = Buffer.from(memory);
    this.words = new Uint32Array(memory);
    this.unsigned = new BigUint64Array(memory);
    this.signed = new BigInt64Array(memory);
  }
}

const SLAB_BYTES_MIN = 4096;
const STORED_SLAB_BYTES_MAX = 1024 * 1024;
const STORED_BYTES_MAX = 8 * 1024 * 1024;

/** Free slabs by capacity, a power of two. */
const stored = new Map<number, Slab[]>();
let storedBytes = 0;

/** A slab of at least `bytes`, with whatever an earlier user left in it. */
export function takeSlab(bytes: number): Slab {
  let capacityBytes = SLAB_BYTES_MIN;
  while (capacityBytes < bytes) capacityBytes *= 2;
  const slab = stored.get(capacityBytes)?.pop();
  if (slab === undefined) return new Slab(capacityBytes);
  storedBytes -= capacityBytes;
  return slab;
}

/** Gives a slab back. Nothing may read or write it from now on. */
export function giveSlab(slab: Slab): void {
  const { capacityBytes } = slab;
  if (capacityBytes > STORED_SLAB_BYTES_MAX || storedBytes + capacityBytes > STORED_BYTES_MAX) {
    return; // left to the garbage collector
  }
  const shelf = stored.get(capacityBytes);
  if (shelf === undefined) stored.set(capacityBytes, [slab]);
  else shelf.push(slab);
  storedBytes += capacityBytes;
}
