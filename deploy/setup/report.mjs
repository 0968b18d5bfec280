// One clean line per step: what, how it ended, how long it took. A step's own output stays out of
// sight unless it fails; then it is shown whole enough to act on.
import { spawn } from 'node:child_process';

const NAME_COLUMNS = 34;
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
const FAILURE_LINES_SHOWN = 80;

/** A step that failed for a reason the reader can act on: only the message is shown, no stack. */
export class StepError extends Error {}

/** A command that exited non-zero; `output` holds what it printed on both streams. */
export class CommandError extends StepError {
  constructor(commandLine, ending, output) {
    super(`${commandLine} ${ending}\n${lastLines(output, FAILURE_LINES_SHOWN)}`);
    this.output = output;
  }
}

/**
 * Runs `work` and prints its line. `work` returns a short note such as "current" or "built".
 * Errors are shown below the line and thrown on.
 */
export async function step(name, work) {
  const startedMs = performance.now();
  const label = `${name} `.padEnd(NAME_COLUMNS, '.');
  const interactive = process.stdout.isTTY;
  if (interactive) process.stdout.write(`  ${label} `);
  try {
    const note = await work();
    process.stdout.write(`${interactive ? '' : `  ${label} `}${note}${seconds(startedMs)}\n`);
  } catch (error) {
    process.stdout.write(`${interactive ? '' : `  ${label} `}FAILED${seconds(startedMs)}\n`);
    throw error;
  }
}

/** Elapsed time since `startedMs`, in brackets; nothing when it was too short to matter. */
export function seconds(startedMs) {
  const elapsedMs = performance.now() - startedMs;
  return elapsedMs < 1000 ? '' : ` (${(elapsedMs / 1000).toFixed(1)} s)`;
}

/** Runs a command to its end with its output captured. Resolves to the output; rejects with CommandError. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const line = [command, ...args].join(' ');
    let output = '';
    const keep = (chunk) => {
      output = (output + chunk).slice(-OUTPUT_BYTES_MAX);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.on('error', (error) =>
      reject(new CommandError(line, `did not start: ${error.message}`, '')),
    );
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output);
      else
        reject(
          new CommandError(line, signal ? `ended by ${signal}` : `exited with ${code}`, output),
        );
    });
  });
}

/** Prints what went wrong; a StepError without its stack, anything else with it. */
export function printFailure(error) {
  process.stdout.write(`\n${error instanceof StepError ? error.message : error.stack}\n`);
}

function lastLines(text, count) {
  const lines = text.trimEnd().split('\n');
  if (lines.length <= count) return lines.join('\n');
  return [`(${lines.length - count} lines above)`, ...lines.slice(-count)].join('\n');
}
