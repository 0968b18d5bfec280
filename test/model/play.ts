/**
 * Plays a history on the model, and writes down for the native runner what happened and what every
 * site must show. test/native/model/history_runner.cc describes the lines.
 */
import { KEEP, Site, type Operation } from './model-site';
import { Registers, Tree, type Entry } from './reference-model';
import { sideEffect } from './side-effects';

const CLOCK_START_US = 10_000_000_000;
const NOTHING = '-';
const FIELD_BITS = { mode: 1, owner: 2, size: 4, atime: 8, mtime: 16, flags: 32 } as const;

export class Play {
  readonly sites: readonly Site[];
  private readonly lines: string[] = [];
  private readonly shown: string[] = [];
  /** For each site where its frames end: the number of entries up to there. */
  private readonly frameEnds: number[][];
  /** By receiver, then origin: how many of the origin's frames it holds. */
  private readonly held: number[][];
  private readonly checkpointing: boolean[];
  private lastDump = '';

  /** `vanishing`: two sites that are sent each frame once, so that short-lived objects may vanish. */
  constructor(
    count: number,
    readonly vanishing = false,
  ) {
    this.sites = Array.from({ length: count }, (_, index) => new Site(index + 1, 16 + index));
    for (const site of this.sites) site.clockUs = CLOCK_START_US;
    this.frameEnds = this.sites.map(() => []);
    this.held = this.sites.map(() => this.sites.map(() => 0));
    this.checkpointing = this.sites.map(() => false);
    this.lines.push(`history ${count}`);
  }

  /** What the native runner reads, and what it must print. */
  get script(): string {
    return this.lines.join('\n') + '\nend\n';
  }
  get expected(): string {
    return this.shown.join('') + 'end\n';
  }

  site(index: number): Site {
    const site = this.sites[index];
    if (site === undefined) throw new Error(`no site ${index}`);
    return site;
  }

  moveClock(index: number, byUs: number): void {
    const site = this.site(index);
    site.clockUs = Math.max(1, site.clockUs + byUs);
  }

  request(index: number, operation: Operation): void {
    const site = this.site(index);
    this.lines.push(operationLine(index, site.clockUs, operation));
    const before = site.tree;
    const outcome = site.request(operation);
    if (outcome !== 'written') this.shown.push(`${outcome}\n`);
    // What the native side never prints, so that it counts as a difference.
    const wrong = outcome === 'written' && sideEffect(before, site.tree, operation);
    if (typeof wrong === 'string') this.shown.push(`the model itself is wrong: ${wrong}\n`);
  }

  /** Ends the group of entries that the site is writing; only then may they leave it. */
  cut(index: number): void {
    const ends = this.framesOf(index);
    const written = this.site(index).journal.length;
    if (written === (ends.at(-1) ?? 0)) return;
    ends.push(written);
    this.lines.push(`cut ${index}`);
  }

  frameCount(origin: number): number {
    return this.framesOf(origin).length;
  }
  heldFrames(to: number, origin: number): number {
    return this.held[to]?.[origin] ?? 0;
  }

  /** Sends frames `first` up to, not including, `end` of an origin as one. */
  deliver(to: number, origin: number, first: number, end: number): void {
    const ends = this.framesOf(origin);
    if (to === origin || first > this.heldFrames(to, origin) || first >= end || end > ends.length)
      throw new Error('the protocol does not permit this');
    this.cut(to);
    this.lines.push(`deliver ${to} ${origin} ${first} ${end} ${Number(this.vanishing)}`);
    const entries = this.site(origin).journal.slice(ends[first - 1] ?? 0, ends[end - 1]);
    this.site(to).receive(entries);
    const held = this.held[to];
    if (held !== undefined) held[origin] = Math.max(end, this.heldFrames(to, origin));
  }

  /** Everything that is left, `batch(n)` of n frames at a time. */
  deliverRest(batch: (frames: number) => number): void {
    for (let origin = 0; origin < this.sites.length; origin++) this.cut(origin);
    for (let to = 0; to < this.sites.length; to++) {
      for (let origin = 0; origin < this.sites.length; origin++) {
        if (origin === to) continue;
        for (let left; (left = this.frameCount(origin) - this.heldFrames(to, origin)) > 0;) {
          const first = this.heldFrames(to, origin);
          this.deliver(to, origin, first, first + batch(left));
        }
      }
    }
  }

  /** Begins a checkpoint, writes some inodes of it, or ends it and goes on from the file. */
  checkpoint(index: number, inodes: number): void {
    if (this.checkpointing[index] !== true) {
      this.cut(index);
      this.lines.push(`checkpoint ${index} begin 0`);
      this.checkpointing[index] = true;
    } else if (inodes > 0) {
      this.lines.push(`checkpoint ${index} step ${inodes}`);
    } else {
      this.cut(index);
      this.lines.push(`checkpoint ${index} end 0`);
      this.checkpointing[index] = false;
    }
  }

  /** Notes what every site holds. */
  snapshot(): void {
    this.lines.push('snapshot');
  }

  /** The site forgets what was gone by the last snapshot, if it may by now. Nothing shows of it. */
  forget(index: number): void {
    this.lines.push(`forget ${index}`);
  }

  show(index: number): void {
    this.lines.push(`show ${index}`);
    this.expect(this.site(index).tree.dump());
  }

  /** All entries there are, merged into an empty state in an order of its own, some of them twice. */
  showMergedInAnyOrder(seed: number): void {
    this.lines.push(`merged ${seed}`);
    this.expect(new Tree(registersOf(this.sites.flatMap((site) => site.journal))).dump());
  }

  /** An empty state that was sent the site's registers, inode by inode. */
  showBootstrappedFrom(index: number): void {
    this.lines.push(`bootstrapped ${index}`);
    this.expect(this.site(index).tree.dump());
  }

  expectEqualDigests(): void {
    this.lines.push('digests');
    this.shown.push('digests equal\n');
  }

  private expect(dump: string): void {
    this.shown.push(dump === this.lastDump ? '=\n' : dump);
    this.lastDump = dump;
  }

  private framesOf(origin: number): number[] {
    const ends = this.frameEnds[origin];
    if (ends === undefined) throw new Error(`no site ${origin}`);
    return ends;
  }
}

function registersOf(entries: readonly Entry[]): Registers {
  const registers = new Registers();
  for (const entry of entries) registers.merge(entry);
  return registers;
}

function operationLine(site: number, clockUs: number, operation: Operation): string {
  const { op, given = {}, inode = 0 } = operation;
  const all = operation as Partial<
    Record<'path' | 'object' | 'to' | 'key' | 'target' | 'value', string>
  >;
  const text = (...choices: (string | undefined)[]): string =>
    choices.find((choice) => choice !== undefined && choice !== '') ?? NOTHING;
  let mask = 0;
  const numbers: number[] = [];
  for (const [field, bit] of Object.entries(FIELD_BITS)) {
    const value = given[field as keyof typeof FIELD_BITS];
    if (value !== undefined) mask |= bit;
    const pair = field === 'owner' || field === 'size' || field === 'flags';
    numbers.push(
      value?.[0] ?? 0,
      ...(pair ? [value?.[1] ?? (value === undefined ? 0 : KEEP)] : []),
    );
  }
  const strings = [text(all.path, all.object), text(all.to, all.key), text(all.target, all.value)];
  return ['op', site, clockUs, op, inode, ...strings, mask, ...numbers].join(' ');
}
