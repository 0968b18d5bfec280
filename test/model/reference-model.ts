/**
 * What every site shows, computed the simplest way there is: written from docs/convergence.md alone,
 * plain maps, everything anew each time. The native state must show the same.
 */

export const ROOT = 1;
const NAME_BYTES_MAX = 255;

export type Kind = 'directory' | 'file' | 'symlink';

/** In order of comparison. */
export interface Stamp {
  readonly hlc: number;
  readonly site: number;
  readonly incarnation: number;
  readonly lsn: number;
}

/** A link's identity is the site, incarnation and LSN of the entry that made it. */
export type LinkId = Pick<Stamp, 'site' | 'incarnation' | 'lsn'>;

const FIELDS = ['mode', 'owner', 'size', 'atime', 'mtime', 'flags'] as const;
export type Field = (typeof FIELDS)[number];
const ROOT_FIELDS: Readonly<Record<Field, readonly number[]>> = {
  ...{ mode: [0o755], owner: [0, 0], size: [0, 0], atime: [0], mtime: [0], flags: [0, 0] },
};

/** The change of one register. */
export type Change =
  | {
      readonly is: 'existence';
      readonly inode: number;
      readonly kind: Kind;
      readonly target: string;
    }
  | {
      readonly is: 'field';
      readonly inode: number;
      readonly field: Field;
      readonly value: readonly number[];
    }
  | { readonly is: 'asserted'; readonly inode: number }
  | {
      readonly is: 'xattr';
      readonly inode: number;
      readonly key: string;
      readonly value: string | undefined;
    }
  | {
      readonly is: 'link';
      readonly inode: number;
      readonly id: LinkId;
      readonly parent: number;
      readonly name: string;
      readonly removed: boolean;
    };

type Stamped<Of extends Change> = Of & { readonly stamp: Stamp };
type Held<Is extends Change['is']> = Stamped<Extract<Change, { is: Is }>>;
export type Link = Held<'link'>;

export interface Entry {
  readonly stamp: Stamp;
  readonly changes: readonly Stamped<Change>[];
}

export function compareStamps(a: Stamp, b: Stamp): number {
  return a.hlc - b.hlc || compareIds(a, b);
}

function compareIds(a: LinkId, b: LinkId): number {
  return a.site - b.site || a.incarnation - b.incarnation || a.lsn - b.lsn;
}

/** "Links are compared by rank": stamp, present before removed, inode, identity. */
function compareRank(a: Link, b: Link): number {
  return (
    compareStamps(a.stamp, b.stamp) ||
    Number(b.removed) - Number(a.removed) ||
    a.inode - b.inode ||
    compareIds(a.id, b.id)
  );
}

/** The registers of one inode: each holds the change with the greatest stamp. */
class InodeRegisters {
  existence: Held<'existence'> | undefined;
  asserted: Held<'asserted'> | undefined;
  readonly fields = new Map<Field, Held<'field'>>();
  readonly xattrs = new Map<string, Held<'xattr'>>();
  readonly links = new Map<string, Link>();

  merge(change: Stamped<Change>): void {
    if (change.is === 'existence') this.existence = greater(this.existence, change);
    if (change.is === 'asserted') this.asserted = greater(this.asserted, change);
    if (change.is === 'field') keep(this.fields, change.field, change);
    if (change.is === 'xattr') keep(this.xattrs, change.key, change);
    if (change.is === 'link') {
      const { site, incarnation, lsn } = change.id;
      keep(this.links, `${site}.${incarnation}.${lsn}`, change);
    }
  }
}

export class Registers {
  readonly inodes = new Map<number, InodeRegisters>();

  merge({ changes }: Entry): void {
    for (const change of changes) {
      let registers = this.inodes.get(change.inode);
      if (registers === undefined)
        this.inodes.set(change.inode, (registers = new InodeRegisters()));
      registers.merge(change);
    }
  }

  kindOf(inode: number): Kind | undefined {
    return inode === ROOT ? 'directory' : this.inodes.get(inode)?.existence?.kind;
  }

  /** The numbers in a field. Of an inode that exists, only the root's may be unwritten. */
  field(inode: number, field: Field): readonly number[] {
    return this.inodes.get(inode)?.fields.get(field)?.value ?? ROOT_FIELDS[field];
  }

  links(inode: number): Link[] {
    return [...(this.inodes.get(inode)?.links.values() ?? [])];
  }
}

function greater<Value extends { readonly stamp: Stamp }>(
  held: Value | undefined,
  value: Value,
): Value {
  return held === undefined || compareStamps(value.stamp, held.stamp) > 0 ? value : held;
}

function keep<Key, Value extends { readonly stamp: Stamp }>(
  registers: Map<Key, Value>,
  key: Key,
  value: Value,
): void {
  registers.set(key, greater(registers.get(key), value));
}

/** A name in a directory, as users see it. */
export interface Name {
  readonly parent: number;
  readonly name: string;
  readonly inode: number;
  readonly link: Link;
  /** Links of the same inode that this name hides. */
  readonly hides: readonly Link[];
}

/** The visible tree of a set of registers. */
export class Tree {
  /** By directory, then name; also of directories that nothing leads to yet. */
  readonly directories = new Map<number, Map<string, Name>>();
  readonly living: ReadonlySet<Link>;
  /** Removed directories that live only by what is in them. */
  readonly heldUp: ReadonlySet<number>;
  /** For each directory on a cut cycle the link that is the cut. */
  readonly cutOf = new Map<number, Link>();
  private readonly shownNames = new Map<number, Name[]>();

  constructor(readonly registers: Registers) {
    [this.living, this.heldUp] = livingLinks(registers);
    this.cutCycles();
    this.giveNames();
  }

