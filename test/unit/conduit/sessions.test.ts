/** Two or three conduits on loopback, over real TLS, as they are meant to work. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { ConduitError } from '../../../src/conduit/errors';
import type { OriginCursor } from '../../../src/conduit/types';
import {
  Cleanup,
  Sessions,
  endpointOf,
  makeFrame,
  startConduit,
  until,
  type LogLine,
  type OptionsChange,
} from './fixtures';
import { Proxy, deadEndpoint } from './network';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup.run();
  cleanup = new Cleanup();
});

interface Pair {
  readonly one: Sessions;
  readonly two: Sessions;
}

/** Site 2 dials site 1. */
async function connect(
  change: { one?: Partial<OptionsChange>; two?: Partial<OptionsChange>; hold?: boolean } = {},
): Promise<Pair & { conduits: Awaited<ReturnType<typeof startConduit>>[] }> {
  const first = cleanup.add(
    await startConduit(1, { peers: [{ site: 2, endpoints: [] }], ...change.one }),
  );
  const one = new Sessions(first, change.hold);
  const second = cleanup.add(
    await startConduit(2, {
      peers: [{ site: 1, endpoints: [endpointOf(first)] }],
      ...change.two,
    }),
  );
  const two = new Sessions(second);
  await Promise.all([one.up(), two.up()]);
  return { one, two, conduits: [first, second] };
}

test('a session knows who the peer is and what both can do', async () => {
  const cursors: OriginCursor[] = [
    { origin: { site: 2, incarnation: 200n }, lsn: 77n, shards: [{ shard: 3, seq: 9n }] },
  ];
  const { one, two } = await connect({
    one: { capabilities: ['forward', 'a'], codecs: 0b101, software: 'one 1.0' },
    two: {
      capabilities: ['b', 'forward'],
      codecs: 0b110,
      status: () => ({ incarnation: 222n, epoch: 9n, cursors }),
    },
  });
  const session = one.last.session;
  assert.equal(session.peerSite, 2);
  assert.equal(session.dialled, false);
  assert.equal(two.last.session.dialled, true);
  assert.match(session.address, /^127\.0\.0\.1:\d+$/);
  assert.deepEqual(session.hello.origin, { site: 2, incarnation: 222n });
  assert.equal(session.hello.epoch, 9n);
  assert.deepEqual(session.hello.cursors, cursors);
  assert.equal(two.last.session.hello.software, 'one 1.0');
  for (const { session: side } of [one.last, two.last]) {
    assert.equal(side.state, 'open');
    assert.deepEqual(side.agreed, {
      protocol: 1,
      capabilities: new Set(['forward']),
      codecs: 0b101,
    });
  }
});

test('frames of every size arrive whole and in order, both ways', async () => {
  const { one, two } = await connect();
  const sizes = [128, 129, 1000, 16 * 1024, 70_000, 600 * 1024, 4 * 1024 * 1024 + 128];
  const sent = { one: [] as Buffer[], two: [] as Buffer[] };
  const sendAll = async (side: 'one' | 'two', site: number): Promise<void> => {
    const { session } = { one, two }[side].last;
    for (const [i, bytes] of [...sizes, ...sizes].entries()) {
      const frame = makeFrame({ site, lsn: BigInt(i + 1), bytes, entryCount: 3 });
      assert.equal(await session.credit(frame.length), true);
      session.sendFrame(frame, { entryCount: 3 });
      sent[side].push(frame);
    }
  };
  await Promise.all([sendAll('one', 1), sendAll('two', 2)]);
  const count = sizes.length * 2;
  await until(
    'all frames',
    () => one.last.frames.length === count && two.last.frames.length === count,
  );
  for (const [i, { frame, info }] of one.last.frames.entries()) {
    assert.equal(info.firstLsn, BigInt(i + 1));
    assert.ok(frame.equals(sent.two[i] ?? Buffer.alloc(0)), `frame ${i}`);
  }
  for (const [i, { frame }] of two.last.frames.entries()) {
    assert.ok(frame.equals(sent.one[i] ?? Buffer.alloc(0)), `frame ${i}`);
  }
});

