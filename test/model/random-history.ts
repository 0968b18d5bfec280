/** Random histories: lists of numbers that mean something at any time, so that any part can go. */
import { KEEP, type Given, type Operation, type Site } from './model-site';
import { ROOT } from './reference-model';
import { Play } from './play';

const STEPS_MAX = 60;
const SITES_MAX = 4;
const PATHS_MAX = 14;
const NAMES = ['a', 'b', 'c', 'd'];
const LONG_NAME = 'n'.repeat(255);
const HOUR_US = 3_600_000_000;
const SKEWS_US = [0, 0, 1, 400, -HOUR_US, HOUR_US];
const JUMPS_US = [-HOUR_US, -1000, -1, 1, 1000, HOUR_US];

/** What a step does, by the hundred. */
const ACTIONS = table({
  ...{ request: 60, deliver: 16, cut: 6, checkpoint: 6, show: 4, clock: 2 },
  ...{ snapshot: 3, forget: 5 },
});
const OPERATIONS = table({
  ...{ create: 15, mkdir: 12, symlink: 3, link: 7, unlink: 11, rmdir: 9, rename: 22 },
  ...{ write: 5, truncate: 3, setattr: 8, setxattr: 6, removexattr: 4 },
});

/** Most histories begin with these known everywhere. */
const KNOWN: readonly Operation[] = [
  { op: 'mkdir', path: '/a', target: '' },
  { op: 'mkdir', path: '/b', target: '' },
  { op: 'mkdir', path: '/b/a', target: '' },
  { op: 'create', path: '/c', target: '' },
  { op: 'create', path: '/a/c', target: '' },
];

export interface History {
  readonly sites: number;
  readonly known: boolean;
  readonly skews: readonly number[];
  readonly vanishing: boolean;
  /** Sites forget what is gone: then nothing changes an inode that has no name any more. */
  readonly forgetting: boolean;
  readonly end: number;
  /** Six numbers each: site, what, and four to choose by. */
  readonly steps: readonly (readonly number[])[];
}

export type Random = (below: number) => number;

/** mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function randomHistory(seed: number): History {
  const random = randomFrom(seed);
  const sites = 2 + (random(2) === 0 ? 0 : random(SITES_MAX - 1));
  // Mostly short: short ones are run faster and read sooner.
  const length = 1 + random(random(4) === 0 ? STEPS_MAX : STEPS_MAX / 2);
  return {
    sites,
    known: random(4) > 0,
    skews: Array.from({ length: sites }, () => SKEWS_US[random(SKEWS_US.length)] ?? 0),
    vanishing: sites === 2 && random(2) === 0,
    forgetting: random(2) === 0,
    end: random(2 ** 31),
    steps: Array.from({ length }, () => Array.from({ length: 6 }, () => random(2 ** 20))),
  };
}

/** Plays it through, to the end where all sites have heard of everything. */
export function play(history: History): Play {
  const game = new Play(history.sites, history.vanishing);
  if (history.known) {
    for (const operation of KNOWN) game.request(0, operation);
    game.deliverRest(() => 1);
  }
  history.skews.forEach((skewUs, site) => game.moveClock(site, skewUs));
  for (const step of history.steps) takeStep(game, step, history);
  finish(game, randomFrom(history.end));
  return game;
}

/** All sites hear of everything; then all must show the same, however they came by it. */
export function finish(game: Play, random: Random): void {
  game.deliverRest((frames) => 1 + random(frames));
  game.sites.forEach((_, site) => game.show(site));
  game.showMergedInAnyOrder(random(2 ** 31));
  game.showBootstrappedFrom(random(game.sites.length));
  game.expectEqualDigests();
}

function takeStep(
  game: Play,
  [who = 0, what = 0, a = 0, b = 0, c = 0, d = 0]: readonly number[],
  history: History,
): void {
  const site = who % game.sites.length;
  switch (ACTIONS[what % ACTIONS.length]) {
    case 'request':
      game.moveClock(site, d % 3);
      game.request(site, operationAt(game.site(site), history, [a, b, c, d]));
      break;
    case 'deliver':
      deliver(game, site, [a, b, c, d]);
      break;
    case 'checkpoint':
      game.checkpoint(site, a % 4);
      break;
    case 'show':
      game.show(site);
      break;
    case 'snapshot':
      if (a % 3 === 0) game.deliverRest((frames) => frames);
      game.snapshot();
      break;
    case 'forget':
      if (history.forgetting) game.forget(site);
      break;
    case 'clock':
      game.moveClock(site, JUMPS_US[a % JUMPS_US.length] ?? 0);
      break;
    default:
      game.cut(site);
  }
}

/** The next frames of another site; some of them, or all, may have been sent before. */
function deliver(game: Play, to: number, [a = 0, b = 0, c = 0, d = 0]: readonly number[]): void {
  const origin = (to + 1 + (a % (game.sites.length - 1))) % game.sites.length;
  if (b % 4 > 0) game.cut(origin);
  const held = game.heldFrames(to, origin);
  const again = game.vanishing || c % 3 > 0 ? 0 : Math.min(held, d % 4);
  const first = held - again;
  const end = Math.min(game.frameCount(origin), first + 1 + (Math.floor(c / 3) % 6));
  if (first < end) game.deliver(to, origin, first, end);
}

