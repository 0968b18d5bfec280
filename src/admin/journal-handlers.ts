/** Writing to the journal and reading it: /journal/*. */
import { realpath, stat } from 'node:fs/promises';
import type { AppendLinesResult } from '../journal/append-lines';
import type { ImportResult } from '../journal/import';
import type { AdminTarget } from './admin-target';
import { ApiError, badRequest, httpStatusOf, toApiError } from './api-error';
import { countNames } from './count-names';
import type { JsonObject } from './json-form';
import { jsonReply, linesReply, type Reply } from './reply';
import type { AdminRequest } from './request';

const PROGRESS_INTERVAL_MS = 200;

function appendForm(result: AppendLinesResult, lineOffset: number): JsonObject {
  return {
    lines: result.lines,
    appended: result.appended,
    duplicates: result.duplicates,
    unchanged: result.unchanged,
    refused: result.refused,
    first_lsn: result.firstLsn.toString(),
    last_lsn: result.lastLsn.toString(),
    errors: result.errors.map(({ line, code, message }) => ({
      line: line + lineOffset,
      code,
      message,
    })),
  };
}

/**
 * The body's lines into the journal. Answers when they are durable: 200 with the totals, or the
 * status of the line that ended it with the totals of the lines before.
 */
export async function append(target: AdminTarget, request: AdminRequest): Promise<Reply> {
  const keepGoing = request.params.flag('keep_going');
  const lineOffset = (request.params.integer('first_line') ?? 1) - 1;
  const result = await target.appendLines(request.body, { keepGoing });
  const form = appendForm(result, lineOffset);
  const first = result.errors[0];
  if (keepGoing || first === undefined) return jsonReply(form);
  const line = first.line + lineOffset;
  throw new ApiError(httpStatusOf(first.code), first.code, first.message, { line, result: form });
}

export function tail(target: AdminTarget, request: AdminRequest): Reply {
  const shard = request.params.integer('shard');
  return linesReply(
    target.tailLines({
      fromLsn: request.params.uint64('from') ?? 1n,
      follow: request.params.flag('follow'),
      signal: request.signal,
      ...(shard === undefined ? {} : { shard }),
    }),
  );
}

function importForm(totals: ImportResult): JsonObject {
  const { walked } = totals;
  return {
    names: walked.names,
    directories: walked.directories,
    files: walked.files,
    symlinks: walked.symlinks,
    hard_links: walked.hardLinks,
    specials: walked.specials,
    file_bytes: walked.bytes.toString(),
    skipped: walked.skipped,
    skipped_names: walked.skippedNames.map(({ path, reason }) => ({ path, reason })),
    entries: totals.appended,
    existing: totals.existing,
    refused: totals.refused,
    errors: totals.errors.map(({ code, reason }) => ({ code, message: reason })),
    last_lsn: totals.lastLsn.toString(),
  };
}

/** The directory that `path` leads to on this machine, through symbolic links. */
async function directoryAt(path: Buffer): Promise<Buffer> {
  try {
    const directory = await realpath(path, { encoding: 'buffer' });
    if ((await stat(directory)).isDirectory()) return directory;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES')
      throw badRequest(`${path.toString()}: the agent's user may not go there`);
  }
  throw badRequest(`${path.toString()}: expected a directory on the agent's machine`);
}

/** Lines `{"progress":{...}}` while it runs, and one `{"result":{...}}` in the end. */
export async function importDirectory(target: AdminTarget, request: AdminRequest): Promise<Reply> {
  const directory = await directoryAt(request.params.requiredBytes('directory'));
  const into = request.params.bytes('into') ?? Buffer.from('/');
  return linesReply(importLines(target, request.signal, directory, into));
}

async function* importLines(
  target: AdminTarget,
  signal: AbortSignal,
  directory: Buffer,
  into: Buffer,
): AsyncGenerator<string> {
  const counting = countNames(directory, signal);
  let latest: ImportResult | undefined;
  let result: ImportResult | undefined;
  let failure: unknown;
  let ended = false as boolean;
  const importing = target
    .importTree(directory, {
      target: into,
      signal,
      onProgress: (totals) => {
        latest = totals;
      },
    })
    .then((totals) => {
      result = totals;
    })
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => {
      ended = true;
    });
  while (!ended) {
    await Promise.race([importing, delay(PROGRESS_INTERVAL_MS)]);
    if (latest === undefined) continue;
    const imported = latest.appended + latest.existing + latest.refused;
    const progress = {
      found_names: Math.max(counting.names, imported),
      counting: counting.running,
      imported_names: imported,
    };
    yield `${JSON.stringify({ progress })}\n`;
  }
  if (result === undefined) throw toApiError(failure);
  yield `${JSON.stringify({ result: importForm(result) })}\n`;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