test('acks and the status of heartbeats arrive', async () => {
  const { one, two } = await connect({
    two: { peerStatus: () => ({ epoch: 4n, headLsn: 55n, oldestUnackedUs: 6 }) },
  });
  const cursor: OriginCursor = { origin: { site: 1, incarnation: 100n }, lsn: 9n, shards: [] };
  two.last.session.sendAck([cursor]);
  await until('the ack', () => one.last.acks.length > 0);
  assert.deepEqual(one.last.acks, [cursor]);
  await until('a heartbeat', () => one.last.statuses.length > 0);
  assert.deepEqual(one.last.statuses[0], { epoch: 4n, headLsn: 55n, oldestUnackedUs: 6 });
});

test('an ack of more cursors than fit one message arrives in several', async () => {
  const cursors: OriginCursor[] = Array.from({ length: 40 }, (_, i) => ({
    origin: { site: i + 1, incarnation: 1n },
    lsn: BigInt(i),
    shards: Array.from({ length: 256 }, (_unused, shard) => ({ shard, seq: 1n })),
  }));
  const { one, two } = await connect({
    two: { status: () => ({ incarnation: 200n, epoch: 1n, cursors }) },
  });
  const bare = cursors.map((cursor) => ({ ...cursor, shards: [] }));
  assert.deepEqual(one.last.session.hello.cursors, bare);
  await until('the shards that Hello could not carry', () => one.last.acks.length === 40);
  assert.deepEqual(one.last.acks, cursors);
  assert.equal(two.last.acks.length, 0);
});

