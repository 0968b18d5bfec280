/**
 * Reads the rows in which native/addon/inode_rows.h packs what it found. A worker thread packs, so that
 * a page of a thousand names costs this thread only its reading. The layout is in that file.
 */
import type { InodeInfo, Kind, NamedInode } from './types';

const ROW_FIXED_BYTES = 96;

/** By the type bits of a mode (S_IFMT >> 12). */
const KINDS: Readonly<Record<number, Kind>> = {
  1: 'fifo',
  2: 'chardevice',
  4: 'directory',
  6: 'blockdevice',
  8: 'file',
  10: 'symlink',
  12: 'socket',
};

/** Every row of a page; bytes of paths, targets, keys and values are views of the page. */
export function readRows(page: Uint8Array): NamedInode[] {
  // An empty page of native memory counts as detached: there is nothing to view.
  if (page.byteLength === 0) return [];
  const reader = new RowReader(page);
  const rows: NamedInode[] = [];
  while (!reader.atEnd) rows.push(reader.readRow());
  return rows;
}

/** The one row of a lookup. */
export function readInode(page: Uint8Array): InodeInfo {
  return new RowReader(page).readRow().info;
}

class RowReader {
  readonly #view: DataView;
  #at = 0;

  constructor(readonly page: Uint8Array) {
    this.#view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  }

  get atEnd(): boolean {
    return this.#at >= this.page.byteLength;
  }

  readRow(): NamedInode {
    const view = this.#view;
    const at = this.#at;
    const mode = view.getUint32(at + 48, true);
    const info: InodeInfo = {
      inode: view.getBigUint64(at, true),
      kind: KINDS[mode >>> 12] ?? 'file',
      mode,
      uid: view.getUint32(at + 52, true),
      gid: view.getUint32(at + 56, true),
      size: view.getBigUint64(at + 8, true),
      extentRef: view.getBigUint64(at + 16, true),
      atimeNs: view.getBigInt64(at + 24, true),
      mtimeNs: view.getBigInt64(at + 32, true),
      ctimeNs: view.getBigInt64(at + 40, true),
      rdev: view.getUint32(at + 60, true),
      fileFlags: view.getUint32(at + 64, true),
      project: view.getUint32(at + 68, true),
      nlink: view.getUint32(at + 72, true),
      xattrs: [],
    };
    const pathBytes = view.getUint32(at + 76, true);
    const targetBytes = view.getUint32(at + 80, true);
    const xattrCount = view.getUint32(at + 84, true);
    const pathCount = view.getUint32(at + 88, true);
    const isLookup = view.getUint32(at + 92, true) !== 0;
    this.#at = at + ROW_FIXED_BYTES;
    const path = this.#take(pathBytes);
    if (info.kind === 'symlink') info.target = this.#take(targetBytes);
    for (let i = 0; i < xattrCount; i++) {
      info.xattrs.push({ key: this.#takeCounted(), value: this.#takeCounted() });
    }
    if (isLookup) {
      info.paths = Array.from({ length: pathCount }, () => this.#takeCounted());
    }
    return { path, info };
  }

  #takeCounted(): Uint8Array {
    const bytes = this.#view.getUint32(this.#at, true);
    this.#at += 4;
    return this.#take(bytes);
  }

  #take(bytes: number): Uint8Array {
    const start = this.#at;
    this.#at += bytes;
    return this.page.subarray(start, this.#at);
  }
}