  names(directory: number): ReadonlyMap<string, Name> {
    return this.directories.get(directory) ?? new Map<string, Name>();
  }

  namesOf(inode: number): readonly Name[] {
    return this.shownNames.get(inode) ?? [];
  }

  /** All paths from the root. */
  paths(): Map<string, Name> {
    const paths = new Map<string, Name>();
    const walk = (directory: number, prefix: string): void => {
      for (const name of this.names(directory).values()) {
        paths.set(`${prefix}/${name.name}`, name);
        if (this.registers.kindOf(name.inode) === 'directory')
          walk(name.inode, `${prefix}/${name.name}`);
      }
    };
    walk(ROOT, '');
    return paths;
  }

  linkCount(inode: number): number {
    if (this.registers.kindOf(inode) !== 'directory') return this.namesOf(inode).length;
    const inside = [...this.names(inode).values()];
    return 2 + inside.filter((n) => this.registers.kindOf(n.inode) === 'directory').length;
  }

  /** One line for the root and each path, in byte order of the paths. */
  dump(): string {
    const rows = [...this.paths()].sort(([a], [b]) => (a < b ? -1 : 1));
    return ['/' + this.describe(ROOT), ...rows.map(([path, n]) => path + this.describe(n.inode))]
      .map((line) => `${line}\n`)
      .join('');
  }

  private describe(inode: number): string {
    const { registers } = this;
    const fields = FIELDS.map((field) => {
      const value = registers.field(inode, field);
      return field === 'mode' ? (value[0] ?? 0).toString(8) : value.join('/');
    });
    const own = registers.inodes.get(inode);
    const xattrs = [...(own?.xattrs.values() ?? [])]
      .filter(({ value }) => value !== undefined)
      .map(({ key, value }) => ` ${key}=${value ?? ''}`)
      .sort();
    const { kind, target } = own?.existence ?? { kind: 'directory', target: '' };
    const shown = target === '' ? '' : ` -> ${target}`;
    const links = this.linkCount(inode);
    return ` ${kind} ${inode} ${fields.join(' ')} ${links}${shown}${xattrs.join('')}`;
  }

  /** Rule 3: the link of highest rank in each ring of directories. */
  private cutCycles(): void {
    const up = new Map<number, Link>();
    for (const link of this.living) {
      if (this.registers.kindOf(link.inode) === 'directory') up.set(link.inode, link);
    }
    for (const start of up.keys()) {
      const walked: Link[] = [];
      for (let at = up.get(start); at !== undefined && walked.length < up.size;) {
        walked.push(at);
        if (at.parent === start) break;
        at = up.get(at.parent);
      }
      if (walked.at(-1)?.parent !== start) continue;
      this.cutOf.set(start, highest(walked));
    }
  }

  /** Where a link shows. */
  private placeOf(link: Link): number {
    return this.cutOf.get(link.inode) === link ? ROOT : link.parent;
  }

  /** Rule 4. */
  private giveNames(): void {
    const groups = new Map<string, Link[]>();
    for (const link of this.living) {
      const parent = this.placeOf(link);
      if (this.registers.kindOf(parent) !== 'directory') continue;
      const key = `${parent}/${link.name}`;
      groups.set(key, [...(groups.get(key) ?? []), link]);
    }
    for (const group of groups.values()) {
      group.sort((a, b) => compareRank(b, a));
      group.forEach((link, index) => {
        if (group.findIndex((other) => other.inode === link.inode) < index) return;
        const parent = this.placeOf(link);
        let { name } = link;
        for (let tildes = 0; index > 0 && groups.has(`${parent}/${name}`); tildes++) {
          name = aliasOf(link, tildes);
        }
        const hides = group.filter((other) => other.inode === link.inode && other !== link);
        this.show({ parent, name, inode: link.inode, link, hides });
      });
    }
  }

  private show(name: Name): void {
    const names = this.directories.get(name.parent) ?? new Map<string, Name>();
    this.directories.set(name.parent, names.set(name.name, name));
    this.shownNames.set(name.inode, [...this.namesOf(name.inode), name]);
  }
}

/** Rules 1 and 2. */
function livingLinks(registers: Registers): [Set<Link>, Set<number>] {
  const living = new Set<Link>();
  const heldUp = new Set<number>();
  let doubtful: Link[] = [];
  for (const [inode, { asserted, links }] of registers.inodes) {
    const kind = registers.kindOf(inode);
    if (kind === undefined || links.size === 0) continue;
    const all = [...links.values()];
    const own = all.filter(
      ({ removed, stamp }) =>
        !removed || (asserted !== undefined && compareStamps(asserted.stamp, stamp) > 0),
    );
    if (kind !== 'directory') own.forEach((link) => living.add(link));
    else if (own.length > 0) living.add(highest(own));
    else doubtful.push(highest(all));
  }
  for (let before = -1; before !== living.size;) {
    before = living.size;
    const parents = new Set([...living].map((link) => link.parent));
    for (const link of doubtful.filter(({ inode }) => parents.has(inode))) {
      living.add(link);
      heldUp.add(link.inode);
    }
    doubtful = doubtful.filter((link) => !living.has(link));
  }
  return [living, heldUp];
}

function highest(links: readonly Link[]): Link {
  return links.reduce((a, b) => (compareRank(a, b) > 0 ? a : b));
}

/** `<name>~<site>.<incarnation>.<lsn>` and more tildes, the name cut so that it fits. */
function aliasOf({ name, id }: Link, tildes: number): string {
  const suffix = `~${id.site}.${id.incarnation.toString(16)}.${id.lsn}${'~'.repeat(tildes)}`;
  return name.slice(0, NAME_BYTES_MAX - suffix.length) + suffix; // names here are ASCII
}
