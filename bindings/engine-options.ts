/** Options of an engine's calls, as the addon takes them. */
import {
  checkBoolean,
  checkInteger,
  checkObject,
  checkOneOf,
  checkString,
  checkUnsigned,
  parseUuid,
  U16_MAX,
} from './arguments';
import type { NativeEngineOptions } from './native';
import type { AppendOptions, EngineOptions } from './types';

// Flags of native engineAppend.
const KEEP_GOING = 1;
const WANT_INODES = 2;
const MEMORY_ACK = 4;

const ACKS: readonly unknown[] = ['local', 'memory'];

export function appendFlags(options: AppendOptions): number {
  checkObject('options', options);
  const { keepGoing = false, wantInodes = false, ack = 'local' } = options;
  checkOneOf('ack', ack, ACKS);
  return (
    (checkBoolean('keepGoing', keepGoing) ? KEEP_GOING : 0) |
    (checkBoolean('wantInodes', wantInodes) ? WANT_INODES : 0) |
    (ack === 'memory' ? MEMORY_ACK : 0)
  );
}

const SIZE_OPTIONS = [
  'segmentBytes',
  'tailCacheBytes',
  'sealCacheBytes',
  'diskReserveBytes',
  'retentionBytes',
  'checkpointIntervalBytes',
  'ledgerBytes',
  'ledgerDays',
] as const;

export function checkOptions(options: EngineOptions): NativeEngineOptions {
  checkObject('options', options);
  const [clusterHi, clusterLo] = parseUuid('clusterUuid', options.clusterUuid);
  const checked: NativeEngineOptions = {
    dataDir: checkString('dataDir', options.dataDir),
    clusterHi,
    clusterLo,
    site: checkInteger('site', options.site, 1, U16_MAX),
  };
  const { incarnationAfter, shardCount, ioBackend } = options;
  if (incarnationAfter !== undefined) {
    checked.incarnationAfter = checkUnsigned('incarnationAfter', incarnationAfter);
  }
  if (shardCount !== undefined) {
    checked.shardCount = checkInteger('shardCount', shardCount, 1, SHARDS_MAX);
  }
  if (ioBackend !== undefined) checked.ioBackend = checkString('ioBackend', ioBackend);
  for (const name of SIZE_OPTIONS) {
    const bytes = options[name];
    if (bytes !== undefined) checked[name] = checkInteger(name, bytes, 0, Number.MAX_SAFE_INTEGER);
  }
  return checked;
}

/** kShardsMax */
const SHARDS_MAX = 4096;
