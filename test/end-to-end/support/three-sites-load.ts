/**
 * What the sites write while partitions come and go: things that several of them change, each once, in
 * every way that may conflict; a few that all of them change all the time; and what is each one's own.
 */
import type { Random } from '../../../deploy/demo/random';
import type { Intent, WrittenSite } from './written-site';

/** Makes one write, or says which to make. */
export type Step = (site: WrittenSite) => Promise<Intent | undefined>;

type Line = Readonly<Record<string, unknown>>;
type Write = readonly [site: number, intent: Intent];

/** What several sites do to one thing, apart if they do not hear of each other before. */
interface Meeting {
  /** Lines that make what it takes, known to all sites before. */
  readonly setup: readonly Line[];
  /** `inode`: of what the first of those lines made. */
  readonly writes: (inode: string) => readonly Write[];
}

const HOT_FILES = 3;
const HOT_STEPS = 4;
const OWN_STEPS = 2;
const KEY = 'user.k';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

function setMode(inode: string, mode: number): Pick<Intent, 'line' | 'entry'> {
  return { line: { op: 'setattr', inode, mode }, entry: { op: 'setattr', inode, mode } };
}

function setSize(inode: string, size: number): Pick<Intent, 'line' | 'entry'> {
  const entry = { op: 'truncate', inode, size: String(size) };
  return { line: { op: 'truncate', inode, size }, entry };
}

function setXattr(inode: string, text: string): Pick<Intent, 'line' | 'entry'> {
  const line = { op: 'setxattr', inode, key: KEY, value_base64: base64(text) };
  return { line, entry: line };
}

function move(path: string, to: string): Pick<Intent, 'line' | 'entry'> {
  const entry = { op: 'rename', new_name: to.slice(to.lastIndexOf('/') + 1) };
  return { line: { op: 'rename', path, new_path: to }, entry };
}

/** Each kind of meeting, at sites `a`, `b` and perhaps `c`, with paths that nobody else uses. */
const MEETINGS: readonly ((path: string, sites: readonly number[]) => Meeting)[] = [
  function sameField(path, sites): Meeting {
    return {
      setup: [{ op: 'create', path }],
      writes: (inode) =>
        sites.map((site) => {
          const of = { register: `mode ${inode}`, rule: 'later' } as const;
          return [site, { ...of, ...setMode(inode, 0o700 + site) }];
        }),
    };
  },
  function xattrSetAndRemoved(path, [a = 0, b = 0]): Meeting {
    return {
      setup: [
        { op: 'create', path },
        { op: 'setxattr', path, key: KEY, value_base64: base64('first') },
      ],
      writes: (inode) => {
        const of = { register: `xattr ${inode}`, rule: 'later' } as const;
        const line = { op: 'removexattr', inode, key: KEY };
        return [
          [a, { ...of, ...setXattr(inode, 'second') }],
          [b, { ...of, line, entry: line }],
        ];
      },
    };
  },
  function oneName(path, sites): Meeting {
    const name = path.slice(1);
    const kinds = [{ op: 'create' }, { op: 'mkdir' }, { op: 'symlink', target: 'away' }];
    return {
      setup: [],
      writes: () =>
        sites.map((site, index) => {
          const kind = kinds[(index + site) % kinds.length] ?? { op: 'create' };
          const entry = { op: kind.op, name };
          return [
            site,
            { register: `name ${path}`, rule: 'later', line: { ...kind, path }, entry },
          ];
        }),
    };
  },
  function renames(path, sites): Meeting {
    return {
      setup: [{ op: 'create', path }],
      writes: () =>
        sites.map((site) => {
          const of = { register: `rename ${path}`, rule: 'later' } as const;
          return [site, { ...of, ...move(path, `${path}-by-${site}`) }];
        }),
    };
  },
  function unlinkAndChange(path, [a = 0, b = 0]): Meeting {
    return {
      setup: [{ op: 'create', path }],
      writes: (inode) => {
        const of = { register: `unlink ${inode}`, rule: 'later' } as const;
        const changes = [setMode(inode, 0o600), setSize(inode, 9), setXattr(inode, 'kept')];
        const change = changes[(a + 2 * b) % changes.length] ?? setMode(inode, 0o600);
        const entry = { op: 'unlink', inode };
        return [
          [a, { ...of, line: { op: 'unlink', path }, entry }],
          [b, { ...of, ...change }],
        ];
      },
    };
  },
  function cycle(path, [a = 0, b = 0]): Meeting {
    const [one, two] = [`${path}-one`, `${path}-two`];
    const of = { register: `cycle ${path}`, rule: 'cycle' } as const;
    return {
      setup: [
        { op: 'mkdir', path: one },
        { op: 'mkdir', path: two },
      ],
      writes: () => [
        [a, { ...of, ...move(one, `${two}${path}`) }],
        [b, { ...of, ...move(two, `${one}${path}`) }],
      ],
    };
  },
  function rmdirAndCreateInside(path, [a = 0, b = 0]): Meeting {
    const of = { register: `rmdir ${path}`, rule: 'in_use' } as const;
    const name = `in-${path.slice(1)}`;
    return {
      setup: [{ op: 'mkdir', path }],
      writes: (inode) => [
        [a, { ...of, line: { op: 'rmdir', path }, entry: { op: 'rmdir', inode } }],
        [
          b,
          { ...of, line: { op: 'create', path: `${path}/${name}` }, entry: { op: 'create', name } },
        ],
      ],
    };
  },
  /** No conflict at all. */
  function differentThings(path, [a = 0, b = 0, c = 0]): Meeting {
    const of = (register: string): Pick<Intent, 'register' | 'rule'> => ({
      register: `${register} of ${path}`,
      rule: 'later',
    });
    return {
      setup: [{ op: 'create', path }],
      writes: (inode) => {
        const owner = { op: 'setattr', inode, uid: 1, gid: 2 };
        return [
          [a, { ...of('mode'), ...setMode(inode, 0o640) }],
          [b, { ...of('owner'), line: owner, entry: owner }],
          [c, { ...of('xattr'), ...setXattr(inode, 'mine') }],
        ];
      },
    };
  },
];

