/** Runs of `cfs` in this process, with streams from memory. */
import { Readable, Writable } from 'node:stream';
import type { CliIo } from '../../../src/cli/io';
import { runCli } from '../../../src/cli/program';

export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly tty?: boolean;
  readonly interrupted?: AbortSignal;
  /** Called with what has been printed so far. */
  readonly onOutput?: (stdout: string) => void;
}

class Sink extends Writable {
  text = '';
  constructor(readonly onText: (text: string) => void = () => undefined) {
    super();
  }
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    this.onText(this.text);
    done();
  }
}

export async function cfs(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const stdout = new Sink(options.onOutput);
  const stderr = new Sink();
  const io: CliIo = {
    stdin: Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)]),
    stdout,
    stderr,
    stdoutIsTty: options.tty === true,
    stderrIsTty: options.tty === true,
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    interrupted: options.interrupted ?? new AbortController().signal,
  };
  const exitCode = await runCli(args, io);
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}
