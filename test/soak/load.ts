/**
 * One site's load: all twelve operations at a steady rate, over a set of inodes that stays the same.
 *
 * Files are made once, in the beginning. From then on attributes, sizes and xattrs of all files of both
 * sites change, names move to and fro, and objects are born and removed at a low rate (BIRTHS_A_SECOND),
 * because what is removed leaves a record behind: births are the only thing that memory may grow by, and
 * they are counted.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AgentError } from '../../src/cli/agent-client';
import { numberAt, textAt } from '../../src/cli/json';
import { Random } from '../../deploy/demo/random';
import type { Site } from '../../deploy/demo/site';

type Line = Readonly<Record<string, string | number>>;

export const FILES_A_SITE = 50_000;
const FILES_A_DIRECTORY = 500;
const MOVERS = 500;
/** Of every file, from the start: what is set later takes no new record. */
const XATTRS = 2;
const BATCH_LINES = 250;
const CREATE_LINES = 2_000;
/** Inodes and hard links made, for ever. */
const BIRTHS_A_ROUND = 4;
export const BIRTHS_A_SECOND = 8;
const RETRY_MS = 50;
const LEDGER_KEY = 'acked';

const fileOf = (site: number, file: number): string =>
  `/s${site}/d${Math.floor(file / FILES_A_DIRECTORY)}/f${file}`;

