/** `cfs admin replication conflicts`: what lost to another site's change, and getting it back. */
import type { Command } from 'commander';
import { type How, type SettleOptions, settleAll } from './conflict-bulk';
import { usageError } from './cli-error';
import { renderConflict, renderConflictLine, renderConflictTitle } from './conflict-view';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import type { CliIo } from './io';
import { asObject, textAt } from './json';
import type { SetExitCode } from './program';

interface ListOptions extends CommonOptions {
  readonly since?: string;
  readonly filter?: string;
  readonly open?: boolean;
}

async function list(context: CliContext<ListOptions>): Promise<void> {
  const { options, io, client } = context;
  const { since, filter, open } = options;
  const query = { since, filter, open };
  let count = 0;
  for await (const line of client.lines('GET', '/replication/conflicts', query, io.interrupted)) {
    if (context.json) {
      await context.print(`${line}\n`);
      continue;
    }
    if (count++ === 0) await context.print(renderConflictTitle(context.style));
    await context.print(renderConflictLine(asObject(JSON.parse(line)), context.style));
  }
  if (!context.json && count === 0) await context.print('no conflicts\n');
}

async function show(context: CliContext, id: string): Promise<void> {
  const conflict = await context.client.json('GET', '/replication/conflicts/show', { id });
  if (context.json) return context.printJson(conflict);
  return context.print(renderConflict(conflict, context.style));
}

async function settle(
  context: CliContext<SettleOptions>,
  how: How,
  id: string | undefined,
  setExitCode: SetExitCode,
): Promise<void> {
  const { filter, keepGoing } = context.options;
  if (id === undefined && filter !== undefined) {
    return settleAll(context, how, filter, setExitCode);
  }
  if (id === undefined || filter !== undefined) {
    throw usageError('expected one of ID and --filter TERMS');
  }
  if (keepGoing === true) throw usageError('--keep-going: expected --filter TERMS with it');
  const settled = await context.client.json('POST', `/replication/conflicts/${how}`, { id });
  if (context.json) return context.printJson(settled);
  const done = how === 'ack' ? 'acknowledged' : 'restored: its change was made again';
  return context.print(`${id} ${done}, LSN ${textAt(settled, 'lsn')}\n`);
}

function addSettleCommand(
  conflicts: Command,
  how: How,
  description: string,
  io: CliIo,
  setExitCode: SetExitCode,
): void {
  withAgentOptions(conflicts.command(`${how} [id]`))
    .description(description)
    .option('--filter <terms>', 'instead of one: all open ones that match, oldest first')
    .option('--keep-going', 'with --filter: go on after one that is refused, and report them all')
    .action((id: string | undefined, options: SettleOptions) =>
      settle(new CliContext(io, options), how, id, setExitCode),
    );
}

export function addConflictCommands(
  replication: Command,
  io: CliIo,
  setExitCode: SetExitCode,
): void {
  const conflicts = replication
    .command('conflicts')
    .description('changes that lost to ones made without knowledge of them');

  withAgentOptions(conflicts.command('list'))
    .description('the ledger, oldest first; with --json both versions whole, to export it')
    .option('--since <time>', 'from a time on, such as 2026-11-21T10:00Z, or for 90m, 2h, 7d')
    .option(
      '--filter <terms>',
      'only what matches, such as "path=/projects/* lost=fields loser_site=2", or lost=unsent',
    )
    .option('--open', 'only those that nobody has acknowledged or restored')
    .action((options: ListOptions) => list(new CliContext(io, options)));

  withAgentOptions(conflicts.command('show <id>'))
    .description('one conflict: both changes, their stamps and what their writers had seen')
    .action((id: string, options: CommonOptions) => show(new CliContext(io, options), id));

  const seen = 'note, at all sites, that somebody has seen it';
  addSettleCommand(conflicts, 'ack', seen, io, setExitCode);
  const again = 'make the change that lost again, as a new write that wins everywhere';
  addSettleCommand(conflicts, 'restore', again, io, setExitCode);
}