/** Mostly about what is visible at the site, as a client's would be. */
function operationAt(
  site: Site,
  history: History,
  [a = 0, b = 0, c = 0, d = 0]: readonly number[],
): Operation {
  const names = [...site.tree.paths()];
  const paths = names.map(([path]) => path);
  const isDirectory = (inode: number): boolean => site.registers.kindOf(inode) === 'directory';
  const directories = ['', ...names.filter(([, n]) => isDirectory(n.inode)).map(([path]) => path)];
  const others = names.filter(([, n]) => !isDirectory(n.inode)).map(([path]) => path);
  const empty = directories.slice(1).filter((path) => !paths.some((p) => p.startsWith(`${path}/`)));
  const path = pick(paths, b) ?? '/a';
  const into = pick(directories, c) ?? '';
  const fresh = `${into}/${freshName(site, into, d)}`;
  let op = OPERATIONS[a % OPERATIONS.length] ?? 'create';
  const makes = op === 'create' || op === 'mkdir';
  if (makes && paths.length >= PATHS_MAX) op = 'unlink';
  if (!makes && paths.length === 0) op = 'mkdir';
  switch (op) {
    case 'create':
    case 'mkdir': {
      // A number that other sites may claim as well.
      const claimed =
        !history.vanishing && !history.forgetting && b % 40 === 0
          ? { inode: 9 * 2 ** 48 + (b % 3) }
          : {};
      return { op, path: fresh, target: '', given: givenBy(b, c, d), ...claimed };
    }
    case 'symlink':
      return { op, path: fresh, target: 'target' };
    case 'link':
      return { op, path: pick(others, b) ?? path, to: fresh };
    case 'unlink':
      return { op, path: pick(others, b) ?? path };
    case 'rmdir':
      // Now and then one that is not empty.
      return { op, path: pick(d % 8 === 0 ? paths : empty, b) ?? path };
    case 'rename': {
      const outside = directories.filter((at) => d % 16 === 0 || !`${at}/`.startsWith(`${path}/`));
      const under = pick(outside, c) ?? '';
      const name = d % 3 === 0 ? pick(NAMES, d >> 2) : freshName(site, under, d >> 2);
      return { op, path, to: `${under}/${name ?? ''}` };
    }
    case 'write':
    case 'truncate': {
      const extent = op === 'write' ? d % 7 : KEEP;
      return {
        op,
        object: objectBy(site, history, others, b),
        given: { size: [c % 100, extent] },
      };
    }
    case 'setattr':
      return {
        op,
        object: objectBy(site, history, ['/', ...paths], b),
        given: { ...givenBy(c, d, a), ...(d % 2 === 0 ? { atime: [c] } : { mode: [c % 4096] }) },
      };
    case 'setxattr':
    case 'removexattr': {
      const object = objectBy(site, history, ['/', ...paths], b);
      return { op, object, key: `user.${pick(NAMES, c) ?? ''}`, value: String(d % 100) };
    }
  }
}

/** A path, or now and then the number of an inode that need not have one: a file that is open. */
function objectBy(
  site: Site,
  { vanishing, forgetting }: History,
  paths: readonly string[],
  b: number,
): string {
  const path = pick(paths, b);
  if (path !== undefined && b % 5 > 0) return path;
  const named = new Set([...site.tree.paths()].map(([, { inode }]) => inode));
  const known = [...site.registers.inodes.keys()].filter(
    // What vanished on the way, or is forgotten, is not known here by number either.
    (inode) =>
      (!vanishing || Math.floor(inode / 2 ** 48) === site.id) && (!forgetting || named.has(inode)),
  );
  return `#${pick(known, b >> 3) ?? ROOT}`;
}

/** Preferably one that is free; sometimes one that an alias has or would have. */
function freshName(site: Site, directory: string, d: number): string {
  if (d % 64 === 0) return LONG_NAME;
  const link = d % 24 === 1 ? pick([...site.tree.living], d >> 5) : undefined;
  if (link !== undefined) {
    const { name, id } = link;
    const alias = `${name}~${id.site}.${id.incarnation.toString(16)}.${id.lsn}`;
    return (alias + '~'.repeat((d >> 10) % 2)).slice(0, LONG_NAME.length);
  }
  const inode = directory === '' ? ROOT : site.objectAt(directory);
  const taken = inode === undefined ? new Map<string, unknown>() : site.tree.names(inode);
  const free = NAMES.filter((name) => !taken.has(name));
  return pick(free.length > 0 ? free : NAMES, d >> 5) ?? 'a';
}

function givenBy(b: number, c: number, d: number): Given {
  return {
    ...(b % 3 === 0 ? { mode: [c % 4096] } : {}),
    ...(c % 3 === 0 ? { owner: [d % 2 === 0 ? KEEP : d % 10, d % 3 === 0 ? KEEP : c % 10] } : {}),
    ...(d % 5 === 0 ? { mtime: [b] } : {}),
    ...(b % 4 === 0 ? { flags: [c % 2 === 0 ? KEEP : c % 16, d % 16] } : {}),
    ...(c % 7 === 0 ? { atime: [d] } : {}),
    ...(d % 11 === 0 ? { size: [KEEP, b % 5] } : {}),
  };
}

function pick<T>(from: readonly T[], by: number): T | undefined {
  return from[by % from.length];
}

function table<Word extends string>(shares: Readonly<Record<Word, number>>): readonly Word[] {
  const words = Object.entries(shares) as [Word, number][];
  return words.flatMap(([word, share]) => Array.from({ length: share }, () => word));
}