export class Load {
  /** Acknowledged as durable by the site. */
  entries = 0;
  /** Refused, such as removing an xattr that is not there; nobody promised otherwise. */
  refused = 0;
  births = 0;
  readonly #site: Site;
  readonly #id: number;
  readonly #sites: number;
  readonly #random: Random;
  readonly #batchIntervalMs: number;
  /** Counts batches; the last one that was acked is in the ledger, an xattr of the site's directory. */
  #batch = 0;
  #ackedBatch = 0;
  #round = 0;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(site: Site, id: number, sites: number, seed: number, entriesPerSecond: number) {
    this.#site = site;
    this.#id = id;
    this.#sites = sites;
    this.#random = new Random(seed);
    this.#batchIntervalMs = (BATCH_LINES / entriesPerSecond) * 1000;
  }

  /** Makes this site's part of the files. */
  async make(): Promise<void> {
    const lines: Line[] = [
      { op: 'mkdir', path: `/s${this.#id}` },
      { op: 'mkdir', path: `/s${this.#id}/m` },
    ];
    for (let file = 0; file < FILES_A_SITE; file++) {
      const path = fileOf(this.#id, file);
      if (file % FILES_A_DIRECTORY === 0) {
        lines.push({ op: 'mkdir', path: path.slice(0, path.lastIndexOf('/')) });
      }
      lines.push({ op: 'create', path, mode: 0o644 });
      for (let key = 0; key < XATTRS; key++) lines.push(setxattr(path, `k${key}`, '0'));
    }
    for (let mover = 0; mover < MOVERS; mover++) {
      lines.push({ op: 'create', path: `/s${this.#id}/m/${mover}.a` });
    }
    for (let at = 0; at < lines.length; at += CREATE_LINES) {
      await this.#append(lines.slice(at, at + CREATE_LINES));
    }
  }

  start(): void {
    this.#stopped = false;
    this.#running = this.#run();
    this.#running.catch(() => undefined); // stop() tells
  }

  /** Resolves when nothing is on its way any more; rejects if the site refused what it should take. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** Throws unless `site` shows the last batch that this load's own site acked. */
  async checkLedger(site: Site): Promise<void> {
    if (this.#ackedBatch === 0) return;
    const shown = await ledgerOf(site, `/s${this.#id}`);
    if (shown >= this.#ackedBatch) return;
    throw new Error(
      `${this.#site.name} acked batch ${this.#ackedBatch}, but ${site.name} shows ${shown} as its last`,
    );
  }

  async #run(): Promise<void> {
    let dueMs = performance.now();
    let birthsDueMs = dueMs;
    while (!this.#stopped) {
      const lines = Array.from({ length: BATCH_LINES }, () => this.#change());
      if (performance.now() >= birthsDueMs) {
        lines.push(...this.#lifeAndDeath());
        birthsDueMs = performance.now() + (BIRTHS_A_ROUND * 1000) / BIRTHS_A_SECOND;
      }
      const batch = ++this.#batch;
      lines.push(setxattr(`/s${this.#id}`, LEDGER_KEY, String(batch)));
      if (await this.#tryAppend(lines)) this.#ackedBatch = batch;
      dueMs += this.#batchIntervalMs;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await delay(waitMs);
      else dueMs -= waitMs; // what was late is not made up for by a burst
    }
  }

  /** False if the site went away: what of the batch it kept is unknown. */
  async #tryAppend(lines: readonly Line[]): Promise<boolean> {
    try {
      await this.#append(lines);
      return true;
    } catch (error) {
      if (error instanceof AgentError && textAt(error.error, 'code') !== 'CFS_CLOSED') throw error;
      await delay(RETRY_MS);
      return false;
    }
  }

  async #append(lines: readonly Line[]): Promise<void> {
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    const result = await this.#site.client.post(
      '/journal/append',
      { keep_going: true },
      Buffer.from(body),
    );
    this.entries += numberAt(result, 'appended');
    this.refused += numberAt(result, 'refused');
  }

  /** A change of what is there. */
  #change(): Line {
    const random = this.#random;
    const path = fileOf(1 + random.integer(this.#sites), random.integer(FILES_A_SITE));
    const mtime_ns = `${1_700_000_000 + random.integer(1e8)}000000000`;
    const dice = random.integer(100);
    if (dice < 45) return { op: 'setattr', path, mode: random.integer(0o1000), mtime_ns };
    if (dice < 65) return { op: 'write', path, size: random.integer(1e9), mtime_ns };
    if (dice < 75) return { op: 'truncate', path, size: random.integer(1e9) };
    if (dice < 85) return setxattr(path, `k${random.integer(XATTRS)}`, String(random.integer(1e9)));
    if (dice < 90) return { op: 'removexattr', path, key: `k${random.integer(XATTRS)}` };
    // Also the other site's: what two rename at once has one name in the end.
    const mover = `/s${1 + random.integer(this.#sites)}/m/${random.integer(MOVERS)}`;
    const [from, to] = random.integer(2) === 0 ? ['a', 'b'] : ['b', 'a'];
    return { op: 'rename', path: `${mover}.${from}`, new_path: `${mover}.${to}` };
  }

  /** One of each kind of object, made and removed. */
  #lifeAndDeath(): Line[] {
    this.births += BIRTHS_A_ROUND;
    const base = `/s${this.#id}/n${this.#round++}`;
    return [
      { op: 'create', path: `${base}.file`, mode: 0o600 },
      { op: 'link', path: `${base}.twin`, target_path: `${base}.file` },
      { op: 'symlink', path: `${base}.soft`, target: 'anywhere' },
      { op: 'mkdir', path: `${base}.dir` },
      { op: 'rmdir', path: `${base}.dir` },
      ...['file', 'twin', 'soft'].map((end) => ({ op: 'unlink', path: `${base}.${end}` })),
    ];
  }
}

function setxattr(path: string, key: string, value: string): Line {
  return { op: 'setxattr', path, key, value_base64: Buffer.from(value).toString('base64') };
}

async function ledgerOf(site: Site, path: string): Promise<number> {
  const info = await site.client.json('GET', '/meta/lookup', { path });
  const xattrs = info['xattrs'];
  for (const xattr of Array.isArray(xattrs) ? xattrs : []) {
    const { key, value_base64: value } = xattr as Readonly<Record<string, unknown>>;
    if (key === LEDGER_KEY && typeof value === 'string') {
      return Number(Buffer.from(value, 'base64').toString());
    }
  }
  return 0;
}
