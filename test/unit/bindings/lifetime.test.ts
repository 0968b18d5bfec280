/** Engines at the ends of their lives: closed while busy, forgotten, and in threads that are ended. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import {
  AppendError,
  BusyError,
  type CfsError,
  ClosedError,
  Engine,
  OpBatch,
} from '../../../bindings';
import { allFrames, openEngine, optionsFor, scratchFolder } from './fixtures';

const PROGRAM = join(__dirname, 'lifetime-program.js');

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Collects garbage until `done` answers true, letting finalisers run in between. */
async function collectUntil(done: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let round = 0; round < 400; round++) {
    collectGarbage();
    await sleep(10);
    if (await done()) return;
  }
  assert.fail(`${what}: not after 400 collections`);
}

/** Opens a directory that was just let go of, and says which of f0, f1, ... it has. */
async function filesIn(folder: string): Promise<Set<number>> {
  const engine = await Engine.open(optionsFor(folder));
  try {
    const names = await engine.list('/', undefined, 100_000);
    return new Set(names.map(({ path }) => Number(String(path).slice(1))));
  } finally {
    await engine.close({ checkpoint: false });
  }
}

async function isFree(folder: string): Promise<boolean> {
  try {
    await (await Engine.open(optionsFor(folder))).close();
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'CFS_LOCKED');
    return false;
  }
}

/** Every number that `messages` told durable is there. */
function assertHolds(files: Set<number>, messages: readonly string[]): void {
  const durable = messages.flatMap((line) => /^durable (\d+)$/.exec(line)?.[1] ?? []).map(Number);
  assert.ok(durable.length > 0, 'something was durable');
  assert.deepEqual(
    durable.filter((n) => !files.has(n)),
    [],
    'no acknowledged entry is lost',
  );
}

// ---- close

test('closing while busy ends every call: done, or refused as closed', async (t) => {
  const folder = scratchFolder(t);
  const engine = await Engine.open(optionsFor(folder));
  const feed = engine.openFeed([]);
  const appends = Array.from({ length: 300 }, (_, i) =>
    engine.append({ op: 'create', parent: 1n, name: `f${i}` }),
  );
  const looks = [
    engine.lookupPath('/'),
    engine.dump(undefined, 1000),
    engine.list('/', undefined, 1000),
    engine.digest(),
    engine.checkpoint(),
    engine.collect(),
    feed.next(),
  ];
  const closing = engine.close();
  const late = engine.append({ op: 'create', parent: 1n, name: 'f9999' });
  const ends = await Promise.allSettled([...appends, ...looks, late]);
  await closing;
  for (const end of ends) {
    if (end.status === 'rejected') assert.equal((end.reason as ClosedError).code, 'CFS_CLOSED');
  }
  assert.equal(ends.at(-1)?.status, 'rejected', 'a call after close is refused');
  const files = await filesIn(folder);
  appends.forEach((_, i) => {
    assert.equal(files.has(i), ends[i]?.status === 'fulfilled', `f${i}`);
  });
});

test('after close everything answers closed, and closing again is a no-op', async (t) => {
  const [engine, other] = [await openEngine(t, 1), await openEngine(t, 2)];
  await other.append({ op: 'mkdir', path: '/d' });
  const [frame] = await allFrames(other);
  const feed = engine.openFeed([]);
  const stopListening = engine.onDurable(() => undefined);
  const closing = engine.close();
  assert.equal(engine.close(), closing);
  await closing;
  const rejecting: Record<string, () => Promise<unknown>> = {
    append: () => engine.append({ op: 'mkdir', path: '/d' }),
    receive: () => engine.receive(frame?.bytes ?? Buffer.alloc(0), 2, 1n),
    lookup: () => engine.lookup(1n),
    lookupPath: () => engine.lookupPath('/'),
    list: () => engine.list('/', undefined, 1),
    dump: () => engine.dump(undefined, 1),
    digest: () => engine.digest(),
    checkpoint: () => engine.checkpoint(),
    collect: () => engine.collect(),
    next: () => feed.next(),
  };
  for (const [name, call] of Object.entries(rejecting)) {
    await assert.rejects(call, ClosedError, name);
  }
  const throwing: Record<string, () => unknown> = {
    held: () => engine.held(),
    setPeers: () => engine.setPeers([2]),
    setPeerCursor: () => engine.setPeerCursor(2, 1n, []),
    peerCursor: () => engine.peerCursor(2),
    backlogFrom: () => engine.backlogFrom(0n),
    openFeed: () => engine.openFeed([]),
    status: () => engine.status(),
    nextSeq: () => engine.nextSeq(0),
  };
  for (const [name, call] of Object.entries(throwing)) assert.throws(call, ClosedError, name);
  stopListening();
  feed.close();
});

test('a batch that is refused at once keeps its operations', async (t) => {
  const engine = await openEngine(t);
  await engine.close();
  const batch = new OpBatch().add({ op: 'mkdir', path: '/d' });
  await assert.rejects(engine.append(batch), ClosedError);
  assert.equal(batch.count, 1);
});

