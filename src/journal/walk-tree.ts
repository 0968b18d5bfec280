/**
 * A real directory tree as operations: what `journal import` appends.
 *
 * Names are read and passed on as bytes. The order is the same for the same tree: a directory comes
 * before what is in it, its entries in byte order. Everything that lstat tells is taken: kind, mode,
 * owner, size, times, device numbers; further names of one inode become hard links to the first.
 * Extended attributes are not read: Node has no call for it.
 */
import * as fs from 'node:fs';
import type { Operation } from '../../bindings';

export interface WalkOptions {
  /** Absolute path in the replicated tree that the directory's contents go under. Default "/". */
  readonly target?: string | Uint8Array;
  /** Operations in a batch. Default 1024. */
  readonly batchOperations?: number;
}

export interface SkippedName {
  /** The path on this machine, readable. */
  readonly path: string;
  readonly reason: string;
}

/** Counts so far; the walker's own object, live. */
export interface WalkTotals {
  names: number;
  directories: number;
  files: number;
  symlinks: number;
  hardLinks: number;
  /** Fifos, sockets and devices. */
  specials: number;
  /** Sum of the sizes of regular files. */
  bytes: bigint;
  /** Vanished while reading, or unreadable. `skippedNames` holds the first 100. */
  skipped: number;
  skippedNames: SkippedName[];
}

export interface TreeWalk {
  readonly totals: WalkTotals;
  /** The operations, in batches; once. The whole target path is made first, except "/" itself. */
  batches(): AsyncGenerator<Operation[], void>;
}

/** How long the event loop may be kept waiting. */
const SLICE_MS = 4;
/** Names as bytes; the declarations of Node know only strings here. */
const READ_OPTIONS = { encoding: 'buffer' as BufferEncoding, bufferSize: 256 };
const SKIPPED_NAMES_MAX = 100;
const SLASH = Buffer.from('/');

interface Entry {
  readonly name: Buffer;
  readonly stats: fs.BigIntStats;
}

/** A directory whose entries are being handed out. */
interface Level {
  readonly source: Buffer;
  readonly target: Buffer;
  readonly entries: readonly Entry[];
  next: number;
}

function join(directory: Buffer, name: Buffer): Buffer {
  const prefixBytes = directory.length === 1 ? 0 : directory.length;
  const path = Buffer.allocUnsafe(prefixBytes + 1 + name.length);
  directory.copy(path, 0, 0, prefixBytes);
  path[prefixBytes] = SLASH[0] as number;
  name.copy(path, prefixBytes + 1);
  return path;
}

/**
 * Lets the event loop turn when this thread has worked long enough. lstat on this thread costs a
 * seventh of what it costs through the thread pool, so it is done here, in slices.
 */
class Slices {
  #startedAtMs = performance.now();

  async turn(): Promise<void> {
    if (performance.now() - this.#startedAtMs < SLICE_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#startedAtMs = performance.now();
  }
}

class Walker implements TreeWalk {
  readonly totals: WalkTotals = {
    names: 0,
    directories: 0,
    files: 0,
    symlinks: 0,
    hardLinks: 0,
    specials: 0,
    bytes: 0n,
    skipped: 0,
    skippedNames: [],
  };
  readonly #root: Buffer;
  readonly #target: Buffer;
  readonly #batchOperations: number;
  /** Where an inode with several names was first met; only those are kept. */
  readonly #firstNames = new Map<string, Buffer>();
  readonly #slices = new Slices();

  constructor(root: Buffer, target: Buffer, batchOperations: number) {
    this.#root = root;
    this.#target = target;
    this.#batchOperations = batchOperations;
  }

