/** `cfs admin replication evict` and `rejoin`: going on without a site, and its way back. */
import { setTimeout as delay } from 'node:timers/promises';
import { Presets, SingleBar } from 'cli-progress';
import type { Command } from 'commander';
import { CliError, ExitCode } from './cli-error';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import { formatBytes, formatNouns } from './format';
import type { CliIo } from './io';
import { type JsonObject, numberAt, objectAt, textAt } from './json';
import { stepText, waitingText } from './eviction-view';
import { parseSite } from './site-argument';

interface EvictOptions extends CommonOptions {
  readonly force?: boolean;
}

interface RejoinOptions extends CommonOptions {
  readonly primary: number;
  readonly force?: boolean;
  readonly wait: boolean;
}

const POLL_MS = 500;
/** The agent closes and opens again on the way: a large state takes a while to load. */
const UNREACHABLE_MS_MAX = 300_000;
const BAR_FORMAT = 'taking over [{bar}] {percentage}% | {done} of {all}';

async function evict(context: CliContext<EvictOptions>, site: number): Promise<void> {
  const { force } = context.options;
  const evicted = await context.client.json('POST', '/replication/evict', { site, force });
  if (context.json) return context.printJson(evicted);
  const waiting = waitingText(evicted);
  return context.print(
    `site ${site} was evicted; ` +
      (waiting === ''
        ? 'all other sites have heard of it\n'
        : `not known to have heard of it yet: site ${waiting}\n`),
  );
}

/** On a terminal a bar while bytes come, else a line whenever something changes. */
class RejoinView {
  readonly #io: CliIo;
  #bar: SingleBar | undefined;
  #shown = '';

  constructor(io: CliIo) {
    this.#io = io;
  }

  update(rejoin: JsonObject): void {
    const [done, all] = [numberAt(rejoin, 'bytes_done'), numberAt(rejoin, 'bytes_total')];
    const isTaking = textAt(rejoin, 'phase') === 'snapshot' && all > 0;
    if (isTaking && this.#io.stderrIsTty) {
      this.#showBar(done, all);
      return;
    }
    this.stop();
    const text = isTaking ? `taking over ${formatBytes(all)}` : stepText(rejoin);
    if (text === this.#shown) return;
    this.#shown = text;
    this.#io.stderr.write(`${text}\n`);
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #showBar(done: number, all: number): void {
    const words = { done: formatBytes(done), all: formatBytes(all) };
    if (this.#bar === undefined) {
      const stream = this.#io.stderr;
      const options = { stream, format: BAR_FORMAT, hideCursor: true, clearOnComplete: true };
      this.#bar = new SingleBar(options, Presets.legacy);
      this.#bar.start(all, done, words);
    }
    this.#bar.update(done, words);
  }
}

/** Until the site is back; gives what the agent says of it then. */
async function follow(context: CliContext<RejoinOptions>): Promise<JsonObject> {
  const { io, client } = context;
  const view = new RejoinView(io);
  let heardMs = performance.now();
  try {
    for (;;) {
      const status = await client.json('GET', '/replication/status').catch((error: unknown) => {
        const isAway = error instanceof CliError && error.exitCode === ExitCode.unreachable;
        if (!isAway || performance.now() - heardMs > UNREACHABLE_MS_MAX) throw error;
        return undefined;
      });
      if (status !== undefined) {
        heardMs = performance.now();
        const rejoin = objectAt(status, 'rejoin');
        // Nothing if the agent was started anew meanwhile.
        if (['done', ''].includes(textAt(rejoin, 'phase'))) return rejoin;
        view.update(rejoin);
      }
      if (io.interrupted.aborted) {
        throw new CliError(ExitCode.failed, 'CFS_CLOSED', 'no longer watched; it goes on');
      }
      await delay(POLL_MS, undefined, { signal: io.interrupted }).catch(() => undefined);
    }
  } finally {
    view.stop();
  }
}

async function rejoin(context: CliContext<RejoinOptions>): Promise<void> {
  const { primary, force, wait } = context.options;
  const begun = await context.client.json('POST', '/replication/rejoin', { primary, force });
  if (!wait) {
    if (context.json) return context.printJson(begun);
    return context.print(`on its way back from site ${primary}; status shows how far it is\n`);
  }
  const recorded = numberAt(await follow(context), 'recorded');
  if (context.json) return context.printJson({ primary, recorded });
  const unsent =
    recorded === 0
      ? 'nothing had been unsent'
      : `${formatNouns(recorded, 'change')} had not been sent: ` +
        'cfs admin replication conflicts list --filter lost=unsent';
  return context.print(`this site is back, by what site ${primary} had; ${unsent}\n`);
}

export function addEvictionCommands(replication: Command, io: CliIo): void {
  withAgentOptions(replication.command('evict'))
    .description('go on without a site that does not come back: nothing waits for it any more')
    .argument('<site>', 'the number of the site', parseSite)
    .option('--force', 'also if it is connected')
    .action((site: number, options: EvictOptions) => evict(new CliContext(io, options), site));

  withAgentOptions(replication.command('rejoin'))
    .description(
      'bring this site back after it was evicted; what it had not sent becomes conflicts',
    )
    .requiredOption('--primary <site>', 'the site to take everything from', parseSite)
    .option('--force', 'also if this site was not evicted')
    .option('--no-wait', 'do not wait until it is done')
    .action((options: RejoinOptions) => rejoin(new CliContext(io, options)));
}
