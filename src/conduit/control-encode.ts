/** Control messages to bytes, by native/schema/control.fbs. */
import { Builder, type Offset } from 'flatbuffers';

import type { IdRange, OwnerMap } from '../../bindings';
import * as schema from '../../bindings/generated/control_generated';
import { ConduitError, REFUSE_CODES } from './errors';
import type { AnswerMessage, HeartbeatMessage, HelloMessage, OutgoingMessage } from './messages';
import { CONTROL_BYTES_MAX, ORIGINS_MAX, SHARDS_PER_MESSAGE, TEXT_BYTES_MAX } from './protocol';
import type { AuditHead, OriginCursor, SiteHeld } from './types';

const BUILDER_BYTES_START = 256;

/** A view of memory that nobody else uses. Throws ConduitError "internal" if it would be over the limit. */
export function encodeControl(message: OutgoingMessage): Uint8Array {
  const builder = new Builder(BUILDER_BYTES_START);
  const [type, offset] = encodeMessage(builder, message);
  schema.Control.finishControlBuffer(builder, schema.Control.createControl(builder, type, offset));
  const bytes = builder.asUint8Array();
  if (bytes.length > CONTROL_BYTES_MAX) {
    throw new ConduitError(
      'internal',
      `${message.kind} of ${bytes.length} bytes, at most ${CONTROL_BYTES_MAX} fit a control message`,
    );
  }
  return bytes;
}

/**
 * Cuts a list of cursors so that each part fits one message beside everything else it holds. An origin
 * with more shards than fit appears in several parts.
 */
export function packCursors(cursors: readonly OriginCursor[]): OriginCursor[][] {
  const packs: OriginCursor[][] = [];
  let pack: OriginCursor[] = [];
  let shardCount = 0;
  for (const cursor of cursors.flatMap(splitShards)) {
    if (pack.length === ORIGINS_MAX || shardCount + cursor.shards.length > SHARDS_PER_MESSAGE) {
      packs.push(pack);
      pack = [];
      shardCount = 0;
    }
    pack.push(cursor);
    shardCount += cursor.shards.length;
  }
  if (pack.length > 0) packs.push(pack);
  return packs;
}

/** What a Hello can carry: all cursors; with their shards if those fit, else the shards follow in Acks. */
export function fitHelloCursors(cursors: readonly OriginCursor[]): readonly OriginCursor[] {
  if (packCursors(cursors).length <= 1) return cursors;
  return cursors.slice(0, ORIGINS_MAX).map((cursor) => ({ ...cursor, shards: [] }));
}

function splitShards(cursor: OriginCursor): OriginCursor[] {
  if (cursor.shards.length <= SHARDS_PER_MESSAGE) return [cursor];
  const parts: OriginCursor[] = [];
  for (let start = 0; start < cursor.shards.length; start += SHARDS_PER_MESSAGE) {
    parts.push({ ...cursor, shards: cursor.shards.slice(start, start + SHARDS_PER_MESSAGE) });
  }
  return parts;
}

