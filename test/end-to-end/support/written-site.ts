/** An agent that is written to, and that is asked before and after each write what it holds. */
import assert from 'node:assert/strict';
import type { Agent, Answer } from './cluster';
import type { Held, KnownWrite, Rule } from './known-writes';
import type { Mesh } from './mesh';

/** One operation that the test wants to make. */
export interface Intent {
  readonly register: string;
  readonly rule: Rule;
  /** A line of JSON Lines. */
  readonly line: Readonly<Record<string, unknown>>;
  /** Members of the journal entry that it becomes, which no other write has all of. */
  readonly entry: Readonly<Record<string, unknown>>;
}

interface Attempt {
  readonly intent: Intent;
  readonly before: Held;
  /** Undefined until the site was asked again. */
  after: Held | undefined;
  /** Undefined if there was no answer. */
  lsn: bigint | undefined;
  isMade: boolean;
}

type Entry = Readonly<Record<string, unknown>> & { readonly lsn: string; readonly hlc: string };

interface Cursors {
  readonly held: readonly { readonly site: number; readonly lsn: string }[];
}

/** What a write is refused with when another site's was known already. */
const OVERTAKEN = new Set(['CFS_NOT_FOUND', 'CFS_EXISTS', 'CFS_NOT_EMPTY', 'CFS_INVALID_ARGUMENT']);

export class WrittenSite {
  readonly id: number;
  /** Writes that were refused because of what other sites had written. */
  overtaken = 0;
  /** Writes whose answer the site died before giving. */
  unanswered = 0;
  readonly #mesh: Mesh;
  #agent: Agent | undefined;
  readonly #attempts: Attempt[] = [];
  /** The journal as far as it was read. */
  readonly #journal = new Map<bigint, Entry>();
  #readUpTo = 0n;

  constructor(mesh: Mesh, id: number) {
    this.#mesh = mesh;
    this.id = id;
  }

  async start(): Promise<void> {
    this.#agent = await this.#mesh.cluster.spawn(this.id, this.#mesh.configOf(this.id));
    if (this.#attempts.some(({ after }) => after === undefined)) this.#noteAfter(await this.held());
  }

  get agent(): Agent {
    assert.ok(this.#agent !== undefined, `site ${this.id} is down`);
    return this.#agent;
  }

  get isUp(): boolean {
    return this.#agent !== undefined;
  }

  async held(): Promise<Held> {
    const { held } = JSON.parse(await this.text('/replication/cursors')) as Cursors;
    const lsns = new Map(held.map(({ site, lsn }) => [site, BigInt(lsn)]));
    assert.equal(lsns.size, held.length, 'a site has one incarnation all the time');
    return lsns;
  }

  async text(path: string): Promise<string> {
    const { status, text } = await this.agent.request('GET', path);
    assert.equal(status, 200, `site ${this.id}: ${path}: ${text}`);
    return text;
  }

  /** Makes operations that are no concern of any other site. */
  async append(lines: readonly object[]): Promise<void> {
    const { status, text } = await this.#post(lines);
    assert.equal(status, 200, `site ${this.id}: ${text}`);
  }

  async write(intent: Intent): Promise<void> {
    const attempt = await this.#begin(intent);
    const { status, text } = await this.#post([intent.line]);
    if (status !== 200) {
      const { error } = JSON.parse(text) as { error: { code: string } };
      assert.ok(OVERTAKEN.has(error.code), `site ${this.id}: ${JSON.stringify(intent)}: ${text}`);
      this.#attempts.pop();
      this.overtaken++;
      return;
    }
    this.#noteLsn(attempt, text);
    this.#noteAfter(await this.held());
  }

  /** Dies in the middle of a write, which may or may not have been made. */
  async writeAndDie(intent: Intent, delayMs: number): Promise<void> {
    const attempt = await this.#begin(intent);
    const answer = this.#post([intent.line]);
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await this.die();
    const { status, text } = await answer;
    if (status === 200) this.#noteLsn(attempt, text);
    else if (status === 0) this.unanswered++;
    else this.#attempts.pop();
  }

  async die(): Promise<void> {
    await this.agent.kill('SIGKILL');
    this.#agent = undefined;
  }

  /** Where a file is now; undefined if it has no name. */
  async pathOf(inode: string): Promise<string | undefined> {
    const answer = await this.agent.request('GET', `/meta/lookup?inode=${inode}`);
    if (answer.status !== 200) return undefined;
    return (JSON.parse(answer.text) as { paths: { path: string }[] }).paths[0]?.path;
  }

  async inodeOf(path: string): Promise<string> {
    const text = await this.text(`/meta/lookup?path=${encodeURIComponent(path)}`);
    return (JSON.parse(text) as { inode: string }).inode;
  }

  /** Of the unanswered, those that `written` has found in the journal. */
  get madeUnanswered(): number {
    return this.#attempts.filter(({ lsn, isMade }) => lsn === undefined && isMade).length;
  }

  /** Every write of this site that is in its journal. Fails if one that was acknowledged is not. */
  async written(): Promise<KnownWrite[]> {
    await this.#readJournal();
    const found: KnownWrite[] = [];
    for (const attempt of this.#attempts) {
      const { intent, before, after, lsn } = attempt;
      const least = (before.get(this.id) ?? 0n) + 1n;
      const most = lsn ?? after?.get(this.id) ?? 0n;
      const entry = this.#find(intent, lsn ?? least, most);
      if (entry === undefined) {
        assert.equal(lsn, undefined, `lost: ${JSON.stringify(intent)}, LSN ${String(lsn)}`);
        continue;
      }
      attempt.isMade = true;
      found.push({
        site: this.id,
        lsn: BigInt(entry.lsn),
        hlc: BigInt(entry.hlc),
        op: String(intent.entry['op']),
        register: intent.register,
        rule: intent.rule,
        before,
        after: after ?? new Map(),
      });
    }
    return found;
  }

  async #begin(intent: Intent): Promise<Attempt> {
    const attempt: Attempt = {
      intent,
      before: await this.held(),
      after: undefined,
      lsn: undefined,
      isMade: false,
    };
    this.#attempts.push(attempt);
    return attempt;
  }

  #noteLsn(attempt: Attempt, answer: string): void {
    const result = JSON.parse(answer) as { appended: number; first_lsn: string; last_lsn: string };
    assert.equal(result.appended, 1, JSON.stringify(attempt.intent));
    assert.equal(result.first_lsn, result.last_lsn, JSON.stringify(attempt.intent));
    attempt.lsn = BigInt(result.last_lsn);
  }

  #noteAfter(held: Held): void {
    for (const attempt of this.#attempts) attempt.after ??= held;
  }

  #post(lines: readonly object[]): Promise<Answer> {
    const body = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    return this.agent.request('POST', '/journal/append', body);
  }

  #find(intent: Intent, from: bigint, to: bigint): Entry | undefined {
    for (let lsn = from; lsn <= to; lsn++) {
      const entry = this.#journal.get(lsn);
      if (entry !== undefined && has(entry, intent.entry)) return entry;
    }
    return undefined;
  }

  async #readJournal(): Promise<void> {
    const text = await this.text(`/journal/tail?from=${this.#readUpTo + 1n}`);
    for (const line of text.split('\n').slice(0, -1)) {
      const entry = JSON.parse(line) as Entry;
      this.#readUpTo += 1n;
      assert.equal(BigInt(entry.lsn), this.#readUpTo, 'the journal has every LSN once');
      this.#journal.set(this.#readUpTo, entry);
    }
  }
}

function has(entry: Entry, members: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(members).every(([key, value]) => entry[key] === value);
}
