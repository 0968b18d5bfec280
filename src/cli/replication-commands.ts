/** `cfs admin replication ...` */
import { setTimeout as delay } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { addAuditCommand } from './audit-commands';
import { addConfigCommands } from './config-commands';
import { addConflictCommands } from './conflict-commands';
import { addResync } from './consistency-commands';
import { ExitCode } from './cli-error';
import { addEvictionCommands } from './eviction-commands';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import type { CliIo } from './io';
import { asObject, textAt } from './json';
import { parseMetrics, renderMetricsSummary } from './metrics-view';
import type { SetExitCode } from './program';
import { addQuarantineCommands } from './quarantine-commands';
import {
  renderCollected,
  renderCursors,
  renderHealth,
  renderJournal,
  renderLag,
  renderStatus,
} from './replication-view';

interface DetailOptions extends CommonOptions {
  readonly detailed?: boolean;
}

interface LagOptions extends CommonOptions {
  readonly watch?: boolean;
  readonly intervalMs: number;
}

interface CollectOptions extends CommonOptions {
  readonly aggressive?: boolean;
  readonly auditOnly?: boolean;
}

const INTERVAL_MS_DEFAULT = 1000;
const INTERVAL_MS_MIN = 100;
const CURSOR_HOME_AND_CLEAR = '\u001b[H\u001b[J';

function parseIntervalMs(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= INTERVAL_MS_MIN) return value;
  throw new InvalidArgumentError(`Expected whole milliseconds, at least ${INTERVAL_MS_MIN}.`);
}

async function showStatus(context: CliContext<DetailOptions>): Promise<void> {
  const status = await context.client.json('GET', '/replication/status');
  if (context.json) return context.printJson(status);
  return context.print(renderStatus(status, context.options.detailed === true, context.style));
}

async function showLag(context: CliContext<LagOptions>): Promise<void> {
  const lag = await context.client.json('GET', '/replication/lag');
  if (context.json) return context.printJson(lag);
  const clear = context.options.watch === true && context.io.stdoutIsTty;
  await context.print((clear ? CURSOR_HOME_AND_CLEAR : '') + renderLag(lag, context.style));
}

async function watchLag(context: CliContext<LagOptions>): Promise<void> {
  const { interrupted } = context.io;
  for (;;) {
    await showLag(context);
    if (context.options.watch !== true || interrupted.aborted) return;
    const waited = delay(context.options.intervalMs, true, { signal: interrupted });
    if (!(await waited.catch(() => false))) return;
  }
}

async function showHealth(
  context: CliContext<DetailOptions>,
  setExitCode: SetExitCode,
): Promise<void> {
  const health = await context.client.json('GET', '/replication/health');
  if (textAt(health, 'state') !== 'HEALTHY') setExitCode(ExitCode.unhealthy);
  if (context.json) return context.printJson(health);
  return context.print(renderHealth(health, context.options.detailed === true, context.style));
}

async function showMetrics(context: CliContext, summary: boolean): Promise<void> {
  const text = await context.client.text('GET', '/metrics');
  if (!context.json && !summary) return context.print(text);
  const metrics = parseMetrics(text);
  if (!context.json) return context.print(renderMetricsSummary(metrics, context.style));
  return context.print(metrics.map((metric) => `${JSON.stringify(metric)}\n`).join(''));
}

async function showCursors(context: CliContext): Promise<void> {
  const cursors = await context.client.json('GET', '/replication/cursors');
  if (context.json) return context.printJson(cursors);
  return context.print(renderCursors(cursors, context.style));
}

async function showJournal(context: CliContext): Promise<void> {
  const journal = await context.client.json('GET', '/replication/journal');
  if (context.json) return context.printJson(journal);
  return context.print(renderJournal(journal, context.style));
}

async function collect(context: CliContext<CollectOptions>): Promise<void> {
  const collected = await context.client.json('POST', '/replication/gc', {
    aggressive: context.options.aggressive,
    audit_only: context.options.auditOnly,
  });
  if (context.json) return context.printJson(collected);
  return context.print(renderCollected(asObject(collected)));
}

export function addReplicationCommands(admin: Command, io: CliIo, setExitCode: SetExitCode): void {
  const replication = admin
    .command('replication')
    .description('how the replication of this site is doing');

  withAgentOptions(replication.command('status'))
    .description('the node, its journal and its peers')
    .option('--detailed', 'everything that is known')
    .action((options: DetailOptions) => showStatus(new CliContext(io, options)));

  withAgentOptions(replication.command('lag'))
    .description('how far each peer is behind')
    .option('--watch', 'again and again, until Ctrl-C')
    .option(
      '--interval-ms <ms>',
      'between two looks with --watch',
      parseIntervalMs,
      INTERVAL_MS_DEFAULT,
    )
    .action((options: LagOptions) => watchLag(new CliContext(io, options)));

  withAgentOptions(replication.command('health'))
    .description('HEALTHY, DEGRADED or DOWN, and why; exit status 4 unless HEALTHY')
    .option('--detailed', 'also the checks that passed, and the clocks of the peers')
    .action((options: DetailOptions) => showHealth(new CliContext(io, options), setExitCode));

  const cursor = replication.command('cursor').description('what is held durably, and where');
  withAgentOptions(cursor.command('status'))
    .description('what this node and each peer hold, by origin')
    .action((options: CommonOptions) => showCursors(new CliContext(io, options)));

  withAgentOptions(replication.command('journal-status'))
    .description('segments, position, commits and checkpoint of the journal')
    .action((options: CommonOptions) => showJournal(new CliContext(io, options)));

  const metrics = withAgentOptions(replication.command('metrics'))
    .description('all metrics as Prometheus reads them, or a summary')
    .action((options: CommonOptions) => showMetrics(new CliContext(io, options), false));
  withAgentOptions(metrics.command('summary'))
    .description('the metrics of replication as a table')
    .action((_options: CommonOptions, command: Command) =>
      showMetrics(new CliContext(io, command.optsWithGlobals<CommonOptions>()), true),
    );

  withAgentOptions(replication.command('gc'))
    .description('delete journal segments that nobody needs any more')
    .option('--aggressive', 'checkpoint first, keep no retention')
    .option('--audit-only', 'say what would be deleted, delete nothing')
    .action((options: CollectOptions) => collect(new CliContext(io, options)));

  addAuditCommand(replication, io, setExitCode);
  addConflictCommands(replication, io, setExitCode);
  addConfigCommands(replication, io);
  addQuarantineCommands(replication, io);
  addEvictionCommands(replication, io);
  addResync(replication, io, setExitCode);
}