test('heartbeats measure the round trip and the skew of clocks', async () => {
  const hourUs = 3_600_000_000;
  const environment = {
    monoUs: () => performance.now() * 1000,
    wallUs: () => Date.now() * 1000 + hourUs,
    setTimer: (delayMs: number, fire: () => void) => {
      const timer = setTimeout(fire, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
    random: () => Math.random(),
  };
  const { one, two } = await connect({ two: { environment } });
  await until('a measurement', () => one.last.session.health().rttUs !== undefined);
  await until('a measurement', () => two.last.session.health().rttUs !== undefined);
  const skew = one.last.session.health().clockSkewUs ?? 0;
  assert.ok(Math.abs(skew - hourUs) < 60e6, `an hour ahead, measured ${skew} us`);
  const back = two.last.session.health().clockSkewUs ?? 0;
  assert.ok(Math.abs(back + hourUs) < 60e6, `an hour behind, measured ${back} us`);
  assert.ok((one.last.session.health().rttUs ?? -1) >= 0);
  // An hour is no reason to part: deciding about clocks is not the conduit's.
  assert.equal(one.last.session.state, 'open');
});

test('what cannot be sent is refused to the caller', async () => {
  const { two } = await connect({ one: { frameBytesMax: 2 * 1024 * 1024 } });
  const { session } = two.last;
  await assert.rejects(
    session.credit(2 * 1024 * 1024 + 1),
    (error) => error instanceof ConduitError && error.code === 'too_large',
  );
  const frame = makeFrame({ site: 2, bytes: 2 * 1024 * 1024 + 1 });
  assert.throws(
    () => session.sendFrame(frame, { entryCount: 1 }),
    (error) => error instanceof ConduitError && error.code === 'credit',
  );
  assert.throws(
    () => session.release(1, 1),
    (error) => error instanceof ConduitError && error.code === 'invalid_argument',
  );
  assert.throws(
    () => session.attach({ onFrame: () => {}, onAck: () => {}, onClose: () => {} }),
    (error) => error instanceof ConduitError && error.code === 'invalid_argument',
  );
});

test('a receiver that never releases gets the window and not a byte more', async () => {
  const windowBytes = 8 * 1024 * 1024;
  const { one, two } = await connect({ one: { windowBytes }, hold: true });
  const bytes = 1024 * 1024;
  const { session } = two.last;
  for (let lsn = 1n; lsn <= 8n; lsn++) {
    assert.equal(await session.credit(bytes), true);
    session.sendFrame(makeFrame({ site: 2, lsn, bytes }), { entryCount: 1 });
  }
  let granted: boolean | undefined;
  void session.credit(bytes).then((value) => {
    granted = value;
  });
  await until('the window', () => one.last.frames.length === 8);
  const seen = one.last.statuses.length;
  await until('more heartbeats', () => one.last.statuses.length > seen + 2);
  assert.equal(granted, undefined);
  assert.throws(() => session.sendFrame(makeFrame({ site: 2, bytes }), { entryCount: 1 }));
  // A single frame released is under a quarter of the window: the next heartbeat tells.
  one.last.session.release(bytes, 1);
  await until('credit', () => granted === true);
});

test('credit in frames counts too', async () => {
  const { one, two } = await connect({ one: { windowFrames: 3 }, hold: true });
  const { session } = two.last;
  for (let lsn = 1n; lsn <= 3n; lsn++) {
    assert.equal(await session.credit(200), true);
    session.sendFrame(makeFrame({ site: 2, lsn, bytes: 200 }), { entryCount: 1 });
  }
  assert.throws(() => session.sendFrame(makeFrame({ site: 2, bytes: 200 }), { entryCount: 1 }));
  await until('the window', () => one.last.frames.length === 3);
  one.last.session.release(600, 3);
  assert.equal(await session.credit(200), true);
});

test('a frame of a third site needs the capability', async () => {
  const capabilities = ['forward'];
  const { one, two } = await connect({ one: { capabilities }, two: { capabilities } });
  two.last.session.sendFrame(makeFrame({ site: 7 }), { entryCount: 1 });
  await until('the frame', () => one.last.frames.length === 1);
  assert.equal(one.last.frames[0]?.info.site, 7);
});

test('a drain lets everything sent become durable and acked, then ends both sides', async () => {
  const { one, two, conduits } = await connect({ hold: true });
  const { session } = two.last;
  for (let lsn = 1n; lsn <= 5n; lsn++) {
    session.sendFrame(makeFrame({ site: 2, lsn }), { entryCount: 1 });
  }
  const closed = conduits[1]?.close({ drainMs: 20_000 });
  assert.equal(session.state, 'draining');
  assert.equal(await session.credit(100), false);
  assert.throws(
    () => session.sendFrame(makeFrame({ site: 2 }), { entryCount: 1 }),
    (error) => error instanceof ConduitError && error.code === 'closed',
  );
  await until('the frames and Drain', () => one.last.drainReason !== undefined);
  assert.equal(one.last.frames.length, 5);
  assert.equal(one.last.session.state, 'draining');
  const cursor: OriginCursor = { origin: { site: 2, incarnation: 200n }, lsn: 5n, shards: [] };
  one.last.session.sendAck([cursor]);
  one.last.session.release(5000, 5);
  await closed;
  await until('the end', () => one.last.closed !== undefined);
  assert.deepEqual(two.last.acks, [cursor]);
  assert.equal(one.downs[0]?.code, 'drained');
  assert.equal(two.downs[0]?.code, 'drained');
  assert.equal(conduits[0]?.counters(2)?.errors, 0);
});

test('a drain that the peer does not follow ends at its deadline', async () => {
  const { one, two } = await connect({ hold: true });
  two.last.session.sendFrame(makeFrame({ site: 2 }), { entryCount: 1 });
  assert.equal(await two.last.session.drain(50, 'test'), false);
  await until('the end', () => one.last.closed !== undefined);
  assert.equal(two.last.closed?.code, 'shutting_down');
  assert.equal(one.last.closed?.code, 'shutting_down');
  assert.equal(one.last.closed.byPeer, true);
});

test('a lost session comes back, and is counted', async () => {
  const first = cleanup.add(await startConduit(1, { peers: [{ site: 2, endpoints: [] }] }));
  const one = new Sessions(first);
  const proxy = cleanup.add(new Proxy());
  const endpoint = await proxy.open(endpointOf(first));
  const second = cleanup.add(
    await startConduit(2, { peers: [{ site: 1, endpoints: [endpoint] }] }),
  );
  const two = new Sessions(second);
  await Promise.all([one.up(), two.up()]);
  for (let round = 1; round <= 3; round++) {
    proxy.reset();
    await until('the loss', () => one.downs.length === round && two.downs.length === round);
    await until('both up', () => one.all.length === round + 1 && two.all.length === round + 1);
    const { session } = two.last;
    session.sendFrame(makeFrame({ site: 2, lsn: BigInt(round) }), { entryCount: 1 });
    await until('the frame', () => one.last.frames.length === 1);
  }
  assert.ok(two.downs.every(({ code }) => code === 'link_lost'));
  const counters = second.counters(1);
  assert.equal(counters?.sessions, 4);
  assert.equal(counters.reconnects, 3);
  assert.equal(counters.framesOut, 3);
  assert.equal(first.counters(2)?.framesIn, 3);
  assert.ok(counters.bytesOut > 3000 && counters.bytesIn > 0);
  assert.ok(counters.errors >= 3);
});

test('endpoints are tried in turn until one answers', async () => {
  const first = cleanup.add(await startConduit(1, { peers: [{ site: 2, endpoints: [] }] }));
  const endpoints = [await deadEndpoint(), await deadEndpoint(), endpointOf(first)];
  const lines: LogLine[] = [];
  const second = cleanup.add(await startConduit(2, { peers: [{ site: 1, endpoints }] }, lines));
  const two = new Sessions(second);
  await two.up();
  assert.equal(second.counters(1)?.dials, 3);
  assert.equal(two.last.session.address, `127.0.0.1:${endpointOf(first).port}`);
  // The first failure is worth a warning; the same again is not.
  const failures = lines.filter((line) => line.message === 'dial failed');
  assert.deepEqual(
    failures.map((line) => line.level),
    ['warn', 'debug'],
  );
});

test('two sites that dial each other end with one session, the one of the lower site', async () => {
  const proxies = [cleanup.add(new Proxy()), cleanup.add(new Proxy())] as const;
  const late = await startConduit(1, { peers: [{ site: 2, endpoints: [] }] });
  const address = endpointOf(late);
  await late.close({ drainMs: 0 });
  const toOne = await proxies[0].open(address);
  const second = cleanup.add(await startConduit(2, { peers: [{ site: 1, endpoints: [toOne] }] }));
  const toTwo = await proxies[1].open(endpointOf(second));
  const first = cleanup.add(
    await startConduit(1, { listen: address, peers: [{ site: 2, endpoints: [toTwo] }] }),
  );
  const one = new Sessions(first);
  const two = new Sessions(second);
  // The other one may be up for a while, when its handshake is done first; frames on it may be lost.
  const settled = (): boolean =>
    [one, two].every((side) => side.all.filter((s) => s.closed === undefined).length === 1) &&
    one.last.session.dialled &&
    !two.last.session.dialled;
  await until('one session', settled);
  two.last.session.sendFrame(makeFrame({ site: 2 }), { entryCount: 1 });
  await until('the frame', () => one.all.some((side) => side.frames.length === 1));
  assert.ok(settled());
  for (const side of [one, two]) {
    for (const { code } of side.downs) assert.equal(code, 'duplicate');
  }
});

test('three sites, each with its own sessions', async () => {
  const first = cleanup.add(
    await startConduit(1, { peers: [2, 3].map((site) => ({ site, endpoints: [] })) }),
  );
  const one = new Sessions(first);
  const second = cleanup.add(
    await startConduit(2, {
      peers: [
        { site: 1, endpoints: [endpointOf(first)] },
        { site: 3, endpoints: [] },
      ],
    }),
  );
  const third = cleanup.add(
    await startConduit(3, {
      peers: [
        { site: 1, endpoints: [endpointOf(first)] },
        { site: 2, endpoints: [endpointOf(second)] },
      ],
    }),
  );
  await until('all sessions', () =>
    [
      [first, 2],
      [first, 3],
      [second, 1],
      [second, 3],
      [third, 1],
      [third, 2],
    ].every(([conduit, site]) => (conduit as typeof first).session(site as number) !== undefined),
  );
  assert.deepEqual(one.all.map(({ session }) => session.peerSite).sort(), [2, 3]);
});

test('options that cannot work are named', async () => {
  const table: [Partial<OptionsChange>, RegExp][] = [
    [{ clusterUuid: 'nonsense' }, /cluster UUID "nonsense"/],
    [{ peers: [{ site: 1, endpoints: [] }] }, /site 1 appears twice/],
    [{ peers: [{ site: 0, endpoints: [] }] }, /peer site is 0, expected 1 to 65535/],
    [{ windowBytes: 1000 }, /windowBytes is 1000, expected 4194432 to/],
    [{ frameBytesMax: 1000 }, /frameBytesMax is 1000/],
    [{ windowFrames: 0 }, /windowFrames is 0/],
    [{ capabilities: [''] }, /capability "" bytes is 0/],
    [{ software: 'x'.repeat(129) }, /software bytes is 129/],
  ];
  for (const [change, words] of table) {
    await assert.rejects(
      startConduit(1, { peers: [{ site: 2, endpoints: [] }], ...change }),
      words,
    );
  }
});

test('an address in use is an error of opening', async () => {
  const first = cleanup.add(await startConduit(1, { peers: [] }));
  await assert.rejects(startConduit(2, { peers: [], listen: endpointOf(first) }), /EADDRINUSE/);
});
