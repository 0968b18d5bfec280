/**
 * What lifetime.test.ts runs in workers and in processes of their own, which end in every way there is:
 * `node lifetime-program.js SCENARIO FOLDER`, or as a worker with the two as workerData.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Engine } from '../../../bindings';
import { optionsFor } from './fixtures';

/** To the test: a line on stdout, or a message. */
function tell(message: string): void {
  if (parentPort === null) process.stdout.write(`${message}\n`);
  else parentPort.postMessage(message);
}

/** Appends without end, telling the number of each that is durable, and `onDurable` how many are. */
async function appendForever(
  engine: Engine,
  onDurable: (count: number) => void = () => undefined,
): Promise<never> {
  let count = 0;
  for (let i = 0; ; i += 4) {
    const names = [i, i + 1, i + 2, i + 3];
    await Promise.all(
      names.map(async (n) => {
        await engine.append({ op: 'create', parent: 1n, name: `f${n}` });
        tell(`durable ${n}`);
        onDurable(++count);
      }),
    );
  }
}

const scenarios: Record<string, (folder: string) => Promise<void>> = {
  /** Busy until somebody ends it. */
  async busy(folder) {
    await appendForever(await Engine.open(optionsFor(folder)));
  },
  /** Leaves by process.exit with appends under way. */
  async exits(folder) {
    const engine = await Engine.open(optionsFor(folder));
    await appendForever(engine, (count) => {
      if (count === 22) process.exit(7);
    });
  },
  /** Comes to its end with an engine that is open and idle, a feed and a listener. */
  async ends(folder) {
    const engine = await Engine.open(optionsFor(folder));
    engine.onDurable(() => undefined);
    const feed = engine.openFeed([]);
    await engine.append({ op: 'create', path: '/f0' });
    await feed.next();
    tell('durable 0');
  },
  /** Comes to its end but for an append, which must keep it alive. */
  async waits(folder) {
    const engine = await Engine.open(optionsFor(folder));
    void engine.append({ op: 'create', path: '/f0' }).then(() => tell('durable 0'));
  },
  /** Still opening when it is ended. */
  opens(folder) {
    void Engine.open(optionsFor(folder));
    tell('opening');
    return new Promise(() => undefined);
  },
  /** Every kind of call under way. */
  async everything(folder) {
    const engine = await Engine.open(optionsFor(folder));
    const feed = engine.openFeed([]);
    engine.onDurable(() => void feed.next().catch(() => undefined));
    for (;;) {
      const path = `/f${Math.random()}`;
      const calls = [
        engine.append({ op: 'create', path }),
        engine.lookupPath('/'),
        engine.dump(undefined, 100),
        engine.digest(),
        engine.checkpoint(),
        engine.collect(),
      ];
      tell('calling');
      await Promise.all(calls);
    }
  },
  /** A listener throws: as any exception that nothing catches. */
  async throws(folder) {
    const engine = await Engine.open(optionsFor(folder));
    process.on('uncaughtException', (error) => {
      tell(`caught ${error.message}`);
      process.exit(3);
    });
    engine.onDurable(() => {
      throw new Error('from a listener');
    });
    await engine.append({ op: 'create', path: '/f0' });
    await sleep(10_000);
  },
};

async function main(): Promise<void> {
  const [scenario, folder] = isMainThread
    ? process.argv.slice(2)
    : (workerData as [string, string]);
  const run = scenarios[scenario ?? ''];
  if (run === undefined || folder === undefined) throw new Error(`no scenario ${scenario ?? ''}`);
  await run(folder);
}

void main();
