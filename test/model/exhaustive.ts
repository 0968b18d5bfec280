/**
 * Every history of three operations at two sites that both know a small tree, with every choice of
 * which site does which, and of where in between the two hear of each other.
 */
import { Play } from './play';
import { finish } from './random-history';
import type { Operation } from './model-site';

const KNOWN: readonly Operation[] = [
  { op: 'mkdir', path: '/d', target: '' },
  { op: 'mkdir', path: '/e', target: '' },
  { op: 'create', path: '/f', target: '' },
  { op: 'create', path: '/d/f', target: '' },
];

const OPERATIONS: readonly Operation[] = [
  { op: 'create', path: '/n', target: '' },
  { op: 'create', path: '/e/f', target: '' },
  { op: 'mkdir', path: '/n', target: '' },
  { op: 'link', path: '/f', to: '/n' },
  { op: 'unlink', path: '/f' },
  { op: 'rmdir', path: '/e' },
  { op: 'rmdir', path: '/d' },
  { op: 'rename', path: '/f', to: '/d/f' },
  { op: 'rename', path: '/d/f', to: '/e/f' },
  { op: 'rename', path: '/d', to: '/e/d' },
  { op: 'rename', path: '/e', to: '/d/e' },
  { op: 'rename', path: '/d', to: '/e' },
  { op: 'setattr', object: '/f', given: { mode: [0o600] } },
  { op: 'write', object: '/f', given: { size: [7, 7] } },
  { op: 'setxattr', object: '/f', key: 'user.k', value: 'v' },
];

const SITES = 2;
const LENGTH = 3;
/** Whether the sites meet after the first operation, the second, both, neither. */
const MEETINGS = 2 ** (LENGTH - 1);
const CHOICES = OPERATIONS.length * SITES;
/** The second site's clock beside the first's. */
const SKEWS_US = [0, -1_000_000];

export const exhaustiveCount = CHOICES ** LENGTH * MEETINGS * SKEWS_US.length;

/** The history with this number, from 0. */
export function playExhaustive(number: number): Play {
  let rest = number;
  const choose = (below: number): number => {
    const chosen = rest % below;
    rest = Math.floor(rest / below);
    return chosen;
  };
  const game = new Play(SITES);
  for (const operation of KNOWN) game.request(0, operation);
  game.deliverRest(() => 1);
  game.moveClock(1, SKEWS_US[choose(SKEWS_US.length)] ?? 0);
  const meetings = choose(MEETINGS);
  for (let step = 0; step < LENGTH; step++) {
    for (let site = 0; site < SITES; site++) game.moveClock(site, 1);
    const site = choose(SITES);
    const operation = OPERATIONS[choose(OPERATIONS.length)];
    if (operation !== undefined) game.request(site, operation);
    if (((meetings >> step) & 1) === 1) game.deliverRest((frames) => frames);
  }
  finish(game, () => 0);
  return game;
}
