/**
 * A site of the model: turns requests into entries as docs/convergence.md says ("What a site writes
 * for a request"), and hears of other sites' entries.
 */
import {
  ROOT,
  Registers,
  Tree,
  type Change,
  type Entry,
  type Field,
  type Kind,
  type Link,
  type Name,
} from './reference-model';

/** Half of a register that a request leaves as it is. */
export const KEEP = -1;

/** Fields that a request gives; halves of a pair may be KEEP. */
export type Given = Partial<Record<Field, readonly number[]>>;

export type Request =
  | { readonly op: 'create' | 'mkdir' | 'symlink'; readonly path: string; readonly target: string }
  | { readonly op: 'link' | 'rename'; readonly path: string; readonly to: string }
  | { readonly op: 'unlink' | 'rmdir'; readonly path: string }
  | { readonly op: 'write' | 'truncate' | 'setattr'; readonly object: string }
  | {
      readonly op: 'setxattr';
      readonly object: string;
      readonly key: string;
      readonly value: string;
    }
  | { readonly op: 'removexattr'; readonly object: string; readonly key: string };

export type Operation = Request & {
  /** create, mkdir and symlink: a number that the embedder gives. */
  readonly inode?: number;
  readonly given?: Given;
};

export type Outcome = 'written' | 'unchanged' | 'refused';

const HLC_PER_MICROSECOND = 4096;
const NS_PER_MICROSECOND = 1000;
const KINDS: Readonly<Record<'create' | 'mkdir' | 'symlink', readonly [Kind, number]>> = {
  create: ['file', 0o644],
  mkdir: ['directory', 0o755],
  symlink: ['symlink', 0o777],
};

interface Place {
  readonly parent: number;
  readonly name: string;
}

export class Site {
  readonly registers = new Registers();
  /** This site's own entries, in order. */
  readonly journal: Entry[] = [];
  clockUs = 0;
  private lastHlc = 0;
  private minted = 0;
  private current: Tree | undefined;

  constructor(
    readonly id: number,
    readonly incarnation: number,
  ) {}

  get tree(): Tree {
    return (this.current ??= new Tree(this.registers));
  }