function encodeMessage(
  builder: Builder,
  message: OutgoingMessage,
): [schema.ControlMessage, Offset] {
  switch (message.kind) {
    case 'hello':
      return [schema.ControlMessage.Hello, encodeHello(builder, message)];
    case 'ready': {
      const capabilities = encodeCapabilities(builder, message.capabilities);
      return [
        schema.ControlMessage.Ready,
        schema.Ready.createReady(builder, message.protocol, capabilities, message.codecs),
      ];
    }
    case 'ack': {
      const cursors = encodeCursors(builder, message.cursors);
      const bytesTotal = BigInt(message.creditBytesTotal);
      const framesTotal = BigInt(message.creditFramesTotal);
      return [
        schema.ControlMessage.Ack,
        schema.Ack.createAck(builder, cursors, bytesTotal, framesTotal),
      ];
    }
    case 'heartbeat':
      return [schema.ControlMessage.Heartbeat, encodeHeartbeat(builder, message)];
    case 'heartbeatReply':
      return [
        schema.ControlMessage.HeartbeatReply,
        schema.HeartbeatReply.createHeartbeatReply(
          builder,
          BigInt(message.seq),
          wholeUs(message.sentMonoUs),
          wholeUs(message.wallUs),
        ),
      ];
    case 'drain': {
      const reason = builder.createString(cutText(message.reason));
      return [schema.ControlMessage.Drain, schema.Drain.createDrain(builder, reason)];
    }
    case 'drainDone':
      return [schema.ControlMessage.DrainDone, schema.DrainDone.createDrainDone(builder, 0)];
    case 'idMap':
      return [schema.ControlMessage.IdMap, encodeIdMap(builder, message.map)];
    case 'question': {
      const body = builder.createByteVector(message.body);
      return [
        schema.ControlMessage.Question,
        schema.Question.createQuestion(builder, message.id, body),
      ];
    }
    case 'answer':
      return [schema.ControlMessage.Answer, encodeAnswer(builder, message)];
    case 'refuse': {
      const text = builder.createString(cutText(message.message));
      const code = REFUSE_CODES[message.code];
      return [schema.ControlMessage.Refuse, schema.Refuse.createRefuse(builder, code, text)];
    }
  }
}

function encodeIdMap(builder: Builder, map: OwnerMap): Offset {
  const uid = encodeIdRanges(builder, map.uid);
  const gid = encodeIdRanges(builder, map.gid);
  schema.IdMap.startIdMap(builder);
  schema.IdMap.addUid(builder, uid);
  schema.IdMap.addGid(builder, gid);
  if (map.defaultUid !== undefined) schema.IdMap.addDefaultUid(builder, map.defaultUid);
  if (map.defaultGid !== undefined) schema.IdMap.addDefaultGid(builder, map.defaultGid);
  return schema.IdMap.endIdMap(builder);
}

function encodeIdRanges(builder: Builder, ranges: readonly IdRange[]): Offset {
  schema.IdMap.startUidVector(builder, ranges.length);
  for (const { from, to, count } of ranges.toReversed()) {
    schema.IdRange.createIdRange(builder, from, to, count);
  }
  return builder.endVector();
}

function encodeAnswer(builder: Builder, message: AnswerMessage): Offset {
  const { id, bytesTotal, offset, body, error } = message;
  const bytes = builder.createByteVector(body);
  const code = error === undefined ? 0 : builder.createString(error.code);
  const text = error === undefined ? 0 : builder.createString(cutText(error.message));
  schema.Answer.startAnswer(builder);
  schema.Answer.addId(builder, id);
  schema.Answer.addBytesTotal(builder, bytesTotal);
  schema.Answer.addOffset(builder, offset);
  schema.Answer.addBody(builder, bytes);
  if (code !== 0) schema.Answer.addErrorCode(builder, code);
  if (text !== 0) schema.Answer.addErrorMessage(builder, text);
  return schema.Answer.endAnswer(builder);
}

function encodeHeartbeat(builder: Builder, message: HeartbeatMessage): Offset {
  const { epoch, headLsn, oldestUnackedUs, auditHead, standing } = message.status;
  const reached = standing && schema.Heartbeat.createReachedVector(builder, [...standing.reached]);
  const known = standing && encodeKnown(builder, standing.known);
  schema.Heartbeat.startHeartbeat(builder);
  schema.Heartbeat.addSeq(builder, BigInt(message.seq));
  schema.Heartbeat.addSentMonoUs(builder, wholeUs(message.sentMonoUs));
  schema.Heartbeat.addWallUs(builder, wholeUs(message.wallUs));
  schema.Heartbeat.addEpoch(builder, epoch);
  schema.Heartbeat.addHeadLsn(builder, headLsn);
  schema.Heartbeat.addOldestUnackedUs(builder, wholeUs(oldestUnackedUs));
  if (auditHead !== undefined) {
    schema.Heartbeat.addAuditHead(builder, encodeAuditHead(builder, auditHead));
  }
  if (reached !== undefined) schema.Heartbeat.addReached(builder, reached);
  if (known !== undefined) schema.Heartbeat.addKnown(builder, known);
  return schema.Heartbeat.endHeartbeat(builder);
}

