/** Engines on scratch directories that are closed and removed when their test ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type DecodedEntry,
  Engine,
  type EngineOptions,
  type Feed,
  type FeedOptions,
  type SealedFrame,
  decodeFrame,
} from '../../../bindings';

export const CLUSTER = '0b6f9c1e-51a5-4a2e-9d3e-2f3a7c1d5e80';

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** Runs `cleanup` when the test has ended; what was deferred last runs first. */
export function defer(t: TestContext, cleanup: () => unknown): void {
  const known = cleanups.get(t);
  if (known !== undefined) {
    known.push(cleanup);
    return;
  }
  const list = [cleanup];
  cleanups.set(t, list);
  t.after(async () => {
    for (const each of list.reverse()) await each();
  });
}

export function scratchFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cfs-repl-bindings-'));
  defer(t, () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function optionsFor(dataDir: string, site = 1): EngineOptions {
  return { dataDir, clusterUuid: CLUSTER, site, segmentBytes: 16 * 1024 * 1024 };
}

export async function openEngine(
  t: TestContext,
  site = 1,
  options: Partial<EngineOptions> = {},
): Promise<Engine> {
  const engine = await Engine.open({ ...optionsFor(scratchFolder(t), site), ...options });
  defer(t, () => engine.close({ checkpoint: false }));
  return engine;
}

/** The frames that a reader who has nothing gets. */
export async function allFrames(engine: Engine, options?: FeedOptions): Promise<SealedFrame[]> {
  const feed = engine.openFeed([]);
  try {
    return await drain(feed, options);
  } finally {
    feed.close();
  }
}

export async function drain(feed: Feed, options?: FeedOptions): Promise<SealedFrame[]> {
  const frames: SealedFrame[] = [];
  for (;;) {
    const frame = await feed.next(options);
    if (frame === undefined) return frames;
    frames.push(frame);
  }
}

/** Every entry of the engine's own journal, as tail shows it: not compacted. */
export async function allEntries(engine: Engine): Promise<DecodedEntry[]> {
  const entries: DecodedEntry[] = [];
  for (const frame of await allFrames(engine, { compact: false })) {
    entries.push(...(await decodeFrame(frame.bytes)));
  }
  return entries;
}

/** Sends everything durable at `from` to `to`, as a conduit does. */
export async function replicate(from: Engine, to: Engine): Promise<void> {
  const { site, incarnation } = from.status().origin;
  for (const frame of await allFrames(from)) await to.receive(frame.bytes, site, incarnation);
}

export function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
}

/** Every visible path, in the order of dump. */
export async function paths(engine: Engine): Promise<(string | undefined)[]> {
  return (await engine.dump(undefined, 1000)).map(({ path }) => text(path));
}
