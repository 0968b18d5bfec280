/** A session over a link that is only memory: what no real network shows on demand. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { verifyControl } from '../../../bindings';
import { decodeControl } from '../../../src/conduit/control-decode';
import { encodeControl } from '../../../src/conduit/control-encode';
import { newCounters } from '../../../src/conduit/counters';
import type { Environment } from '../../../src/conduit/environment';
import { clusterIdOf } from '../../../src/conduit/identity';
import type { Link, LinkHandlers } from '../../../src/conduit/link';
import type { IncomingMessage, OutgoingMessage } from '../../../src/conduit/messages';
import { ConduitSession } from '../../../src/conduit/session';
import type { CloseReason, PeerCounters } from '../../../src/conduit/types';
import { CLUSTER, CODECS, helloOf, makeFrame, peekFakeFrame } from './fixtures';

class MemoryLink implements Link {
  readonly remote = { clusterUuid: CLUSTER, site: 2, address: 'memory' };
  readonly closed = new Promise<void>(() => undefined);
  readonly sent: IncomingMessage[] = [];
  readonly frames: Uint8Array[] = [];
  queued = 0;
  room = true;
  ended: 'closed' | 'destroyed' | undefined;
  peer: LinkHandlers | undefined;

  attach(handlers: LinkHandlers): void {
    this.peer = handlers;
  }
  sendControl(bytes: Uint8Array): void {
    this.sent.push(decodeControl(bytes, verifyControl));
  }
  sendFrame(frame: Uint8Array): void {
    this.frames.push(frame);
  }
  hasRoom(): boolean {
    return this.room;
  }
  queuedBytes(): number {
    return this.queued;
  }
  close(): void {
    this.ended ??= 'closed';
  }
  destroy(): void {
    this.ended ??= 'destroyed';
  }
  receive(...messages: OutgoingMessage[]): void {
    for (const message of messages) this.peer?.onControl(encodeControl(message));
  }
}

/** Time stands still until it is told to go. */
class ManualTime implements Environment {
  private nowMs = 1000;
  private timers: { atMs: number; fire: () => void }[] = [];

  monoUs(): number {
    return this.nowMs * 1000;
  }
  wallUs(): number {
    return this.nowMs * 1000 + 1e15;
  }
  random(): number {
    return 0.5;
  }
  setTimer(delayMs: number, fire: () => void): { cancel(): void } {
    const timer = { atMs: this.nowMs + delayMs, fire };
    this.timers.push(timer);
    return { cancel: () => (this.timers = this.timers.filter((other) => other !== timer)) };
  }
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.timers.filter((t) => t.atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (next === undefined) break;
      this.timers = this.timers.filter((other) => other !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.fire();
    }
    this.nowMs = endMs;
  }
}

interface Bench {
  readonly session: ConduitSession;
  readonly link: MemoryLink;
  readonly time: ManualTime;
  readonly counters: PeerCounters;
  readonly ends: CloseReason[];
}

function makeSession(): Bench {
  const link = new MemoryLink();
  const time = new ManualTime();
  const ends: CloseReason[] = [];
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const counters = newCounters();
  const session = new ConduitSession(
    {
      clusterUuid: CLUSTER,
      cluster: clusterIdOf(CLUSTER),
      site: 1,
      instance: 1n,
      software: 'test',
      capabilities: [],
      codecs: CODECS,
      entrySchemaMax: 1,
      frameBytesMax: 4 * 1024 * 1024,
      windowBytes: 8 * 1024 * 1024,
      windowFrames: 8,
      heartbeat: { intervalMs: 200, timeoutMs: 700 },
      drainTimeoutMs: 5000,
      status: () => ({ incarnation: 1n, epoch: 1n, cursors: [] }),
      peerStatus: () => ({ epoch: 1n, headLsn: 0n, oldestUnackedUs: 0 }),
      peekFrame: peekFakeFrame,
      verifyControl,
      environment: time,
      log: quiet,
    },
    { link, dialled: true, counters, handshakeMs: 3000 },
    { onOpen: () => {}, onEnd: (_session, reason) => ends.push(reason) },
  );
  return { session, link, time, counters, ends };
}

