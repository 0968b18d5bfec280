/** Control messages from bytes. */
import { ByteBuffer } from 'flatbuffers';

import type { IdRange, OwnerMap } from '../../bindings';
import * as schema from '../../bindings/generated/control_generated';
import { ConduitError, refusalOfNumber } from './errors';
import type { AnswerMessage, IncomingMessage } from './messages';
import type { AuditHead, OriginCursor, PeerHello, ShardSeq, SiteHeld, SiteStanding } from './types';

/** Where a default would stand: none. */
const NO_ID = 0xffff_ffff;

/** Throws unless the bytes are a valid Control within the limits: VerifyControl of the native core. */
export type VerifyControl = (bytes: Uint8Array) => void;

/**
 * Throws ConduitError "malformed" for bytes that `verify` refuses and for numbers that cannot be meant.
 * The result shares nothing with `bytes`.
 */
export function decodeControl(bytes: Uint8Array, verify: VerifyControl): IncomingMessage {
  try {
    verify(bytes);
  } catch (error) {
    throw new ConduitError('malformed', error instanceof Error ? error.message : String(error));
  }
  const control = schema.Control.getRootAsControl(new ByteBuffer(bytes));
  switch (control.messageType()) {
    case schema.ControlMessage.Hello:
      return { kind: 'hello', hello: decodeHello(read(control, new schema.Hello())) };
    case schema.ControlMessage.Ready: {
      const ready = read(control, new schema.Ready());
      return {
        kind: 'ready',
        protocol: ready.protocol(),
        capabilities: decodeCapabilities(ready),
        codecs: ready.codecs(),
      };
    }
    case schema.ControlMessage.Ack: {
      const ack = read(control, new schema.Ack());
      return {
        kind: 'ack',
        cursors: decodeCursors(ack),
        creditBytesTotal: safeNumber('credit_bytes_total', ack.creditBytesTotal()),
        creditFramesTotal: safeNumber('credit_frames_total', ack.creditFramesTotal()),
      };
    }
    case schema.ControlMessage.Heartbeat: {
      const heartbeat = read(control, new schema.Heartbeat());
      return {
        kind: 'heartbeat',
        seq: safeNumber('seq', heartbeat.seq()),
        sentMonoUs: safeNumber('sent_mono_us', heartbeat.sentMonoUs()),
        wallUs: safeNumber('wall_us', heartbeat.wallUs()),
        status: {
          epoch: heartbeat.epoch(),
          headLsn: heartbeat.headLsn(),
          oldestUnackedUs: safeNumber('oldest_unacked_us', heartbeat.oldestUnackedUs()),
          ...decodeAuditHead(heartbeat.auditHead()),
          ...decodeStanding(heartbeat),
        },
      };
    }
    case schema.ControlMessage.HeartbeatReply: {
      const reply = read(control, new schema.HeartbeatReply());
      return {
        kind: 'heartbeatReply',
        seq: safeNumber('seq', reply.seq()),
        sentMonoUs: safeNumber('sent_mono_us', reply.sentMonoUs()),
        wallUs: safeNumber('wall_us', reply.wallUs()),
      };
    }
    case schema.ControlMessage.Drain:
      return { kind: 'drain', reason: read(control, new schema.Drain()).reason() ?? '' };
    case schema.ControlMessage.DrainDone:
      return { kind: 'drainDone' };
    case schema.ControlMessage.Refuse: {
      const refuse = read(control, new schema.Refuse());
      return {
        kind: 'refuse',
        code: refusalOfNumber(refuse.code()),
        message: refuse.message() ?? '',
      };
    }
    case schema.ControlMessage.IdMap:
      return { kind: 'idMap', map: decodeIdMap(read(control, new schema.IdMap())) };
    case schema.ControlMessage.Question: {
      const question = read(control, new schema.Question());
      return { kind: 'question', id: question.id(), body: copyOf(question.bodyArray()) };
    }
    case schema.ControlMessage.Answer:
      return decodeAnswer(read(control, new schema.Answer()));
    case schema.ControlMessage.NONE:
    default:
      return { kind: 'unknown' };
  }
}

type Table = Parameters<schema.Control['message']>[0];

function read<T extends Table>(control: schema.Control, table: T): T {
  control.message(table);
  return table;
}

function decodeAnswer(answer: schema.Answer): AnswerMessage {
  const code = answer.errorCode();
  return {
    kind: 'answer',
    id: answer.id(),
    bytesTotal: answer.bytesTotal(),
    offset: answer.offset(),
    body: copyOf(answer.bodyArray()),
    ...(code === null ? {} : { error: { code, message: answer.errorMessage() ?? '' } }),
  };
}

