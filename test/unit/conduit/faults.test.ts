/** Cut, silent, half-open, hostile: what a session must survive or end by. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import type { Conduit } from '../../../src/conduit/conduit';
import { encodeControl } from '../../../src/conduit/control-encode';
import { HEARTBEAT_DEFAULTS } from '../../../src/conduit/heartbeat';
import { KIND_CONTROL, KIND_FRAME, encodePrefix } from '../../../src/conduit/protocol';
import {
  Cleanup,
  Sessions,
  endpointOf,
  helloOf,
  makeFrame,
  materialOf,
  startConduit,
  until,
  type OptionsChange,
} from './fixtures';
import { CUTS_OF_A_RECORD, Proxy, RawPeer, muteServer, type Cut } from './network';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup.run();
  cleanup = new Cleanup();
});

interface Through {
  readonly first: Conduit;
  readonly second: Conduit;
  readonly one: Sessions;
  readonly two: Sessions;
  readonly proxy: Proxy;
}

/** Site 2 dials site 1 through a proxy. */
async function throughProxy(
  cut?: Proxy['cut'],
  change: Partial<OptionsChange> = {},
): Promise<Through> {
  const first = cleanup.add(
    await startConduit(1, { peers: [{ site: 2, endpoints: [] }], ...change }),
  );
  const proxy = cleanup.add(new Proxy());
  proxy.cut = cut;
  const endpoint = await proxy.open(endpointOf(first));
  const second = cleanup.add(
    await startConduit(2, { peers: [{ site: 1, endpoints: [endpoint] }], ...change }),
  );
  return { first, second, one: new Sessions(first), two: new Sessions(second), proxy };
}

/** Of more than one record of TLS. */
const FRAME_BYTES = 40_000;

/** Sends a frame each way for as long as it takes until one of this session has come. */
async function exchange({ one, two }: Through): Promise<void> {
  for (const [side, other, site] of [
    [one, two, 1],
    [two, one, 2],
  ] as const) {
    await until(`a frame of site ${site}`, () => {
      if (other.all.some(({ frames }) => frames.length > 0)) return true;
      const last = side.all.at(-1);
      if (last?.session.state === 'open' && last.acks.length === 0) {
        try {
          last.session.sendFrame(makeFrame({ site, bytes: FRAME_BYTES }), { entryCount: 1 });
        } catch {
          // The window is full of frames that a cut link never carried.
        }
      }
      return false;
    });
  }
}

test('a link cut in any record of the handshake, or in a frame, comes back and nothing is lost', async (t) => {
  // What one connection carries: records of the handshake, and then those of a frame each way.
  const whole = await throughProxy();
  await Promise.all([whole.one.up(), whole.two.up()]);
  const handshake = { ...whole.proxy.records };
  await exchange(whole);
  const total = { ...whole.proxy.records };
  await cleanup.run();
  cleanup = new Cleanup();
  const cuts = { handshake: 0, later: 0 };
  for (const direction of ['up', 'down'] as const) {
    for (let record = 0; record < total[direction]; record++) {
      const inHandshake = record < handshake[direction];
      const hits = CUTS_OF_A_RECORD.map((through) =>
        cutAndComeBack({ direction, record, through }, inHandshake),
      );
      for (const hit of await Promise.all(hits)) cuts[inHandshake ? 'handshake' : 'later'] += hit;
      await cleanup.run();
      cleanup = new Cleanup();
    }
  }
  assert.ok(cuts.handshake >= CUTS_OF_A_RECORD.length * (handshake.up + handshake.down));
  assert.ok(cuts.later > 0);
  t.diagnostic(
    `${cuts.handshake} cuts in ${handshake.up + handshake.down} records of the handshake, ` +
      `${cuts.later} in those after it`,
  );
});

/** 1 if the cut hit: what comes after it, such as a heartbeat, need not be sent before a frame each way is there. */
async function cutAndComeBack(cut: Cut, mustHit: boolean): Promise<number> {
  const what = `cut ${cut.direction} in record ${cut.record}, ${cut.through} through`;
  const through = await throughProxy(cut);
  await exchange(through).catch((cause: unknown) => {
    throw new Error(what, { cause });
  });
  for (const side of [through.one, through.two]) {
    for (const { frame } of side.all.flatMap(({ frames }) => frames)) {
      assert.equal(frame.length, FRAME_BYTES, what);
    }
  }
  const hit = through.proxy.connectionCount > 1;
  assert.ok(hit || !mustHit, `${what}: it was never there`);
  return hit ? 1 : 0;
}