export class Load {
  readonly #random: Random;
  readonly #sites: readonly WrittenSite[];
  readonly #hot: string[] = [];
  #meetings: (readonly Write[])[] = [];
  /** Makes names and values that nobody else has. */
  #count = 0;
  readonly #owned = new Map<number, number>();

  constructor(random: Random, sites: readonly WrittenSite[]) {
    this.#random = random;
    this.#sites = sites;
  }

  /** What the sites change all the time. All have to know of it before the first round. */
  async begin(): Promise<void> {
    const [first] = this.#sites;
    for (let file = 0; file < HOT_FILES; file++) {
      const path = `/hot-${file}`;
      await first?.append([{ op: 'create', path }]);
      this.#hot.push((await first?.inodeOf(path)) ?? '');
    }
    for (const site of this.#sites) await site.append([{ op: 'mkdir', path: ownPath(site) }]);
  }

  /** Makes what the meetings of so many rounds take. All have to know of it before they begin. */
  async prepare(rounds: number): Promise<void> {
    const maker = this.#random.pick(this.#sites);
    const inodeOf = async (path: string): Promise<string> => (await maker?.inodeOf(path)) ?? '';
    this.#meetings = [];
    for (let round = 0; round < rounds; round++) {
      const writes: Write[] = [];
      for (const make of MEETINGS) {
        for (const count of [2, 3]) {
          const path = `/m${++this.#count}`;
          const { setup, writes: writesOf } = make(path, this.#someSites(count));
          if (setup.length > 0) await maker?.append(setup);
          const made = setup[0]?.['path'];
          writes.push(...writesOf(typeof made === 'string' ? await inodeOf(made) : ''));
        }
      }
      this.#meetings.push(writes);
    }
  }

  /** What each site does in the next round, in an order of its own. */
  nextRound(): ReadonlyMap<number, readonly Step[]> {
    const writes = this.#meetings.shift() ?? [];
    return new Map(
      this.#sites.map(({ id }) => {
        const mine = writes.filter(([site]) => site === id);
        const steps: Step[] = mine.map(
          ([, intent]) =>
            () =>
              Promise.resolve(intent),
        );
        for (let i = 0; i < HOT_STEPS; i++) steps.push((site) => this.#changeHot(site));
        for (let i = 0; i < OWN_STEPS; i++) steps.push((site) => this.#changeOwn(site));
        return [id, this.#shuffled(steps)];
      }),
    );
  }

  async #changeHot(site: WrittenSite): Promise<Intent | undefined> {
    const inode = this.#random.pick(this.#hot) ?? '';
    const value = ++this.#count;
    switch (this.#random.integer(4)) {
      case 0:
        return { register: `mode ${inode}`, rule: 'later', ...setMode(inode, value % 0o7777) };
      case 1:
        return { register: `size ${inode}`, rule: 'later', ...setSize(inode, value) };
      case 2:
        return { register: `xattr ${inode}`, rule: 'later', ...setXattr(inode, String(value)) };
      default: {
        const path = await site.pathOf(inode);
        if (path === undefined) throw new Error(`site ${site.id}: inode ${inode} has no name`);
        return { register: `rename ${inode}`, rule: 'later', ...move(path, `/hot-${value}`) };
      }
    }
  }

  /** Nobody else touches these, so nothing of it may ever be reported. */
  async #changeOwn(site: WrittenSite): Promise<undefined> {
    const file = (this.#owned.get(site.id) ?? 0) + 1;
    this.#owned.set(site.id, file);
    const at = (number: number): string => `${ownPath(site)}/${number}`;
    const lines: Line[] = [
      { op: 'create', path: at(file) },
      { op: 'setattr', path: at(file), mode: 0o600 },
      { op: 'setattr', path: at(file), mode: 0o640 },
      { op: 'rename', path: at(file), new_path: `${at(file)}-moved` },
    ];
    if (file > 2) lines.push({ op: 'unlink', path: `${at(file - 2)}-moved` });
    await site.append(lines);
    return undefined;
  }

  #someSites(count: number): number[] {
    return this.#shuffled(this.#sites.map(({ id }) => id)).slice(0, count);
  }

  #shuffled<T>(items: readonly T[]): T[] {
    const left = [...items];
    const shuffled: T[] = [];
    while (left.length > 0) shuffled.push(...left.splice(this.#random.integer(left.length), 1));
    return shuffled;
  }
}

function ownPath({ id }: WrittenSite): string {
  return `/own-${id}`;
}
