/** `cfs journal ...`: writing operations and reading entries. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { type Command, InvalidArgumentError } from 'commander';
import { AppendTotals, renderTotals } from './append-totals';
import { AgentError, CutOffError } from './agent-client';
import { CliError, ExitCode, usageError } from './cli-error';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import { runImport } from './import-run';
import type { CliIo } from './io';
import { asObject, textAt } from './json';
import { lineBatches } from './line-batches';
import { pathQuery } from './meta-commands';
import type { SetExitCode } from './program';
import { renderEntryLine } from './entry-view';

interface AppendOptions extends CommonOptions {
  readonly keepGoing?: boolean;
}

interface TailOptions extends CommonOptions {
  readonly from: bigint;
  readonly follow?: boolean;
  readonly shard?: number;
}

export interface ImportCommandOptions extends CommonOptions {
  readonly into: string;
  readonly base64?: boolean;
  readonly progress?: boolean;
}

const SHARD_MAX = 4095;

function parseLsn(text: string): bigint {
  if (/^[0-9]{1,19}$/.test(text) && BigInt(text) > 0n) return BigInt(text);
  throw new InvalidArgumentError('Expected an LSN: a whole number from 1.');
}

function parseShard(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value <= SHARD_MAX) return value;
  throw new InvalidArgumentError(`Expected a shard: a whole number from 0 to ${SHARD_MAX}.`);
}

async function openInput(file: string, io: CliIo): Promise<Readable> {
  if (file === '-') return io.stdin;
  const path = resolve(io.cwd, file);
  const found = await stat(path).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    throw usageError(`${file}: ${code === 'ENOENT' ? 'no such file' : message}`);
  });
  if (found.isDirectory()) {
    throw usageError(
      `${file}: expected a file of JSON Lines; cfs journal import takes directories`,
    );
  }
  return createReadStream(path, { highWaterMark: 256 * 1024 });
}

async function append(
  context: CliContext<AppendOptions>,
  file: string,
  setExitCode: SetExitCode,
): Promise<void> {
  const totals = new AppendTotals();
  const input = await openInput(file, context.io);
  const keepGoing = context.options.keepGoing === true;
  for await (const { bytes, firstLine } of lineBatches(input)) {
    const query = { first_line: firstLine, keep_going: keepGoing };
    const failure = await context.client.post('/journal/append', query, bytes).then(
      (result) => {
        totals.add(result);
        return undefined;
      },
      (error: unknown) => error,
    );
    if (failure === undefined) continue;
    // A refused line comes with what was done before it; anything else is a failure of the agent.
    if (!(failure instanceof AgentError) || textAt(failure.error, 'line') === '') {
      throw explainPartial(failure, totals);
    }
    totals.add(asObject(failure.error['result']));
    break;
  }
  if (totals.refused > 0) setExitCode(ExitCode.failed);
  if (context.json) return context.printJson(totals.toJson());
  for (const { line, code, message } of totals.errors) {
    await context.remark(`line ${line}: ${message} (${code})`);
  }
  await context.print(renderTotals(totals));
}

function explainPartial(failure: unknown, totals: AppendTotals): unknown {
  if (!(failure instanceof CliError)) return failure;
  const done = `${totals.appended} entries were appended before (up to LSN ${totals.lastLsn})`;
  return new CliError(failure.exitCode, failure.code, `${failure.message}; ${done}`);
}

/** The agent cuts off a reader that pauses, such as a pager; the next request goes on behind it. */
async function tail(context: CliContext<TailOptions>): Promise<void> {
  const { options, io } = context;
  let next = options.from;
  for (;;) {
    const query = { from: next, follow: options.follow, shard: options.shard };
    const before = next;
    try {
      for await (const line of context.client.lines(
        'GET',
        '/journal/tail',
        query,
        io.interrupted,
      )) {
        const entry = asObject(JSON.parse(line));
        await context.print(context.json ? `${line}\n` : renderEntryLine(entry));
        next = BigInt(textAt(entry, 'lsn')) + 1n;
      }
      return;
    } catch (error) {
      if (!(error instanceof CutOffError) || next === before) throw error;
    }
  }
}

export function addJournalCommands(journal: Command, io: CliIo, setExitCode: SetExitCode): void {
  withAgentOptions(journal.command('append'))
    .description('append operations, one JSON object a line; done when they are durable')
    .argument('[file]', 'a file of JSON Lines, or - for standard input', '-')
    .option('--keep-going', 'skip lines that are refused; exit status 1 if there were any')
    .action((file: string, options: AppendOptions) =>
      append(new CliContext(io, options), file, setExitCode),
    );

  withAgentOptions(journal.command('tail'))
    .description("entries of this site's own journal")
    .option('--from <lsn>', 'the first entry', parseLsn, 1n)
    .option('--follow', 'wait for what comes, until Ctrl-C')
    .option('--shard <n>', 'only entries of this shard', parseShard)
    .action((options: TailOptions) => tail(new CliContext(io, options)));

  withAgentOptions(journal.command('import'))
    .description('import a directory tree of the machine that the agent runs on')
    .argument('<directory>', 'the directory')
    .option('--into <path>', 'where its content goes in the replicated tree', '/')
    .option('--base64', 'directory and --into are given as base64')
    .option('--progress', 'show progress also when standard error is not a terminal')
    .action((directory: string, options: ImportCommandOptions) => {
      const isBase64 = options.base64 === true;
      const query = {
        ...pathQuery('directory', isBase64 ? directory : resolve(io.cwd, directory), isBase64),
        ...(options.into === '/' ? {} : pathQuery('into', options.into, isBase64)),
      };
      return runImport(new CliContext(io, options), query, setExitCode);
    });
}