test('a black-holed peer is down on both sides, though TCP sees nothing', async () => {
  const { one, two, proxy } = await throughProxy(undefined, { heartbeat: HEARTBEAT_DEFAULTS });
  await Promise.all([one.up(), two.up()]);
  proxy.blackHole();
  await until('both sides down', () => one.downs.length > 0 && two.downs.length > 0);
  assert.equal(one.downs[0]?.code, 'peer_silent');
  assert.equal(two.downs[0]?.code, 'peer_silent');
  proxy.heal();
  await until('a new session', () => one.all.length > 1 && two.all.length > 1);
});

test('a peer that stops half-way through a frame is down, and the frame is not delivered', async () => {
  const conduit = cleanup.add(
    await startConduit(1, {
      peers: [{ site: 2, endpoints: [] }],
      heartbeat: { intervalMs: 20, timeoutMs: 100 },
    }),
  );
  const sessions = new Sessions(conduit);
  const peer = await openRaw(conduit);
  await sessions.up();
  const frame = makeFrame({ site: 2, bytes: 1024 * 1024 });
  peer.sendBytes(encodePrefix(KIND_FRAME, frame.length));
  peer.sendBytes(frame.subarray(0, 700_000));
  await until('the end', () => sessions.downs.length > 0);
  assert.equal(sessions.downs[0]?.code, 'peer_silent');
  assert.equal(sessions.last.frames.length, 0);
});

test('an endpoint that accepts and never answers is given up, and the next is tried', async () => {
  const mute = cleanup.add(await muteServer());
  const first = cleanup.add(await startConduit(1, { peers: [{ site: 2, endpoints: [] }] }));
  const second = cleanup.add(
    await startConduit(2, {
      peers: [{ site: 1, endpoints: [mute.endpoint, endpointOf(first)] }],
      handshakeTimeoutMs: 300,
    }),
  );
  await new Sessions(second).up();
  assert.equal(second.counters(1)?.dials, 2);
});

test('a peer that makes the channel and never says Hello is refused', async () => {
  const conduit = cleanup.add(
    await startConduit(1, { peers: [{ site: 2, endpoints: [] }], handshakeTimeoutMs: 300 }),
  );
  const silent = cleanup.add(await RawPeer.dial(endpointOf(conduit), await materialOf(2)));
  assert.equal(await silent.refusal(), 'handshake_timeout');
  const half = cleanup.add(await RawPeer.dial(endpointOf(conduit), await materialOf(2)));
  half.send({ kind: 'hello', hello: helloOf(2) });
  assert.equal(await half.refusal(), 'handshake_timeout');
  assert.equal(conduit.counters(2)?.refusals.get('handshake_timeout'), 2);
});

test('strangers at the door are bounded by address, and do not lock the door for ever', async () => {
  const conduit = cleanup.add(
    await startConduit(1, {
      peers: [{ site: 2, endpoints: [] }],
      handshakeLimits: { perAddress: 2, total: 10 },
      handshakeTimeoutMs: 500,
    }),
  );
  const sessions = new Sessions(conduit);
  const material = await materialOf(2);
  const idle = [
    cleanup.add(await RawPeer.dial(endpointOf(conduit), material)),
    cleanup.add(await RawPeer.dial(endpointOf(conduit), material)),
  ];
  const turnedAway = cleanup.add(await RawPeer.dial(endpointOf(conduit), material));
  assert.equal(await turnedAway.refusal(), 'closed');
  assert.equal(conduit.refusals().get('busy'), 1);
  for (const peer of idle) await peer.refusal();
  await openRaw(conduit);
  await sessions.up();
});

/** A peer by hand, its handshake done. */
async function openRaw(conduit: Conduit, hello = helloOf(2)): Promise<RawPeer> {
  const peer = cleanup.add(await RawPeer.dial(endpointOf(conduit), await materialOf(2)));
  peer.send({ kind: 'hello', hello });
  peer.send(await peer.next('ready'));
  return peer;
}