  async *batches(): AsyncGenerator<Operation[], void> {
    let batch: Operation[] = [];
    for await (const operations of this.#operations()) {
      for (const operation of operations) {
        batch.push(operation);
        if (batch.length < this.#batchOperations) continue;
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  }

  async *#operations(): AsyncGenerator<Operation[], void> {
    const stats = await fs.promises.lstat(this.#root, { bigint: true });
    if (!stats.isDirectory()) throw new Error(`${this.#root.toString()}: expected a directory`);
    yield this.#makeTarget(stats);
    // Depth first, one open level a depth: memory grows with depth and width, not with the tree.
    const levels = [await this.#open(this.#root, this.#target)];
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const operations: Operation[] = [];
      let below: Level | undefined;
      while (level.next < level.entries.length && below === undefined) {
        const entry = level.entries[level.next++] as Entry;
        const source = join(level.source, entry.name);
        const target = join(level.target, entry.name);
        const operation = this.#describe(source, target, entry.stats);
        if (operation === undefined) continue;
        operations.push(operation);
        if (entry.stats.isDirectory()) below = await this.#open(source, target);
      }
      yield operations;
      if (below !== undefined) levels.push(below);
      else levels.pop();
    }
  }

  /** mkdir for every part of the target path but those that are the root of the replicated tree. */
  #makeTarget(stats: fs.BigIntStats): Operation[] {
    const operations: Operation[] = [];
    if (this.#target.equals(SLASH)) return operations;
    for (let end = this.#target.indexOf(SLASH, 1); ; end = this.#target.indexOf(SLASH, end + 1)) {
      const last = end < 0;
      const path = last ? this.#target : this.#target.subarray(0, end);
      operations.push({ op: 'mkdir', path, ...attributes(stats) });
      this.totals.names++;
      this.totals.directories++;
      if (last) return operations;
    }
  }

  /** Reads a directory: the names in byte order, with what lstat tells of each. */
  async #open(source: Buffer, target: Buffer): Promise<Level> {
    const entries: Entry[] = [];
    for (const name of await this.#names(source)) {
      const path = join(source, name);
      try {
        entries.push({ name, stats: fs.lstatSync(path, { bigint: true }) });
      } catch (error) {
        this.#skip(path, error);
      }
      await this.#slices.turn();
    }
    return { source, target, entries, next: 0 };
  }

  async #names(source: Buffer): Promise<Buffer[]> {
    const names: Buffer[] = [];
    try {
      const directory = fs.opendirSync(source, READ_OPTIONS);
      try {
        for (let row = directory.readSync(); row !== null; row = directory.readSync()) {
          names.push(row.name as unknown as Buffer);
          if (names.length % READ_OPTIONS.bufferSize === 0) await this.#slices.turn();
        }
      } finally {
        directory.closeSync();
      }
    } catch (error) {
      this.#skip(source, error);
    }
    return names.sort((a, b) => a.compare(b));
  }

  #describe(source: Buffer, path: Buffer, stats: fs.BigIntStats): Operation | undefined {
    if (stats.isDirectory()) {
      this.#count('directories');
      return { op: 'mkdir', path, ...attributes(stats) };
    }
    const linked = this.#knownInode(path, stats);
    if (linked !== undefined) {
      this.#count('hardLinks');
      return { op: 'link', path, targetPath: linked };
    }
    if (stats.isSymbolicLink()) {
      try {
        const target = fs.readlinkSync(source, { encoding: 'buffer' });
        this.#count('symlinks');
        return { op: 'symlink', path, target, ...attributes(stats) };
      } catch (error) {
        this.#skip(source, error);
        return undefined;
      }
    }
    if (stats.isFile()) {
      this.#count('files');
      this.totals.bytes += stats.size;
      return { op: 'create', path, ...attributes(stats) };
    }
    this.#count('specials');
    const device = stats.isBlockDevice() || stats.isCharacterDevice();
    return {
      op: 'create',
      path,
      ...attributes(stats),
      ...(device ? { rdev: Number(stats.rdev) } : {}),
    };
  }

  /** The first name of an inode that has several and was met before; remembers it otherwise. */
  #knownInode(path: Buffer, stats: fs.BigIntStats): Buffer | undefined {
    if (stats.nlink <= 1n) return undefined;
    const key = `${stats.dev}:${stats.ino}`;
    const known = this.#firstNames.get(key);
    if (known === undefined) this.#firstNames.set(key, path);
    return known;
  }

  #count(what: 'directories' | 'files' | 'symlinks' | 'hardLinks' | 'specials'): void {
    this.totals.names++;
    this.totals[what]++;
  }

  #skip(path: Buffer, error: unknown): void {
    this.totals.skipped++;
    if (this.totals.skippedNames.length >= SKIPPED_NAMES_MAX) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.totals.skippedNames.push({ path: path.toString(), reason });
  }
}

function attributes(stats: fs.BigIntStats): {
  mode: number;
  uid: number;
  gid: number;
  size: bigint;
  atimeNs: bigint;
  mtimeNs: bigint;
} {
  return {
    mode: Number(stats.mode),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: stats.isFile() || stats.isSymbolicLink() ? stats.size : 0n,
    atimeNs: stats.atimeNs,
    mtimeNs: stats.mtimeNs,
  };
}

/** Prepares to walk `root`, a directory on this machine; `batches()` does it. */
export function walkTree(root: string | Uint8Array, options: WalkOptions = {}): TreeWalk {
  const target = stripSlash(Buffer.from(options.target ?? '/'));
  if (target[0] !== SLASH[0]) {
    throw new Error(
      `target: expected an absolute path such as "/import", got "${target.toString()}"`,
    );
  }
  return new Walker(stripSlash(Buffer.from(root)), target, options.batchOperations ?? 1024);
}

/** Without slashes at the end; "/" stays. */
function stripSlash(path: Buffer): Buffer {
  let end = path.length;
  while (end > 1 && path[end - 1] === SLASH[0]) end--;
  return path.subarray(0, end);
}