test('several engines live in one process', async (t) => {
  const engines = await Promise.all([1, 2, 3, 4].map((site) => openEngine(t, site)));
  const results = await Promise.all(
    engines.flatMap((engine) =>
      Array.from({ length: 50 }, (_, i) =>
        engine.append({ op: 'create', parent: 1n, name: `f${i}` }),
      ),
    ),
  );
  assert.equal(results.length, 200);
  for (const engine of engines) assert.equal(engine.status().lastLsn, 50n);
});

// ---- bounds

/** Of a size that the queue takes once, and quickly done with: its value is too long. */
function largeBatch(): OpBatch {
  const value = Buffer.alloc(33 * 1024 * 1024);
  return new OpBatch().add({ op: 'setxattr', path: '/', key: 'k', value });
}

test('a full queue is said, retryable, and passes', async (t) => {
  const engine = await openEngine(t);
  // The engine may take a batch before the next one is there, so it may need another round.
  for (let round = 0; round < 50; round++) {
    const batches = [largeBatch(), largeBatch(), largeBatch()];
    const ends = await Promise.allSettled(batches.map((batch) => engine.append(batch)));
    const full = ends.findIndex(
      (end) => end.status === 'rejected' && end.reason instanceof BusyError,
    );
    const batch = batches[full];
    if (batch === undefined) continue;
    const reason = (ends[full] as PromiseRejectedResult).reason as Error;
    assert.ok(reason instanceof BusyError);
    assert.deepEqual([reason.code, reason.retryable], ['CFS_QUEUE_FULL', true]);
    assert.equal(batch.count, 1, 'the batch keeps its operations');
    await assert.rejects(engine.append(batch), AppendError, 'and has room now');
    return;
  }
  assert.fail('the queue was never full');
});

test('the queue of received frames is bounded too', async (t) => {
  const engine = await openEngine(t);
  const frame = Buffer.alloc(33 * 1024 * 1024);
  const calls = Array.from({ length: 1000 }, () => engine.receive(frame, 2, 1n));
  const reasons = (await Promise.allSettled(calls)).map(
    (end) => (end as PromiseRejectedResult).reason as CfsError,
  );
  assert.ok(reasons.some(({ code }) => code === 'CFS_QUEUE_FULL'));
  await assert.rejects(engine.receive(frame, 2, 1n), (error) => !(error instanceof BusyError));
});

test('calls that wait for a worker thread are bounded', async (t) => {
  const engine = await openEngine(t);
  const ends = await Promise.allSettled(Array.from({ length: 5000 }, () => engine.lookupPath('/')));
  const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason as Error] : []));
  assert.ok(refused.length > 0 && refused.length < 5000, `${refused.length} refused`);
  assert.ok(refused.every((error) => error instanceof BusyError && error.retryable));
  assert.equal((await engine.lookupPath('/')).inode, 1n);
});

// ---- garbage

test('an engine that is forgotten is closed as garbage', async (t) => {
  const folder = scratchFolder(t);
  await (async () => {
    const engine = await Engine.open(optionsFor(folder));
    await engine.append({ op: 'create', path: '/f0' });
    assert.equal(await isFree(folder), false);
  })();
  await collectUntil(() => isFree(folder), 'the directory is free');
  assert.ok((await filesIn(folder)).has(0));
});

test('a feed in use keeps its engine', async (t) => {
  const folder = scratchFolder(t);
  let feed = await (async () => {
    const engine = await Engine.open(optionsFor(folder));
    await engine.append({ op: 'create', path: '/f0' });
    return engine.openFeed([]);
  })();
  for (let i = 0; i < 10; i++) {
    collectGarbage();
    await sleep(5);
  }
  assert.equal((await feed.next())?.summary.lastLsn, 1n);
  feed = (await openEngine(t)).openFeed([]);
  await collectUntil(() => isFree(folder), 'the directory is free');
  feed.close();
});

test('appends of a forgotten engine are finished', async (t) => {
  const folder = scratchFolder(t);
  const appends = await (async () => {
    const engine = await Engine.open(optionsFor(folder));
    return Array.from({ length: 100 }, (_, i) =>
      engine.append({ op: 'create', parent: 1n, name: `f${i}` }),
    );
  })();
  collectGarbage();
  const results = await Promise.all(appends);
  assert.equal(results.at(-1)?.lastLsn, 100n);
  await collectUntil(() => isFree(folder), 'the directory is free');
});

test('memory that the engine reads is not collected, moved or used again', async (t) => {
  const [first, second] = [await openEngine(t, 1), await openEngine(t, 2)];
  const appends = [];
  for (let i = 0; i < 200; i++) {
    const batch = new OpBatch();
    batch.add({ op: 'create', parent: 1n, name: `${i}-${'x'.repeat(200)}` });
    appends.push(first.append(batch));
    if (i % 20 === 0) collectGarbage();
  }
  await Promise.all(appends);
  const names = (await first.list('/', undefined, 1000)).map(({ path }) => String(path));
  const expected = Array.from({ length: 200 }, (_, i) => `${i}-${'x'.repeat(200)}`);
  assert.deepEqual(names.sort(), expected.sort());

  const frames = await allFrames(first, { rawBytesTarget: 4096 });
  const received = frames.map(({ bytes }) => {
    const result = second.receive(Uint8Array.from(bytes), 1, 1n);
    collectGarbage();
    return result;
  });
  assert.equal((await Promise.all(received)).at(-1)?.lastLsn, 200n);
  assert.deepEqual(await second.digest(), await first.digest());
});