  receive(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.merge(entry);
      this.lastHlc = Math.max(this.lastHlc, entry.stamp.hlc);
    }
  }

  request(operation: Operation): Outcome {
    const { given = {} } = operation;
    switch (operation.op) {
      case 'create':
      case 'mkdir':
      case 'symlink':
        return this.make(operation, operation.op, given);
      case 'link':
        return this.link(operation.path, operation.to);
      case 'unlink':
      case 'rmdir':
        return this.remove(operation.path, operation.op === 'rmdir');
      case 'rename':
        return this.rename(operation.path, operation.to);
      case 'write':
      case 'truncate':
      case 'setattr':
        return this.change(operation.object, operation.op, given);
      case 'setxattr':
        return this.changeXattr(operation.object, operation.key, operation.value);
      case 'removexattr':
        return this.changeXattr(operation.object, operation.key, undefined);
    }
  }

  /** The inode at a path, or of a number written `#n`; undefined if there is none. */
  objectAt(object: string): number | undefined {
    if (!object.startsWith('#')) return object === '/' ? ROOT : this.nameAt(object)?.inode;
    const inode = Number(object.slice(1));
    return this.registers.kindOf(inode) === undefined ? undefined : inode;
  }

  private make(
    { path, target, inode: wanted }: Extract<Operation, { target: string }>,
    op: 'create' | 'mkdir' | 'symlink',
    given: Given,
  ): Outcome {
    const place = this.placeAt(path);
    if (place === undefined || this.nameAt(path) !== undefined) return 'refused';
    if (wanted !== undefined && this.registers.kindOf(wanted) !== undefined) return 'refused';
    const inode = wanted ?? this.id * 2 ** 48 + this.minted + 1;
    if (wanted === undefined) this.minted++;
    const [kind, mode] = KINDS[op];
    const nowNs = this.clockUs * NS_PER_MICROSECOND;
    const unwritten: Record<Field, readonly number[]> = {
      mode: [mode],
      owner: [0, 0],
      size: [op === 'symlink' ? target.length : 0, 0],
      atime: [nowNs],
      mtime: [nowNs],
      flags: [0, 0],
    };
    const fields = Object.entries(unwritten).map(([name, value]): Change => {
      const field = name as Field;
      return { is: 'field', inode, field, value: completed(given[field] ?? value, value) };
    });
    const id = this.nextId();
    this.write(
      { is: 'existence', inode, kind, target },
      ...fields,
      { is: 'asserted', inode },
      { is: 'link', inode, id, ...place, removed: false },
    );
    return 'written';
  }

  private link(path: string, to: string): Outcome {
    const inode = this.objectAt(path);
    const place = this.placeAt(to);
    if (inode === undefined || this.registers.kindOf(inode) === 'directory') return 'refused';
    if (place === undefined || this.nameAt(to) !== undefined) return 'refused';
    this.write({ is: 'link', inode, id: this.nextId(), ...place, removed: false });
    return 'written';
  }

  private remove(path: string, directory: boolean): Outcome {
    const name = this.nameAt(path);
    if (name === undefined || this.isDirectory(name) !== directory) return 'refused';
    if (directory && this.tree.names(name.inode).size > 0) return 'refused';
    this.keepInPlace([name.inode], name.parent);
    this.write(removal(name.link, name));
    this.unlinkHidden(name);
    return 'written';
  }

  private rename(path: string, to: string): Outcome {
    const moved = this.nameAt(path);
    const place = this.placeAt(to);
    if (moved === undefined || place === undefined) return 'refused';
    const replaced = this.nameAt(to);
    if (replaced?.inode === moved.inode) return 'unchanged';
    if (replaced !== undefined) {
      if (this.isDirectory(moved) !== this.isDirectory(replaced)) return 'refused';
      if (this.tree.names(replaced.inode).size > 0) return 'refused';
    }
    if (this.isDirectory(moved) && `${to}/`.startsWith(`${path}/`)) return 'refused';
    const leaving = replaced === undefined ? [moved.inode] : [moved.inode, replaced.inode];
    this.keepInPlace(leaving, moved.parent);
    this.write(
      { is: 'link', inode: moved.inode, id: moved.link.id, ...place, removed: false },
      ...(replaced === undefined ? [] : [removal(replaced.link, place)]),
    );
    this.unlinkHidden(moved);
    if (replaced !== undefined) this.unlinkHidden(replaced);
    return 'written';
  }

  private change(object: string, op: 'write' | 'truncate' | 'setattr', given: Given): Outcome {
    const inode = this.objectAt(object);
    if (inode === undefined) return 'refused';
    if (op !== 'setattr' && this.registers.kindOf(inode) !== 'file') return 'refused';
    const nowNs = this.clockUs * NS_PER_MICROSECOND;
    const all: Given = op === 'setattr' ? given : { mtime: [nowNs], ...given };
    const fields = Object.entries(all).map(([name, value]): Change => {
      const field = name as Field;
      return {
        is: 'field',
        inode,
        field,
        value: completed(value, this.registers.field(inode, field)),
      };
    });
    this.write(...fields, ...this.assertion(inode));
    return 'written';
  }

  private changeXattr(object: string, key: string, value: string | undefined): Outcome {
    const inode = this.objectAt(object);
    if (inode === undefined) return 'refused';
    this.write({ is: 'xattr', inode, key, value }, ...this.assertion(inode));
    return 'written';
  }

  /** Asserts links if the site sees no link of the inode as removed. */
  private assertion(inode: number): Change[] {
    const gone = this.registers
      .links(inode)
      .some((link) => link.removed && !this.tree.living.has(link));
    return gone ? [] : [{ is: 'asserted', inode }];
  }

  /**
   * Before inodes leave their places, one of them the directory `from`: renames what the tree, as the
   * request meets it, would not show any more to the names that it shows under.
   */
  private keepInPlace(leaving: readonly number[], from: number): void {
    const { tree } = this;
    const kept = new Set<number>();
    const keepCut = (inode: number): void => {
      const cut = tree.cutOf.get(inode);
      if (cut !== undefined && cut.inode !== inode) kept.add(cut.inode);
    };
    leaving.forEach(keepCut);
    if (tree.heldUp.has(from)) {
      keepCut(from);
      kept.add(from);
    }
    for (const inode of kept) {
      const [shown] = tree.namesOf(inode);
      if (shown === undefined) throw new Error('what is kept shows');
      const { link, parent, name } = shown;
      this.write({ ...linkOf(link), parent, name, removed: false });
    }
  }

  private unlinkHidden(name: Name): void {
    for (const link of name.hides) this.write(removal(link, name));
  }

  private write(...changes: Change[]): void {
    const hlc = Math.max(this.clockUs * HLC_PER_MICROSECOND, this.lastHlc + 1);
    const stamp = { hlc, ...this.nextId() };
    const entry: Entry = { stamp, changes: changes.map((change) => ({ ...change, stamp })) };
    this.lastHlc = hlc;
    this.journal.push(entry);
    this.merge(entry);
  }

  private merge(entry: Entry): void {
    this.registers.merge(entry);
    this.current = undefined;
  }

  private nextId(): { site: number; incarnation: number; lsn: number } {
    return { site: this.id, incarnation: this.incarnation, lsn: this.journal.length + 1 };
  }

  private isDirectory({ inode }: Name): boolean {
    return this.registers.kindOf(inode) === 'directory';
  }

  /** The visible directory and the name in it that a path means, there or not. */
  private placeAt(path: string): Place | undefined {
    const slash = path.lastIndexOf('/');
    const parent = slash === 0 ? ROOT : this.nameAt(path.slice(0, slash))?.inode;
    if (parent === undefined || this.registers.kindOf(parent) !== 'directory') return undefined;
    return { parent, name: path.slice(slash + 1) };
  }

  private nameAt(path: string): Name | undefined {
    const place = this.placeAt(path);
    return place === undefined ? undefined : this.tree.names(place.parent).get(place.name);
  }
}

function completed(given: readonly number[], current: readonly number[]): readonly number[] {
  return given.map((value, half) => (value === KEEP ? (current[half] ?? 0) : value));
}

function linkOf({ inode, id }: Link): Pick<Extract<Change, { is: 'link' }>, 'is' | 'inode' | 'id'> {
  return { is: 'link', inode, id };
}

/** An unlink says which link, and the name it was known by. */
function removal(link: Link, { parent, name }: Place): Change {
  return { ...linkOf(link), parent, name, removed: true };
}
