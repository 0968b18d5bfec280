/** `cfs admin meta consistency-check` and `cfs admin replication resync`. */
import { type Command, InvalidArgumentError } from 'commander';
import type { Query } from './agent-client';
import { CliError, ExitCode, usageError } from './cli-error';
import { renderComparison, renderResync } from './consistency-view';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import { formatCount } from './format';
import type { CliIo } from './io';
import { type JsonObject, asObject, numberAt, objectAt, objectsAt, textAt } from './json';
import type { SetExitCode } from './program';
import { parseSite } from './site-argument';

interface CheckOptions extends CommonOptions {
  readonly peer?: number;
}

interface ResyncOptions extends CommonOptions {
  readonly peer: number;
  readonly inode?: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
}

const CLEAR_LINE = '\r\u001b[K';

function parseInode(text: string): string {
  if (/^[0-9]{1,20}$/.test(text) && BigInt(text) > 0n) return text;
  throw new InvalidArgumentError('Expected the number of an inode.');
}

function progressText(progress: JsonObject): string {
  const count = (member: string): string => formatCount(numberAt(progress, member));
  return (
    `site ${textAt(progress, 'peer')}: ${count('exchanges')} exchanges, ` +
    `${count('inodes_compared')} inodes compared, ${count('inodes_differing')} differ`
  );
}

/** Runs a comparison at the agent, its progress on a terminal's standard error; gives the result. */
async function compare(
  context: CliContext,
  method: 'GET' | 'POST',
  route: string,
  query: Query,
): Promise<JsonObject> {
  const { io, client } = context;
  let result: JsonObject | undefined;
  let shown = false;
  for await (const line of client.lines(method, route, query, io.interrupted)) {
    const message = asObject(JSON.parse(line));
    if (message['result'] !== undefined) result = objectAt(message, 'result');
    else if (io.stderrIsTty) {
      io.stderr.write(CLEAR_LINE + progressText(objectAt(message, 'progress')));
      shown = true;
    }
  }
  if (shown) io.stderr.write(CLEAR_LINE);
  if (result !== undefined) return result;
  const message = io.interrupted.aborted ? 'cancelled' : 'the agent ended without a result';
  throw new CliError(ExitCode.failed, 'CFS_CLOSED', message);
}

async function check(context: CliContext<CheckOptions>, setExitCode: SetExitCode): Promise<void> {
  const { peer } = context.options;
  const result = await compare(context, 'GET', '/meta/consistency-check', { peer });
  const reports = objectsAt(result, 'peers');
  if (reports.some((report) => report['error'] !== undefined)) setExitCode(ExitCode.failed);
  if (reports.some((report) => report['equal'] === false)) setExitCode(ExitCode.unhealthy);
  if (context.json) return context.printJson(result);
  if (reports.length === 0) return context.print('no peers\n');
  const text = reports.map((report) => renderComparison(report, context.style)).join('');
  return context.print(text);
}

async function resync(context: CliContext<ResyncOptions>, setExitCode: SetExitCode): Promise<void> {
  const { peer, inode, all, dryRun } = context.options;
  if ((inode === undefined) !== (all === true)) {
    throw usageError('expected one of --inode N and --all');
  }
  const query = { peer, inode, all, dry_run: dryRun };
  const report = await compare(context, 'POST', '/replication/resync', query);
  const mended =
    numberAt(report, 'registers_differing') === numberAt(report, 'registers_repaired') &&
    objectsAt(report, 'differences').every((at) => objectsAt(at, 'registers').length > 0);
  if (report['equal'] !== true && !mended) setExitCode(ExitCode.unhealthy);
  if (context.json) return context.printJson(report);
  return context.print(renderResync(report, context.style));
}

export function addConsistencyCheck(meta: Command, io: CliIo, setExitCode: SetExitCode): void {
  withAgentOptions(meta.command('consistency-check'))
    .description('compare with the peers, also under writes; exit status 4 if anything differs')
    .option('--peer <site>', 'only this one', parseSite)
    .action((options: CheckOptions) => check(new CliContext(io, options), setExitCode));
}

export function addResync(replication: Command, io: CliIo, setExitCode: SetExitCode): void {
  withAgentOptions(replication.command('resync'))
    .description('take from a peer exactly what really differs; exit status 4 if any of it stays')
    .requiredOption('--peer <site>', 'the site that is right', parseSite)
    .option('--inode <n>', 'only this inode', parseInode)
    .option('--all', 'all inodes that differ')
    .option('--dry-run', 'say what would be taken, change nothing')
    .action((options: ResyncOptions) => resync(new CliContext(io, options), setExitCode));
}
