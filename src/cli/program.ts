/** The tree of commands of `cfs`, and one run of it. */
import { Command, CommanderError } from 'commander';
import { softwareVersion } from '../telemetry/version';
import { CliError, ExitCode } from './cli-error';
import { addCompletionCommands } from './completion';
import { addJournalCommands } from './journal-commands';
import type { CliIo } from './io';
import { write } from './io';
import { addMetaCommands } from './meta-commands';
import { addReplicationCommands } from './replication-commands';
import { addTlsCommands } from './tls-commands';

const EPILOGUE = `
Exit status: 0 done, 1 the operation failed, 2 wrong usage, 3 no agent answers, 4 unhealthy.
With --json, what lists names or entries prints one object a line; all else prints one object.`;

/** Sets the exit code of the run. */
export type SetExitCode = (code: ExitCode) => void;

function makeProgram(io: CliIo, setExitCode: SetExitCode): Command {
  const program = new Command('cfs')
    .description('Looks after one agent of ClaudeFS replication.')
    .version(softwareVersion(), '-V, --version')
    .addHelpText('after', EPILOGUE)
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    })
    .exitOverride();
  const journal = program.command('journal').description('write and read the journal');
  addJournalCommands(journal, io, setExitCode);
  const admin = program.command('admin').description('look after replication, metadata and TLS');
  addReplicationCommands(admin, io, setExitCode);
  addMetaCommands(admin, io, setExitCode);
  addTlsCommands(admin, io, setExitCode);
  addCompletionCommands(program, io);
  inheritSettings(program);
  return program;
}

/** Commands made by `.command()` copy settings; those are all, so that no error exits the process. */
function inheritSettings(program: Command): void {
  for (const command of program.commands) {
    command.copyInheritedSettings(program);
    command.showHelpAfterError(`(see ${commandPath(command)} --help)`);
    inheritSettings(command);
  }
}

function commandPath(command: Command): string {
  const path = [command.name()];
  for (let parent = command.parent; parent !== null; parent = parent.parent) {
    path.unshift(parent.name());
  }
  return path.join(' ');
}

function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/** Runs `cfs` with `args` (without node and script). Never throws; answers the exit code. */
export async function runCli(args: readonly string[], io: CliIo): Promise<ExitCode> {
  let exitCode: ExitCode = ExitCode.ok;
  const program = makeProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    }
    // The reader of our output has seen enough.
    if (isBrokenPipe(error)) return ExitCode.ok;
    await reportError(error, args, io);
    return error instanceof CliError ? error.exitCode : ExitCode.failed;
  }
}

async function reportError(error: unknown, args: readonly string[], io: CliIo): Promise<void> {
  const code = error instanceof CliError ? error.code : 'CFS_INTERNAL';
  const message = error instanceof Error ? error.message : String(error);
  const text = args.includes('--json')
    ? `${JSON.stringify({ error: { code, message } })}\n`
    : `cfs: ${message}${error instanceof CliError && error.exitCode !== ExitCode.failed ? '' : ` (${code})`}\n`;
  await write(io.stderr, text).catch(() => undefined);
}