function open(bench: Bench): void {
  bench.link.receive({ kind: 'hello', hello: helloOf(2) });
  bench.link.receive({ kind: 'ready', protocol: 1, capabilities: [], codecs: CODECS });
  assert.equal(bench.session.state, 'open');
}

const STATUS = { epoch: 1n, headLsn: 0n, oldestUnackedUs: 0 };

test('a peer that makes us answer but does not read is cut off', () => {
  const bench = makeSession();
  open(bench);
  bench.link.queued = 64 * 1024 * 1024;
  bench.link.receive({ kind: 'heartbeat', seq: 1, sentMonoUs: 1, wallUs: 1, status: STATUS });
  assert.equal(bench.ends[0]?.code, 'not_reading');
  assert.equal(bench.link.ended, 'destroyed');
  assert.equal(bench.counters.errors, 1);
});

test('a heartbeat is answered at once with its own time', () => {
  const bench = makeSession();
  open(bench);
  bench.link.receive({ kind: 'heartbeat', seq: 7, sentMonoUs: 12345, wallUs: 1, status: STATUS });
  assert.deepEqual(bench.link.sent.at(-1), {
    kind: 'heartbeatReply',
    seq: 7,
    sentMonoUs: 12345,
    wallUs: bench.time.wallUs(),
  });
});

test('silence ends a session without a word, at the timeout', () => {
  const bench = makeSession();
  open(bench);
  bench.time.advance(699);
  assert.equal(bench.session.state, 'open');
  const sent = bench.link.sent.length;
  bench.time.advance(1);
  assert.equal(bench.ends[0]?.code, 'peer_silent');
  assert.equal(bench.link.ended, 'destroyed');
  assert.equal(bench.link.sent.length, sent);
  bench.time.advance(100_000);
  assert.equal(bench.ends.length, 1);
});

test('a handshake that stalls is refused at its deadline', () => {
  const bench = makeSession();
  bench.time.advance(2999);
  assert.equal(bench.ends.length, 0);
  bench.time.advance(1);
  assert.equal(bench.ends[0]?.code, 'handshake_timeout');
  assert.equal(bench.link.sent.at(-1)?.kind, 'refuse');
  assert.equal(bench.link.ended, 'closed');
});

test('the next frame waits for the link as well as for credit', async () => {
  const bench = makeSession();
  open(bench);
  const frame = makeFrame({ site: 1 });
  bench.link.room = false;
  let granted = false;
  const waiting = bench.session.credit(frame.length).then((value) => (granted = value));
  await Promise.resolve();
  assert.equal(granted, false);
  bench.link.room = true;
  bench.link.peer?.onRoom();
  assert.equal(await waiting, true);
  bench.session.sendFrame(frame, { entryCount: 5 });
  assert.equal(bench.link.frames[0], frame, 'the very bytes, uncopied');
  assert.equal(bench.counters.entriesOut, 5);
});

test('those who wait for credit are told when the session ends', async () => {
  const bench = makeSession();
  open(bench);
  bench.link.room = false;
  const waiting = bench.session.credit(100);
  bench.link.peer?.onClose(new Error('cut'));
  assert.equal(await waiting, false);
  assert.equal(await bench.session.credit(100), false);
  assert.equal(bench.ends[0]?.code, 'link_lost');
});

test('credit rides on heartbeats when it is too little to be told at once', () => {
  const bench = makeSession();
  open(bench);
  bench.session.attach({ onFrame: () => {}, onAck: () => {}, onClose: () => {} });
  const frame = makeFrame({ site: 2 });
  const info = peekFakeFrame(frame.subarray(0, 128));
  bench.link.peer?.admitFrame(info);
  bench.link.peer?.onFrame(frame, info);
  bench.session.release(frame.length, 1);
  const acks = (): IncomingMessage[] => bench.link.sent.filter(({ kind }) => kind === 'ack');
  assert.deepEqual(acks(), []);
  bench.time.advance(200);
  assert.deepEqual(acks(), [
    {
      kind: 'ack',
      cursors: [],
      creditBytesTotal: 8 * 1024 * 1024 + frame.length,
      creditFramesTotal: 9,
    },
  ]);
  bench.time.advance(200);
  assert.equal(acks().length, 1);
});
