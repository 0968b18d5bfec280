/** Reads an entry's payload front to back. Reading past its end throws RangeError. */
import {
  FIELD_ATIME,
  FIELD_FLAGS,
  FIELD_MODE,
  FIELD_MTIME,
  FIELD_OWNER,
  FIELD_SIZE,
} from './attribute-fields';
import type { LinkIdentity, OpParts } from './op-parts';
import type { Origin } from './types';

const ATTRIBUTES_BYTES = 64;
const LINK_ID_BYTES = 24;

export class PayloadReader {
  readonly #view: DataView;
  #at = 0;

  constructor(readonly payload: Uint8Array) {
    this.#view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  u8(): number {
    const value = this.#view.getUint8(this.#at);
    this.#at += 1;
    return value;
  }

  u16(): number {
    const value = this.#view.getUint16(this.#at, true);
    this.#at += 2;
    return value;
  }

  u32(): number {
    const value = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return value;
  }

  unsigned(): bigint {
    const value = this.#view.getBigUint64(this.#at, true);
    this.#at += 8;
    return value;
  }

  bytes(count: number): Uint8Array {
    const start = this.#at;
    this.#at += count;
    return this.payload.subarray(start, this.#at);
  }

  linkIdentity(): LinkIdentity {
    const at = this.#at;
    this.#at += LINK_ID_BYTES;
    return {
      incarnation: this.#view.getBigUint64(at, true),
      lsn: this.#view.getBigUint64(at + 8, true),
      site: this.#view.getUint16(at + 16, true),
    };
  }

  /** Whose journals an evict closes. */
  evicted(): Origin {
    const incarnation = this.unsigned();
    return { site: this.u16(), incarnation };
  }

  /** Those that the mask says were given. */
  attributes(entry: OpParts): void {
    const view = this.#view;
    const at = this.#at;
    this.#at += ATTRIBUTES_BYTES;
    const mask = view.getUint32(at, true);
    if ((mask & FIELD_MODE) !== 0) entry.mode = view.getUint32(at + 4, true);
    if ((mask & FIELD_OWNER) !== 0) {
      entry.uid = view.getUint32(at + 8, true);
      entry.gid = view.getUint32(at + 12, true);
    }
    if ((mask & FIELD_SIZE) !== 0) {
      entry.size = view.getBigUint64(at + 16, true);
      entry.extentRef = view.getBigUint64(at + 24, true);
    }
    if ((mask & FIELD_ATIME) !== 0) entry.atimeNs = view.getBigInt64(at + 32, true);
    if ((mask & FIELD_MTIME) !== 0) entry.mtimeNs = view.getBigInt64(at + 40, true);
    if ((mask & FIELD_FLAGS) !== 0) {
      entry.fileFlags = view.getUint32(at + 52, true);
      entry.project = view.getUint32(at + 56, true);
    }
  }

  /** The same of a new object, whose mode and device number are always there. */
  birthAttributes(entry: OpParts): void {
    const at = this.#at;
    this.attributes(entry);
    entry.mode = this.#view.getUint32(at + 4, true);
    entry.rdev = this.#view.getUint32(at + 48, true);
  }
}
