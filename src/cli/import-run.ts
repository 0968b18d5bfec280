/** `cfs journal import`: the agent reads the directory; here its progress is shown. */
import { Presets, SingleBar } from 'cli-progress';
import type { Query } from './agent-client';
import { CliError, ExitCode } from './cli-error';
import type { CliContext } from './context';
import { formatBytes, formatCount, formatDuration, formatNouns } from './format';
import type { ImportCommandOptions } from './journal-commands';
import { asObject, type JsonObject, numberAt, objectAt, objectsAt, textAt } from './json';
import type { SetExitCode } from './program';

const BAR_FORMAT =
  'importing [{bar}] {percentage}% | {done} of {found} names | {rate}/s | {eta} left';
const PLAIN_INTERVAL_MS = 1000;

/** Shows how far an import is. */
interface ProgressView {
  update(progress: JsonObject): void;
  stop(): void;
}

function rateOf(progress: JsonObject, startedMs: number): number {
  const seconds = (performance.now() - startedMs) / 1000;
  return seconds > 0 ? numberAt(progress, 'imported_names') / seconds : 0;
}

function timeLeft(progress: JsonObject, rate: number): string {
  if (progress['counting'] === true || rate === 0) return '?';
  const left = numberAt(progress, 'found_names') - numberAt(progress, 'imported_names');
  return formatDuration((Math.max(0, left) / rate) * 1000);
}

function barView(stderr: NodeJS.WritableStream): ProgressView {
  const startedMs = performance.now();
  const bar = new SingleBar(
    { stream: stderr, format: BAR_FORMAT, hideCursor: true, clearOnComplete: true },
    Presets.legacy,
  );
  bar.start(1, 0, { done: '0', found: '?', rate: '0', eta: '?' });
  return {
    update(progress) {
      const rate = rateOf(progress, startedMs);
      bar.setTotal(Math.max(1, numberAt(progress, 'found_names')));
      bar.update(numberAt(progress, 'imported_names'), {
        done: formatCount(numberAt(progress, 'imported_names')),
        found: formatCount(numberAt(progress, 'found_names')),
        rate: formatCount(Math.round(rate)),
        eta: timeLeft(progress, rate),
      });
    },
    stop: () => bar.stop(),
  };
}

/** For logs: a line now and then. */
function lineView(stderr: NodeJS.WritableStream): ProgressView {
  const startedMs = performance.now();
  let shownMs = -Infinity;
  return {
    update(progress) {
      if (performance.now() - shownMs < PLAIN_INTERVAL_MS) return;
      shownMs = performance.now();
      const rate = rateOf(progress, startedMs);
      stderr.write(
        `importing: ${formatCount(numberAt(progress, 'imported_names'))} of ` +
          `${formatCount(numberAt(progress, 'found_names'))} names, ` +
          `${formatCount(Math.round(rate))}/s, ${timeLeft(progress, rate)} left\n`,
      );
    },
    stop: () => undefined,
  };
}

function progressView(context: CliContext<ImportCommandOptions>): ProgressView | undefined {
  const { io, options } = context;
  if (io.stderrIsTty) return barView(io.stderr);
  return options.progress === true ? lineView(io.stderr) : undefined;
}

function renderResult(result: JsonObject, elapsedMs: number): string {
  const names = numberAt(result, 'names');
  const rate = elapsedMs > 0 ? Math.round((names / elapsedMs) * 1000) : 0;
  const existing = numberAt(result, 'existing');
  const lines = [
    `imported ${formatNouns(names, 'name')} in ${formatDuration(elapsedMs)} (${formatCount(rate)}/s): ` +
      `${formatCount(numberAt(result, 'directories'))} directories, ` +
      `${formatNouns(numberAt(result, 'files'), 'file')} of ${formatBytes(textAt(result, 'file_bytes'))}, ` +
      `${formatNouns(numberAt(result, 'symlinks'), 'symlink')}, ` +
      `${formatNouns(numberAt(result, 'hard_links'), 'hard link')}, ` +
      formatNouns(numberAt(result, 'specials'), 'special file'),
  ];
  if (existing > 0)
    lines.push(`${formatCount(existing)} of them were there already and stay as they are`);
  return lines.map((line) => `${line}\n`).join('');
}

async function remarkFaults(context: CliContext, result: JsonObject): Promise<void> {
  for (const name of objectsAt(result, 'skipped_names')) {
    await context.remark(`skipped ${textAt(name, 'path')}: ${textAt(name, 'reason')}`);
  }
  for (const error of objectsAt(result, 'errors')) {
    await context.remark(`refused: ${textAt(error, 'message')} (${textAt(error, 'code')})`);
  }
}

/** Runs an import that `query` describes; exit status 1 if anything was skipped or refused. */
export async function runImport(
  context: CliContext<ImportCommandOptions>,
  query: Query,
  setExitCode: SetExitCode,
): Promise<void> {
  const startedMs = performance.now();
  const view = progressView(context);
  let result: JsonObject | undefined;
  try {
    for await (const line of context.client.lines('POST', '/journal/import', query)) {
      const message = asObject(JSON.parse(line));
      if (message['result'] !== undefined) result = objectAt(message, 'result');
      else view?.update(objectAt(message, 'progress'));
    }
  } finally {
    view?.stop();
  }
  if (result === undefined) {
    throw new CliError(
      ExitCode.failed,
      'CFS_INTERNAL',
      'the agent ended the import without a result',
    );
  }
  if (numberAt(result, 'skipped') + numberAt(result, 'refused') > 0) setExitCode(ExitCode.failed);
  if (context.json) return context.printJson(result);
  await remarkFaults(context, result);
  await context.print(renderResult(result, performance.now() - startedMs));
}