function copyOf(bytes: Uint8Array | null): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes ?? new Uint8Array(0));
}

function decodeAuditHead(head: schema.AuditHead | null): { auditHead?: AuditHead } {
  if (head === null) return {};
  const hash = Buffer.alloc(32);
  const words = [head.hash0(), head.hash1(), head.hash2(), head.hash3()];
  words.forEach((word, index) => hash.writeBigUInt64LE(word, index * 8));
  return {
    auditHead: { seq: safeNumber('audit_head.seq', head.seq()), hash: hash.toString('hex') },
  };
}

function decodeStanding(heartbeat: schema.Heartbeat): { standing?: SiteStanding } {
  const reached = heartbeat.reachedArray();
  if (reached === null) return {};
  const known: SiteHeld[] = [];
  const held = new schema.SiteHeld();
  for (let i = 0; i < heartbeat.knownLength(); i++) {
    if (heartbeat.known(i, held) === null) break;
    known.push({
      site: held.site(),
      incarnation: held.incarnation(),
      cursors: decodeCursors(held),
    });
  }
  return { standing: { reached: [...reached], known } };
}

function decodeIdMap(map: schema.IdMap): OwnerMap {
  const [defaultUid, defaultGid] = [map.defaultUid(), map.defaultGid()];
  return {
    uid: decodeIdRanges(map.uidLength(), (index) => map.uid(index)),
    gid: decodeIdRanges(map.gidLength(), (index) => map.gid(index)),
    ...(defaultUid === NO_ID ? {} : { defaultUid }),
    ...(defaultGid === NO_ID ? {} : { defaultGid }),
  };
}

function decodeIdRanges(length: number, at: (index: number) => schema.IdRange | null): IdRange[] {
  const ranges: IdRange[] = [];
  for (let index = 0; index < length; index++) {
    const range = at(index);
    if (range === null) break;
    ranges.push({ from: range.from(), to: range.to(), count: range.count() });
  }
  return ranges;
}

function decodeHello(hello: schema.Hello): PeerHello {
  return {
    protocolMin: hello.protocolMin(),
    protocolMax: hello.protocolMax(),
    software: hello.software() ?? '',
    cluster: { hi: hello.clusterHi(), lo: hello.clusterLo() },
    origin: { site: hello.site(), incarnation: hello.incarnation() },
    instance: hello.instance(),
    epoch: hello.epoch(),
    capabilities: decodeCapabilities(hello),
    codecs: hello.codecs(),
    entrySchemaMax: hello.entrySchemaMax(),
    frameBytesMax: hello.frameBytesMax(),
    windowBytes: hello.windowBytes(),
    windowFrames: hello.windowFrames(),
    cursors: decodeCursors(hello),
    forgotten: decodeForgotten(hello),
  };
}

function decodeCapabilities(table: schema.Hello | schema.Ready): string[] {
  return Array.from({ length: table.capabilitiesLength() }, (_, i) => table.capabilities(i));
}

function decodeCursors(table: schema.Hello | schema.Ack | schema.SiteHeld): OriginCursor[] {
  return listCursors(table.cursorsLength(), (i, into) => table.cursors(i, into));
}

function decodeForgotten(hello: schema.Hello): OriginCursor[] {
  return listCursors(hello.forgottenLength(), (i, into) => hello.forgotten(i, into));
}

function listCursors(
  length: number,
  read: (index: number, into: schema.OriginCursor) => schema.OriginCursor | null,
): OriginCursor[] {
  const cursors: OriginCursor[] = [];
  const cursor = new schema.OriginCursor();
  for (let i = 0; i < length; i++) {
    if (read(i, cursor) === null) break;
    const hlc = cursor.hlc();
    cursors.push({
      origin: { site: cursor.site(), incarnation: cursor.incarnation() },
      lsn: cursor.lsn(),
      shards: decodeShards(cursor),
      ...(hlc === 0n ? {} : { hlc }),
    });
  }
  return cursors;
}

function decodeShards(cursor: schema.OriginCursor): ShardSeq[] {
  const shards: ShardSeq[] = [];
  const shard = new schema.ShardSeq();
  for (let i = 0; i < cursor.shardsLength(); i++) {
    if (cursor.shards(i, shard) === null) break;
    shards.push({ shard: shard.shard(), seq: shard.seq() });
  }
  return shards;
}

function safeNumber(field: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new ConduitError('malformed', `${field} is ${value}, expected less than 2^53`);
  }
  return Number(value);
}