const ACK = { kind: 'ack', cursors: [], creditBytesTotal: 0, creditFramesTotal: 0 } as const;

test('a message that has no place is refused', async (t) => {
  const table: [string, (peer: RawPeer) => void, string][] = [
    [
      'Ready first',
      (p) => p.send({ kind: 'ready', protocol: 1, capabilities: [], codecs: 1 }),
      'out_of_order',
    ],
    ['a frame first', (p) => p.sendFrame(makeFrame({ site: 2 })), 'out_of_order'],
    ['Ack first', (p) => p.send(ACK), 'out_of_order'],
    [
      'a frame after Hello',
      (p) => {
        p.send({ kind: 'hello', hello: helloOf(2) });
        p.sendFrame(makeFrame({ site: 2 }));
      },
      'out_of_order',
    ],
  ];
  const conduit = cleanup.add(await startConduit(1, { peers: [{ site: 2, endpoints: [] }] }));
  for (const [name, act, code] of table) {
    const peer = cleanup.add(await RawPeer.dial(endpointOf(conduit), await materialOf(2)));
    act(peer);
    assert.equal(await peer.refusal(), code, name);
  }
  assert.equal(conduit.counters(2)?.sessions, 0);
  t.diagnostic(`${table.length} messages out of place refused`);
});

test('what breaks the protocol in an open session ends it by name', async (t) => {
  const control = encodeControl(ACK);
  const flipped = Buffer.from(control).fill(0xff, 0, 4);
  const bigger = makeFrame({ site: 2, bytes: 2 * 1024 * 1024 + 200 });
  const table: [string, (peer: RawPeer) => void, string][] = [
    ['a prefix of all ones', (p) => p.sendBytes(Buffer.alloc(8, 0xff)), 'malformed'],
    [
      'a control of 2^32 - 1',
      (p) => p.sendBytes(encodePrefix(KIND_CONTROL, 2 ** 32 - 1)),
      'too_large',
    ],
    ['a frame of 2^32 - 1', (p) => p.sendBytes(encodePrefix(KIND_FRAME, 2 ** 32 - 1)), 'too_large'],
    ['a control of nothing', (p) => p.sendBytes(encodePrefix(KIND_CONTROL, 0)), 'malformed'],
    ['a control that is none', (p) => p.sendBody(KIND_CONTROL, flipped), 'malformed'],
    ['a control of zeroes', (p) => p.sendBody(KIND_CONTROL, Buffer.alloc(64)), 'malformed'],
    ['a frame that is none', (p) => p.sendBody(KIND_FRAME, Buffer.alloc(500)), 'malformed'],
    ['a frame over ours', (p) => p.sendFrame(bigger), 'too_large'],
    ['a second Hello', (p) => p.send({ kind: 'hello', hello: helloOf(2) }), 'out_of_order'],
    ['DrainDone without Drain', (p) => p.send({ kind: 'drainDone' }), 'out_of_order'],
    ['a frame after Drain', afterDrain((p) => p.sendFrame(makeFrame({ site: 2 }))), 'out_of_order'],
    ['Drain twice', afterDrain((p) => p.send({ kind: 'drain', reason: '' })), 'out_of_order'],
  ];
  for (const [name, act, code] of table) {
    const conduit = cleanup.add(
      await startConduit(1, {
        peers: [{ site: 2, endpoints: [] }],
        frameBytesMax: 2 * 1024 * 1024,
      }),
    );
    const sessions = new Sessions(conduit);
    const peer = await openRaw(conduit);
    const { session } = await sessions.up();
    act(peer);
    assert.equal(await peer.refusal(), code, name);
    assert.equal(session.state, 'closed', name);
    assert.equal(conduit.counters(2)?.refusals.get(code), 1, name);
    assert.equal(sessions.last.frames.length, 0, name);
    await conduit.close({ drainMs: 0 });
  }
  t.diagnostic(`${table.length} breaches of the protocol refused`);
});

function afterDrain(act: (peer: RawPeer) => void): (peer: RawPeer) => void {
  return (peer) => {
    peer.send({ kind: 'drain', reason: 'test' });
    act(peer);
  };
}