function encodeKnown(builder: Builder, known: readonly SiteHeld[]): Offset {
  const tables = known.map(({ site, incarnation, cursors }) => {
    const vector = encodeCursors(builder, cursors);
    return schema.SiteHeld.createSiteHeld(builder, site, vector, incarnation);
  });
  return schema.Heartbeat.createKnownVector(builder, tables);
}

function encodeAuditHead(builder: Builder, { seq, hash }: AuditHead): Offset {
  const bytes = Buffer.from(hash, 'hex');
  const word = (index: number): bigint => bytes.readBigUInt64LE(index * 8);
  const words = [word(0), word(1), word(2), word(3)] as const;
  return schema.AuditHead.createAuditHead(builder, BigInt(seq), ...words);
}

function encodeHello(builder: Builder, { hello }: HelloMessage): Offset {
  const software = builder.createString(hello.software);
  const capabilities = encodeCapabilities(builder, hello.capabilities);
  const cursors = encodeCursors(builder, hello.cursors);
  const forgotten = hello.forgotten.length === 0 ? 0 : encodeCursors(builder, hello.forgotten);
  schema.Hello.startHello(builder);
  schema.Hello.addProtocolMin(builder, hello.protocolMin);
  schema.Hello.addProtocolMax(builder, hello.protocolMax);
  schema.Hello.addSoftware(builder, software);
  schema.Hello.addClusterHi(builder, hello.cluster.hi);
  schema.Hello.addClusterLo(builder, hello.cluster.lo);
  schema.Hello.addSite(builder, hello.origin.site);
  schema.Hello.addIncarnation(builder, hello.origin.incarnation);
  schema.Hello.addInstance(builder, hello.instance);
  schema.Hello.addEpoch(builder, hello.epoch);
  schema.Hello.addCapabilities(builder, capabilities);
  schema.Hello.addCodecs(builder, hello.codecs);
  schema.Hello.addEntrySchemaMax(builder, hello.entrySchemaMax);
  schema.Hello.addFrameBytesMax(builder, hello.frameBytesMax);
  schema.Hello.addWindowBytes(builder, hello.windowBytes);
  schema.Hello.addWindowFrames(builder, hello.windowFrames);
  schema.Hello.addCursors(builder, cursors);
  if (forgotten !== 0) schema.Hello.addForgotten(builder, forgotten);
  return schema.Hello.endHello(builder);
}

function encodeCapabilities(builder: Builder, capabilities: readonly string[]): Offset {
  const names = capabilities.map((name) => builder.createString(name));
  return schema.Hello.createCapabilitiesVector(builder, names);
}

function encodeCursors(builder: Builder, cursors: readonly OriginCursor[]): Offset {
  const tables = cursors.map((cursor) => {
    const shards = cursor.shards.length === 0 ? 0 : encodeShards(builder, cursor);
    schema.OriginCursor.startOriginCursor(builder);
    schema.OriginCursor.addSite(builder, cursor.origin.site);
    schema.OriginCursor.addIncarnation(builder, cursor.origin.incarnation);
    schema.OriginCursor.addLsn(builder, cursor.lsn);
    if (shards !== 0) schema.OriginCursor.addShards(builder, shards);
    if (cursor.hlc !== undefined) schema.OriginCursor.addHlc(builder, cursor.hlc);
    return schema.OriginCursor.endOriginCursor(builder);
  });
  return schema.Ack.createCursorsVector(builder, tables);
}

function encodeShards(builder: Builder, cursor: OriginCursor): Offset {
  schema.OriginCursor.startShardsVector(builder, cursor.shards.length);
  for (const { shard, seq } of cursor.shards.toReversed()) {
    schema.ShardSeq.createShardSeq(builder, seq, shard, 0, 0);
  }
  return builder.endVector();
}

function wholeUs(us: number): bigint {
  return BigInt(Math.max(0, Math.floor(us)));
}

/** Text for people is cut at the limit, at a whole character. */
function cutText(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length <= TEXT_BYTES_MAX) return text;
  return new TextDecoder().decode(bytes.subarray(0, TEXT_BYTES_MAX), { stream: true });
}
