#!/usr/bin/env node
/** The `cfs` program: the process around `runCli`. */
import { runCli } from './program';

/** What follows or watches ends at once; anything else is cut. */
const INTERRUPT_GRACE_MS = 300;
const EXIT_INTERRUPTED = 130;

const interrupted = new AbortController();
process.once('SIGINT', () => {
  interrupted.abort();
  setTimeout(() => process.exit(EXIT_INTERRUPTED), INTERRUPT_GRACE_MS).unref();
});

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
});

void runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  stdoutIsTty: process.stdout.isTTY,
  stderrIsTty: process.stderr.isTTY,
  env: process.env,
  cwd: process.cwd(),
  interrupted: interrupted.signal,
}).then((exitCode) => {
  process.exitCode = exitCode;
});