test('a message of a kind from the future is skipped', async () => {
  const conduit = cleanup.add(await startConduit(1, { peers: [{ site: 2, endpoints: [] }] }));
  const sessions = new Sessions(conduit);
  const peer = await openRaw(conduit);
  const { session } = await sessions.up();
  const future = Buffer.from(encodeControl({ kind: 'drainDone' }));
  const at = future.indexOf(7);
  assert.equal(future.lastIndexOf(7), at, 'the one byte that says DrainDone');
  future.writeUInt8(200, at);
  peer.sendBody(KIND_CONTROL, future);
  peer.sendFrame(makeFrame({ site: 2 }));
  await until('the frame after it', () => sessions.last.frames.length === 1);
  assert.equal(session.state, 'open');
});

test('a peer that sends beyond its credit is cut off before room is made', async () => {
  const windowBytes = 6 * 1024 * 1024;
  const conduit = cleanup.add(
    await startConduit(1, { peers: [{ site: 2, endpoints: [] }], windowBytes }),
  );
  const sessions = new Sessions(conduit, true);
  const peer = await openRaw(conduit);
  await sessions.up();
  for (let lsn = 1n; lsn <= 7n; lsn++) {
    peer.sendFrame(makeFrame({ site: 2, lsn, bytes: 1024 * 1024 }));
  }
  assert.equal(await peer.refusal(), 'credit_overrun');
  assert.equal(sessions.last.frames.length, 6);
});

test('a second process with the identity of a living peer does not displace it', async () => {
  const conduit = cleanup.add(await startConduit(1, { peers: [{ site: 2, endpoints: [] }] }));
  const sessions = new Sessions(conduit);
  await openRaw(conduit, helloOf(2, { instance: 1n }));
  const { session } = await sessions.up();
  const copy = await openRaw(conduit, helloOf(2, { instance: 2n }));
  assert.equal(await copy.refusal(), 'site_in_use');
  assert.equal(session.state, 'open');
  assert.equal(conduit.counters(2)?.refusals.get('site_in_use'), 1);
});

test('a restarted peer gets in as soon as its dead session is noticed', async () => {
  const conduit = cleanup.add(
    await startConduit(1, {
      peers: [{ site: 2, endpoints: [] }],
      heartbeat: { intervalMs: 50, timeoutMs: 400 },
    }),
  );
  const sessions = new Sessions(conduit);
  // It dies without a FIN: for the conduit it is just silent.
  await openRaw(conduit, helloOf(2, { instance: 1n }));
  await sessions.up();
  while (sessions.all.length < 2) {
    const restarted = await openRaw(conduit, helloOf(2, { instance: 2n }));
    await until('an answer', () => sessions.all.length > 1 || restarted.isClosed);
  }
  assert.equal(sessions.downs[0]?.code, 'peer_silent');
  assert.equal(sessions.last.session.hello.instance, 2n);
});

test('the same process dialling again replaces its older session', async () => {
  const conduit = cleanup.add(await startConduit(1, { peers: [{ site: 2, endpoints: [] }] }));
  const sessions = new Sessions(conduit);
  const older = await openRaw(conduit, helloOf(2, { instance: 1n }));
  await sessions.up();
  await openRaw(conduit, helloOf(2, { instance: 1n }));
  assert.equal(await older.refusal(), 'duplicate');
  await until('the newer', () => sessions.all.length === 2);
  assert.equal(sessions.last.session.state, 'open');
  assert.deepEqual(
    sessions.downs.map(({ code }) => code),
    ['duplicate'],
  );
});

test('closing while dialling, greeting and sending leaves nothing behind', async () => {
  const mute = cleanup.add(await muteServer());
  const first = await startConduit(1, {
    peers: [
      { site: 2, endpoints: [] },
      { site: 3, endpoints: [mute.endpoint] },
    ],
  });
  const sessions = new Sessions(first, true);
  const peer = await openRaw(first);
  await sessions.up();
  const greeting = cleanup.add(await RawPeer.dial(endpointOf(first), await materialOf(3)));
  await greeting.next('hello');
  sessions.last.session.sendFrame(makeFrame({ site: 1, bytes: 4_000_000 }), { entryCount: 1 });
  await first.close({ drainMs: 10 });
  assert.equal(await greeting.refusal(), 'shutting_down');
  await until('the peer to see the end', () => peer.isClosed);
  assert.equal(first.session(2), undefined);
  await first.close({ drainMs: 10 });
});
