import assert from 'node:assert/strict';
import { test } from 'node:test';

import { verifyControl } from '../../../bindings';
import { decodeControl } from '../../../src/conduit/control-decode';
import { encodeControl, fitHelloCursors, packCursors } from '../../../src/conduit/control-encode';
import { ConduitError, REFUSE_CODES, type RefusalCode } from '../../../src/conduit/errors';
import type { OutgoingMessage } from '../../../src/conduit/messages';
import { ANSWER_BYTES_MAX, BODY_BYTES_MAX, CONTROL_BYTES_MAX } from '../../../src/conduit/protocol';
import type { OriginCursor } from '../../../src/conduit/types';
import { helloOf } from './fixtures';

const U64_MAX = 2n ** 64n - 1n;
const LSN_MAX = 2n ** 48n - 1n;

function there(message: OutgoingMessage): unknown {
  return decodeControl(encodeControl(message), verifyControl);
}

function cursor(site: number, lsn: bigint, shardCount = 0): OriginCursor {
  const shards = Array.from({ length: shardCount }, (_, shard) => ({ shard, seq: BigInt(shard) }));
  return { origin: { site, incarnation: U64_MAX }, lsn, shards, hlc: U64_MAX };
}

test('every message goes over the wire and back', () => {
  const messages: OutgoingMessage[] = [
    {
      kind: 'hello',
      hello: helloOf(65535, {
        software: 'Größe 1.0',
        cluster: { hi: U64_MAX, lo: 1n },
        instance: U64_MAX,
        epoch: 7n,
        capabilities: ['forward', 'probe'],
        cursors: [cursor(1, LSN_MAX, 3), cursor(2, 0n)],
      }),
    },
    { kind: 'ready', protocol: 1, capabilities: ['forward'], codecs: 0xffffffff },
    { kind: 'ack', cursors: [], creditBytesTotal: 0, creditFramesTotal: 0 },
    { kind: 'question', id: 0xffffffff, body: Uint8Array.of(1, 2, 3) },
    {
      kind: 'answer',
      id: 7,
      bytesTotal: ANSWER_BYTES_MAX,
      offset: BODY_BYTES_MAX,
      body: new Uint8Array(BODY_BYTES_MAX).fill(9),
    },
    {
      kind: 'answer',
      id: 8,
      bytesTotal: 0,
      offset: 0,
      body: new Uint8Array(0),
      error: { code: 'CFS_MALFORMED', message: 'what was wrong' },
    },
    {
      kind: 'ack',
      cursors: [cursor(3, 12n, 2)],
      creditBytesTotal: Number.MAX_SAFE_INTEGER,
      creditFramesTotal: 99,
    },
    {
      kind: 'heartbeat',
      seq: 5,
      sentMonoUs: 123,
      wallUs: 1_700_000_000_000_000,
      status: { epoch: 3n, headLsn: LSN_MAX, oldestUnackedUs: 42 },
    },
    {
      kind: 'heartbeat',
      seq: 6,
      sentMonoUs: 124,
      wallUs: 1_700_000_000_000_000,
      status: {
        epoch: 3n,
        headLsn: LSN_MAX,
        oldestUnackedUs: 0,
        auditHead: { seq: 4711, hash: `0123456789abcdef${'fe'.repeat(24)}` },
      },
    },
    { kind: 'heartbeatReply', seq: 5, sentMonoUs: 123, wallUs: 1_700_000_000_000_000 },
    { kind: 'idMap', map: { uid: [], gid: [] } },
    {
      kind: 'idMap',
      map: {
        uid: [
          { from: 4_294_967_293, to: 0, count: 2 },
          { from: 0, to: 4_294_967_294, count: 1 },
        ],
        gid: [{ from: 7, to: 8, count: 9 }],
        defaultUid: 0,
        defaultGid: 4_294_967_294,
      },
    },
    { kind: 'drain', reason: 'maintenance' },
    { kind: 'drainDone' },
    ...(Object.keys(REFUSE_CODES) as RefusalCode[]).map((code): OutgoingMessage => ({
      kind: 'refuse',
      code,
      message: `because of ${code}`,
    })),
  ];
  for (const message of messages) assert.deepEqual(there(message), message);
});

test('a decoded message does not change when its bytes do', () => {
  const bytes = encodeControl({
    kind: 'hello',
    hello: helloOf(1, { cursors: [cursor(1, 5n, 1)] }),
  });
  const message = decodeControl(bytes, verifyControl);
  bytes.fill(0);
  assert.deepEqual(message, {
    kind: 'hello',
    hello: helloOf(1, { cursors: [cursor(1, 5n, 1)] }),
  });
});

