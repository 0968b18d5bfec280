/**
 * Bytes in, lines out, with a bound on what one line may cost.
 *
 * Lines end with LF or CR LF; the last may end with the input. A line over the bound is answered with
 * an error as soon as the bound is passed, and its rest is skipped, not kept: 100 MB without a newline
 * cost no more memory than the bound.
 */

export const LINE_BYTES_MAX_DEFAULT = 1024 * 1024;

export interface TextLine {
  /** From 1 (or the first number given). */
  readonly number: number;
  readonly text: string;
}

export interface FaultyLine {
  readonly number: number;
  /** What is wrong with it and what was expected. */
  readonly fault: string;
}

export type Line = TextLine | FaultyLine;

const LF = 0x0a;
const CR = 0x0d;

/** Pure: feed it chunks as they come, and say when they end. */
export class LineReader {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  readonly #lineBytesMax: number;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #skipping = false;
  #number: number;

  constructor(lineBytesMax: number = LINE_BYTES_MAX_DEFAULT, firstNumber = 1) {
    this.#lineBytesMax = lineBytesMax;
    this.#number = firstNumber;
  }

  /** The lines that `chunk` completes. The chunk may be reused once they have been read. */
  *push(chunk: Uint8Array): Generator<Line> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    for (let end = bytes.indexOf(LF); end >= 0; end = bytes.indexOf(LF, start)) {
      const line = this.#complete(bytes.subarray(start, end));
      if (line !== undefined) yield line;
      start = end + 1;
    }
    const overlong = this.#keep(bytes.subarray(start));
    if (overlong !== undefined) yield overlong;
  }

  /** The line that the end of the input completes, if any. */
  end(): Line | undefined {
    if (this.#partBytes === 0 && !this.#skipping) return undefined;
    return this.#complete(Buffer.alloc(0));
  }

  #overlong(): FaultyLine {
    return {
      number: this.#number,
      fault: `expected a line of at most ${this.#lineBytesMax} bytes`,
    };
  }

  /** Keeps the start of a line whose end has not come; the fault, the moment it grows too long. */
  #keep(part: Buffer): FaultyLine | undefined {
    if (part.length === 0 || this.#skipping) return undefined;
    if (this.#partBytes + part.length > this.#lineBytesMax) {
      this.#drop();
      this.#skipping = true;
      return this.#overlong();
    }
    this.#parts.push(Buffer.from(part));
    this.#partBytes += part.length;
    return undefined;
  }

  #drop(): void {
    this.#parts = [];
    this.#partBytes = 0;
  }

  #complete(last: Buffer): Line | undefined {
    try {
      if (this.#skipping) return undefined;
      if (this.#partBytes + last.length > this.#lineBytesMax) return this.#overlong();
      const whole = this.#partBytes === 0 ? last : Buffer.concat([...this.#parts, last]);
      const bytes = whole.at(-1) === CR ? whole.subarray(0, -1) : whole;
      return { number: this.#number, text: this.#decoder.decode(bytes) };
    } catch {
      return { number: this.#number, fault: 'expected UTF-8 (other bytes go in *_base64 fields)' };
    } finally {
      this.#drop();
      this.#skipping = false;
      this.#number++;
    }
  }
}
