/** What the processes of this folder share: a node from the file named in argv, lines in and out. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { type ConfigInput, type Node, open } from '../../src';

interface Job<Task> {
  readonly config: ConfigInput;
  readonly task: Task;
}

/** Opens the node, says so, does `work`, prints what it returns, waits for "stop", closes. */
export async function runEmbedded<Task>(
  work: (node: Node, task: Task) => Promise<object | undefined>,
): Promise<void> {
  const [, , file] = process.argv;
  if (file === undefined) throw new Error('expected the path of a job file');
  const { config, task } = JSON.parse(readFileSync(file, 'utf8')) as Job<Task>;
  const node = await open(config);
  const stopped = new Promise<void>((resolve) => {
    createInterface({ input: process.stdin }).on('line', (line) => {
      if (line === 'stop') resolve();
    });
  });
  process.stdout.write('ready\n');
  const result = await work(node, task);
  if (result !== undefined) process.stdout.write(`result ${JSON.stringify(result)}\n`);
  await stopped;
  await node.close();
  process.exit(0);
}