test('text for people is cut at the limit, at a whole character', () => {
  const refuse = there({ kind: 'refuse', code: 'busy', message: 'ü'.repeat(2000) });
  assert.deepEqual(refuse, { kind: 'refuse', code: 'busy', message: 'ü'.repeat(512) });
  const drain = there({ kind: 'drain', reason: `x${'ü'.repeat(2000)}` });
  assert.deepEqual(drain, { kind: 'drain', reason: `x${'ü'.repeat(511)}` });
});

test('cursors of any number fit messages within the limit, none is lost', () => {
  const table = [
    { cursors: [cursor(1, 1n)], packs: 1 },
    { cursors: [], packs: 0 },
    { cursors: Array.from({ length: 4096 }, (_, i) => cursor(1 + i, LSN_MAX)), packs: 1 },
    { cursors: Array.from({ length: 4097 }, (_, i) => cursor(1 + i, LSN_MAX)), packs: 2 },
    { cursors: Array.from({ length: 3072 }, (_, i) => cursor(1 + i, LSN_MAX, 1)), packs: 1 },
    { cursors: [cursor(1, 9n, 4096)], packs: 2 },
    { cursors: Array.from({ length: 40 }, (_, i) => cursor(1 + i, 9n, 256)), packs: 4 },
  ];
  for (const { cursors, packs } of table) {
    const packed = packCursors(cursors);
    assert.equal(packed.length, packs);
    const seen = new Map<string, bigint>();
    for (const pack of packed) {
      const ack = there({ kind: 'ack', cursors: pack, creditBytesTotal: 1, creditFramesTotal: 1 });
      assert.deepEqual((ack as { cursors: unknown }).cursors, pack);
      for (const { origin, lsn, shards } of pack) {
        seen.set(`${origin.site}`, lsn);
        for (const { shard, seq } of shards) seen.set(`${origin.site}/${shard}`, seq);
      }
    }
    for (const { origin, lsn, shards } of cursors) {
      assert.equal(seen.get(`${origin.site}`), lsn);
      for (const { shard, seq } of shards) assert.equal(seen.get(`${origin.site}/${shard}`), seq);
    }
  }
});

test('the largest Hello fits', () => {
  const many = Array.from({ length: 5000 }, (_, i) => cursor(1 + i, LSN_MAX, 2));
  const cursors = fitHelloCursors(many);
  assert.equal(cursors.length, 4096);
  const capabilities = Array.from({ length: 64 }, (_, i) => `${i}`.padStart(64, 'c'));
  const hello = helloOf(1, { software: 's'.repeat(128), capabilities, cursors });
  const bytes = encodeControl({ kind: 'hello', hello });
  assert.ok(bytes.length <= CONTROL_BYTES_MAX, `${bytes.length} bytes`);
  verifyControl(bytes);
  const shardy = Array.from({ length: 3072 }, (_, i) => cursor(1 + i, LSN_MAX, 1));
  const full = [...shardy, ...Array.from({ length: 1024 }, (_, i) => cursor(4000 + i, LSN_MAX))];
  assert.deepEqual(fitHelloCursors(full), full);
  verifyControl(encodeControl({ kind: 'hello', hello: { ...hello, cursors: full } }));
});

test('bytes that are no message are malformed', () => {
  const good = encodeControl({ kind: 'drain', reason: 'x' });
  const cases = [new Uint8Array(0), new Uint8Array(8), good.subarray(0, good.length - 8)];
  for (const bytes of cases) {
    assert.throws(
      () => decodeControl(bytes, verifyControl),
      (error) => error instanceof ConduitError && error.code === 'malformed',
    );
  }
});

test('the largest map of ids fits, one that overlaps is malformed', () => {
  const uid = Array.from({ length: 1024 }, (_, from) => ({ from, to: 0, count: 1 }));
  assert.deepEqual(there({ kind: 'idMap', map: { uid, gid: uid } }), {
    kind: 'idMap',
    map: { uid, gid: uid },
  });
  const twice = [...uid.slice(0, 2), { from: 1, to: 5, count: 1 }];
  assert.throws(
    () => there({ kind: 'idMap', map: { uid: [], gid: twice } }),
    (error) => error instanceof ConduitError && /gid: .* 1 to 1 overlap/.test(error.message),
  );
});

test('numbers that cannot be meant are malformed', () => {
  const bytes = Buffer.from(
    encodeControl({ kind: 'ack', cursors: [], creditBytesTotal: 0x1234567, creditFramesTotal: 1 }),
  );
  const offset = bytes.indexOf(Buffer.from('6745230100000000', 'hex'));
  assert.ok(offset > 0);
  bytes.writeBigUInt64LE(2n ** 53n, offset);
  assert.throws(
    () => decodeControl(bytes, verifyControl),
    (error) =>
      error instanceof ConduitError &&
      error.code === 'malformed' &&
      error.message.includes('credit_bytes_total'),
  );
});
