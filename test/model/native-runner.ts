/** The native history runner as a filter: scripts in, answers out, in order. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';

const END = 'end\n';

interface Waiting {
  histories: number;
  readonly done: (answer: string) => void;
  readonly failed: (error: Error) => void;
}

export class NativeRunner {
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly waiting: Waiting[] = [];
  private pieces: string[] = [];
  private line = '';
  private complaint = '';

  constructor(binary: string) {
    this.child = spawn(binary, [], { stdio: 'pipe' });
    this.child.stdout.setEncoding('latin1').on('data', (text: string) => this.take(text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.complaint += text));
    this.child.stdin.on('error', () => undefined); // it died: 'close' tells
    this.child.on('error', (error) => this.fail(error));
    this.child.on('close', () => this.fail(new Error(`the runner ended: ${this.complaint}`)));
  }

  /** The answer to the script of so many histories; rejects if the runner dies of it. */
  run(script: string, histories = 1): Promise<string> {
    return new Promise((done, failed) => {
      this.waiting.push({ histories, done, failed });
      this.child.stdin.write(script, 'latin1');
    });
  }

  close(): void {
    this.child.stdin.end();
  }

  private take(text: string): void {
    for (let start = 0; start < text.length;) {
      // A line "end" by itself; what was cut in the middle of a line is joined first.
      const newline = text.indexOf('\n', start);
      const line = text.slice(start, newline < 0 ? undefined : newline + 1);
      start += line.length;
      this.line += line;
      if (newline < 0) return;
      this.pieces.push(this.line);
      this.line = '';
      if (this.pieces.at(-1) === END) this.endHistory();
    }
  }

  private endHistory(): void {
    const [first] = this.waiting;
    if (first === undefined || --first.histories > 0) return;
    this.waiting.shift();
    first.done(this.pieces.join(''));
    this.pieces = [];
  }

  private fail(error: Error): void {
    for (const { failed } of this.waiting.splice(0)) failed(error);
  }
}

/** The answers of several histories, one by one. */
export function answersIn(answer: string): string[] {
  return answer.split(/(?<=^end\n)/m);
}
