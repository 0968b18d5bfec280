/**
 * A writer's own idea of a directory tree: it makes operations that will be accepted, all twelve kinds
 * of them, as lines of JSON.
 */
import type { Random } from './random';

type Line = Readonly<Record<string, string | number>>;

/** How often each comes: mostly writes, as on a busy file system. */
const WEIGHTS = {
  create: 12,
  mkdir: 2,
  symlink: 2,
  link: 2,
  unlink: 8,
  rmdir: 1,
  rename: 5,
  write: 40,
  truncate: 4,
  setattr: 14,
  setxattr: 7,
  removexattr: 3,
} as const;
type Op = keyof typeof WEIGHTS;

const OPS_WEIGHTED: readonly Op[] = (Object.keys(WEIGHTS) as Op[]).flatMap((op) =>
  new Array<Op>(WEIGHTS[op]).fill(op),
);
/** Writes go mostly to a few files, so that there is something to compact. */
const HOT_FILES = 32;
const XATTR_KEYS = ['user.owner', 'user.tag', 'user.checksum'];

interface File {
  path: string;
  readonly xattrs: Set<string>;
}

/** Removes one item in constant time; the order of the rest does not matter. */
function removeAt<T>(items: T[], index: number): T | undefined {
  const last = items.pop();
  const removed = items[index];
  if (last === undefined || index >= items.length) return last;
  items[index] = last;
  return removed;
}

export class TreeModel {
  readonly #random: Random;
  readonly #root: string;
  readonly #files: File[] = [];
  /** Directories that stay, and those without anything in them. */
  readonly #directories: string[];
  readonly #emptyDirectories: string[] = [];
  #made = 0;

  /** Everything happens below `root`, which the first lines make. */
  constructor(root: string, random: Random) {
    this.#root = root;
    this.#random = random;
    this.#directories = [root];
  }

  /** To be sent before anything else. */
  opening(): Line[] {
    return [{ op: 'mkdir', path: this.#root, mode: 0o755 }];
  }

  /** One operation that is valid after all those before. */
  next(): Line {
    const op = this.#random.pick(OPS_WEIGHTED) ?? 'create';
    const line = this.#files.length < HOT_FILES ? this.#create() : this.#make(op);
    return line ?? this.#create();
  }

  #make(op: Op): Line | undefined {
    switch (op) {
      case 'create':
        return this.#create();
      case 'mkdir':
        return this.#mkdir();
      case 'symlink':
        return { op, path: this.#newPath('s'), target: this.#anyFile().path };
      case 'link':
        return this.#link();
      case 'unlink':
        return this.#unlink();
      case 'rmdir':
        return this.#rmdir();
      case 'rename':
        return this.#rename();
      case 'write':
        return this.#write();
      case 'truncate':
        return {
          op,
          path: this.#anyFile().path,
          size: this.#random.integer(1 << 20),
          ...this.#now(),
        };
      case 'setattr':
        return {
          op,
          path: this.#hotFile().path,
          mode: this.#random.pick([0o600, 0o640, 0o644, 0o755]) ?? 0o644,
          uid: 1000 + this.#random.integer(8),
          gid: 100,
        };
      case 'setxattr':
        return this.#setxattr();
      case 'removexattr':
        return this.#removexattr();
    }
  }

  #newPath(letter: string): string {
    return `${this.#random.pick(this.#directories) ?? this.#root}/${letter}${this.#made++}`;
  }

  #now(): { mtime_ns: string } {
    return { mtime_ns: `${Date.now()}000000` };
  }

  #anyFile(): File {
    return this.#random.pick(this.#files) ?? { path: this.#root, xattrs: new Set() };
  }

  #hotFile(): File {
    return this.#random.pick(this.#files.slice(0, HOT_FILES)) ?? this.#anyFile();
  }

  #create(): Line {
    const path = this.#newPath('f');
    this.#files.push({ path, xattrs: new Set() });
    return { op: 'create', path, mode: 0o100644, uid: 1000, gid: 100, size: 0, ...this.#now() };
  }

  #mkdir(): Line {
    const path = this.#newPath('d');
    const stays = this.#directories.length < 64;
    (stays ? this.#directories : this.#emptyDirectories).push(path);
    return { op: 'mkdir', path, mode: 0o755 };
  }

  #link(): Line {
    const file = this.#anyFile();
    // The new name is never touched again: both names stay one file.
    return { op: 'link', path: this.#newPath('l'), target_path: file.path };
  }

  #unlink(): Line | undefined {
    const file = removeAt(this.#files, this.#random.integer(this.#files.length));
    return file === undefined ? undefined : { op: 'unlink', path: file.path };
  }

  #rmdir(): Line | undefined {
    const path = this.#emptyDirectories.pop();
    return path === undefined ? undefined : { op: 'rmdir', path };
  }

  #rename(): Line {
    const file = this.#anyFile();
    const path = file.path;
    file.path = this.#newPath('r');
    return { op: 'rename', path, new_path: file.path };
  }

  #write(): Line {
    return {
      op: 'write',
      path: this.#hotFile().path,
      size: this.#random.integer(1 << 24),
      extent_ref: String(this.#random.integer(1 << 30)),
      ...this.#now(),
    };
  }

  #setxattr(): Line {
    const file = this.#anyFile();
    const key = this.#random.pick(XATTR_KEYS) ?? 'user.tag';
    file.xattrs.add(key);
    const value = Buffer.from(`value ${this.#random.integer(1000)}`).toString('base64');
    return { op: 'setxattr', path: file.path, key, value_base64: value };
  }

  #removexattr(): Line | undefined {
    const file = this.#anyFile();
    const [key] = file.xattrs;
    if (key === undefined) return undefined;
    file.xattrs.delete(key);
    return { op: 'removexattr', path: file.path, key };
  }
}