test('the memory of frames counts as external, once, and is released with them', async (t) => {
  const engine = await openEngine(t, 1, { sealCacheBytes: 0 });
  const value = Buffer.alloc(60_000, 1);
  const batch = new OpBatch();
  for (let i = 0; i < 200; i++) batch.add({ op: 'setxattr', path: '/', key: `k${i}`, value });
  await engine.append(batch);
  const external = (): number => process.memoryUsage().external;
  let before = 0;
  await collectUntil(() => {
    const last = before;
    before = external();
    return before === last;
  }, 'what earlier tests left is gone');
  const frames = await allFrames(engine, { codec: 'none' });
  const bytes = frames.reduce((sum, frame) => sum + frame.bytes.byteLength, 0);
  assert.ok(bytes > 10_000_000);
  const grown = external() - before;
  assert.ok(grown > bytes * 0.9 && grown < bytes * 1.5, `${bytes} bytes, counted as ${grown}`);
  frames.length = 0;
  await collectUntil(() => external() - before < bytes / 10, 'frames are released');
});

// ---- threads and processes that end

async function runWorker(
  t: TestContext,
  scenario: string,
  until: (messages: readonly string[], worker: Worker) => void,
): Promise<{ folder: string; messages: string[]; exitCode: number }> {
  const folder = scratchFolder(t);
  const messages: string[] = [];
  const worker = new Worker(PROGRAM, { workerData: [scenario, folder] });
  worker.on('message', (message: string) => {
    messages.push(message);
    until(messages, worker);
  });
  const [exitCode] = (await once(worker, 'exit')) as [number];
  return { folder, messages, exitCode };
}

test('a worker that is terminated while busy lets go of its engine', async (t) => {
  const { folder, messages } = await runWorker(t, 'busy', (told, worker) => {
    if (told.length === 20) void worker.terminate();
  });
  assertHolds(await filesIn(folder), messages);
});

test('a worker that exits while busy lets go of its engine', async (t) => {
  const { folder, messages, exitCode } = await runWorker(t, 'exits', () => undefined);
  assert.equal(exitCode, 7);
  assertHolds(await filesIn(folder), messages);
});

test('a worker that ends with an idle engine ends, and lets go of it', async (t) => {
  const { folder, messages, exitCode } = await runWorker(t, 'ends', () => undefined);
  assert.equal(exitCode, 0);
  assertHolds(await filesIn(folder), messages);
});

test('a worker that is terminated while opening lets go of the directory', async (t) => {
  const { folder } = await runWorker(t, 'opens', (_, worker) => void worker.terminate());
  assert.equal(await isFree(folder), true);
});

test('a worker that is terminated with every kind of call under way ends', async (t) => {
  for (const count of [1, 2, 5]) {
    const { folder } = await runWorker(t, 'everything', (told, worker) => {
      if (told.length === count) void worker.terminate();
    });
    assert.equal(await isFree(folder), true);
  }
});

test('several workers load the addon at once', async (t) => {
  const runs = await Promise.all([1, 2, 3].map(() => runWorker(t, 'ends', () => undefined)));
  for (const { folder, messages } of runs) assertHolds(await filesIn(folder), messages);
});

async function runProcess(
  t: TestContext,
  scenario: string,
  signalAfter = Number.POSITIVE_INFINITY,
): Promise<{ folder: string; messages: string[]; code: number | null; signal: string | null }> {
  const folder = scratchFolder(t);
  const child = spawn(process.execPath, [PROGRAM, scenario, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
    if (output.split('\n').length > signalAfter) child.kill('SIGKILL');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { folder, messages: output.split('\n').slice(0, -1), code, signal };
}

test('a process that exits while busy exits as it says', async (t) => {
  const { folder, messages, code, signal } = await runProcess(t, 'exits');
  assert.deepEqual([code, signal], [7, null]);
  assertHolds(await filesIn(folder), messages);
});

test('an idle engine does not keep a process alive, an append under way does', async (t) => {
  for (const scenario of ['ends', 'waits']) {
    const { folder, messages, code, signal } = await runProcess(t, scenario);
    assert.deepEqual([code, signal], [0, null], scenario);
    assertHolds(await filesIn(folder), messages);
  }
});

test('a process that is killed while busy has lost nothing that was durable', async (t) => {
  const { folder, messages, signal } = await runProcess(t, 'busy', 50);
  assert.equal(signal, 'SIGKILL');
  assertHolds(await filesIn(folder), messages);
});

test('what a listener throws is an uncaught exception', async (t) => {
  const { messages, code } = await runProcess(t, 'throws');
  assert.deepEqual(messages, ['caught from a listener']);
  assert.equal(code, 3);
});
