/** `cfs admin replication audit`: reading the audit trail and verifying it. */
import { type Command, InvalidArgumentError } from 'commander';
import { listFiles } from '../audit/files';
import { verifyTrail } from '../audit/verify';
import { renderAuditLine, renderAuditReport, renderAuditTitle } from './audit-view';
import { CutOffError } from './agent-client';
import { CliError, ExitCode, usageError } from './cli-error';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import type { CliIo } from './io';
import { type JsonObject, asObject, objectsAt, textAt } from './json';
import type { SetExitCode } from './program';

interface AuditOptions extends CommonOptions {
  readonly since?: string;
  readonly filter?: string;
  /** True without a number. */
  readonly tail?: number | true;
  readonly oldest?: boolean;
  readonly follow?: boolean;
  readonly verify?: boolean;
  readonly anchor?: string;
  readonly directory?: string;
}

const TAIL_DEFAULT = 10;
const TAIL_MAX = 100_000;
const ANCHOR = /^([0-9]{1,15}):([0-9a-f]{64})$/;

function parseTail(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= 1 && value <= TAIL_MAX) return value;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${TAIL_MAX}.`);
}

function parseAnchor(text: string): string {
  if (ANCHOR.test(text)) return text;
  throw new InvalidArgumentError('Expected SEQ:HASH, as audit.anchor events of a peer have them.');
}

/** The agent cuts off a reader that pauses, such as a pager; the next request goes on behind it. */
async function read(context: CliContext<AuditOptions>): Promise<void> {
  const { options, io, client } = context;
  const { since, filter, oldest, follow } = options;
  const tail = options.tail === true ? TAIL_DEFAULT : options.tail;
  const query = { since, filter, tail, oldest, follow };
  let lastSeq = 0;
  for (;;) {
    const before = lastSeq;
    try {
      for await (const line of client.lines('GET', '/replication/audit', query, io.interrupted)) {
        const event = asObject(JSON.parse(line));
        const seq = Number(textAt(event, 'seq'));
        if (seq <= lastSeq) continue;
        if (lastSeq === 0 && !context.json) await context.print(renderAuditTitle(context.style));
        lastSeq = seq;
        await context.print(context.json ? `${line}\n` : renderAuditLine(event, context.style));
      }
      return;
    } catch (error) {
      if (!(error instanceof CutOffError) || lastSeq === before) throw error;
    }
  }
}

/** The files themselves: of an agent that does not run, or a copy of them. */
async function verifyDirectory(directory: string, anchor: string | undefined): Promise<JsonObject> {
  const [, seq, hash] = ANCHOR.exec(anchor ?? '') ?? [];
  const known = hash === undefined ? [] : [{ seq: Number(seq), hash, source: 'the anchor' }];
  try {
    const files = await listFiles(directory);
    if (files.length === 0) {
      throw new CliError(ExitCode.failed, 'CFS_NOT_FOUND', 'expected files audit-*.jsonl in it');
    }
    const report = await verifyTrail(directory, files, known);
    const { first = null, last = null, faults } = report;
    return asObject({ ...report, whole: faults.length === 0, first, last });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new CliError(ExitCode.failed, 'CFS_IO', `${directory}: ${message}`);
  }
}

async function verify(context: CliContext<AuditOptions>, setExitCode: SetExitCode): Promise<void> {
  const { directory, anchor } = context.options;
  const report =
    directory === undefined
      ? await context.client.json('GET', '/replication/audit/verify', { anchor })
      : await verifyDirectory(directory, anchor);
  if (objectsAt(report, 'faults').length > 0) setExitCode(ExitCode.unhealthy);
  if (context.json) return context.printJson(report);
  return context.print(renderAuditReport(report, context.style));
}

function audit(context: CliContext<AuditOptions>, setExitCode: SetExitCode): Promise<void> {
  const { options } = context;
  const { since, filter, tail, oldest, follow } = options;
  if (options.verify === true) {
    if ([since, filter, tail, oldest, follow].some((option) => option !== undefined)) {
      throw usageError('--verify: expected only --anchor and --directory with it');
    }
    return verify(context, setExitCode);
  }
  if (options.anchor !== undefined || options.directory !== undefined) {
    throw usageError('--anchor and --directory: expected --verify with them');
  }
  return read(context);
}

export function addAuditCommand(replication: Command, io: CliIo, setExitCode: SetExitCode): void {
  withAgentOptions(replication.command('audit'))
    .description('what happened here and who did it; --verify says whether the trail is whole')
    .option('--since <time>', 'from a time on, such as 2026-11-21T10:00Z, or for 90m, 2h, 7d')
    .option('--filter <terms>', 'only what matches, such as "kind=peer.* outcome!=ok site=2"')
    .option('--tail [n]', `only the newest n of it (${TAIL_DEFAULT} without a number)`, parseTail)
    .option('--oldest', 'the oldest instead of the newest; one of them without --tail')
    .option('--follow', 'wait for what comes, until Ctrl-C')
    .option('--verify', 'check the whole chain; exit status 4 if anything is wrong with it')
    .option('--anchor <seq:hash>', 'with --verify: what a peer has of this trail', parseAnchor)
    .option('--directory <dir>', 'with --verify: check these files, without an agent')
    .action((options: AuditOptions) => audit(new CliContext(io, options), setExitCode));
}
