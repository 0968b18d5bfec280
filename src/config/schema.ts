/** Every key of the configuration: its meaning, default and bounds. The template is made from this. */
import type { z } from 'zod';

import { logLevels } from '../telemetry/log';
import { otherIdMaps, peerIdMap } from './id-map';
import * as is from './keys';
import { formatByteSize, GIB, isLoopback, KIB, MIB, TIB } from './values';

export const DEFAULT_CONDUIT_PORT = 9500;
export const DEFAULT_ADMIN_PORT = 9501; // 9090 is Prometheus's own
const PEERS_MAX = 64;
const ENDPOINTS_MAX = 16;

/** How far ahead of a node's clock stamps may be allowed to be; up to a day. */
export const DRIFT_LIMIT_MS = { min: 1, max: 86_400_000 };

// What limits.h says of the same things; a unit test compares the two.
export const SHARDS_MAX = 4096;
export const SEGMENT_BYTES_MIN = 16 * MIB;
export const SEGMENT_BYTES_MAX = GIB;
export const FRAME_BYTES_MAX = 4 * MIB + 128;

const siteId = { min: 1, max: 65535 };

const cluster = is.group(
  {
    uuid: is.requiredText(is.uuidRule, {
      about: 'The cluster. The same at every site, and in every certificate.',
    }),
    name: is.text(
      { ...is.nameRule, default: 'claudefs' },
      { about: 'For people: logs and status.' },
    ),
  },
  { about: 'The sites that replicate to each other.' },
);

const site = is.group(
  {
    id: is.requiredNumber(siteId, {
      about:
        'This site. Unique in the cluster, for ever: it is in every inode number minted here, ' +
        'and in the certificate.',
    }),
    name: is.requiredText(is.nameRule, { about: 'For people: logs, metrics and status.' }),
  },
  { about: 'This site.' },
);

const listen = is.group(
  {
    host: is.text(
      { ...is.hostRule, default: '0.0.0.0' },
      { about: 'The address that peers connect to; "::" for IPv6 and IPv4.' },
    ),
    port: is.wholeNumber(
      { min: 0, max: 65535, default: DEFAULT_CONDUIT_PORT },
      { about: 'Its port; 0 takes a free one.' },
    ),
  },
  { about: 'Where peers connect to this node. Always TLS 1.3 with certificates on both sides.' },
);

const tls = is.group(
  {
    ca: is.paths({
      about: 'Certificates of the authorities that peers may be signed by; several for a rotation.',
    }),
    cert: is.requiredText(is.pathRule, { about: "This site's certificate." }),
    key: is.requiredText(is.pathRule, {
      about: 'Its private key. Refused when its group or others can read it.',
    }),
    expiryWarnDays: is.wholeNumber(
      { min: 1, max: 3650, default: 30 },
      { about: 'Warn when a certificate has fewer days left than this.' },
    ),
  },
  { about: 'Certificates, as `cfs admin tls init` makes them. Paths are relative to this file.' },
);

const peer = is.group(
  {
    site: is.requiredNumber(siteId, {
      about: "The peer's site.id. Its certificate must say the same.",
      example: 2,
    }),
    name: is.requiredText(is.nameRule, {
      about: 'For people: logs, metrics and status.',
      example: 'oslo',
    }),
    endpoints: is.list(
      is.endpoint({ about: 'Where the peer listens.' }),
      { min: 0, max: ENDPOINTS_MAX },
      {
        about:
          'Where the peer listens, tried in turn. An empty list waits for the peer to connect.',
        example: ['oslo.example.net:9500'],
      },
    ),
    codec: is.oneOf(['auto', 'none', 'lz4', 'zstd'], 'auto', {
      about: 'Compression of what is sent there; auto picks by link, processor and ratio.',
    }),
    idMap: peerIdMap,
    enabled: is.flag(true, { about: 'false keeps the peer and its cursor but does not connect.' }),
  },
  { about: 'A site to replicate with.' },
);

const peers = is.withRule(
  is.list(peer, { min: 0, max: PEERS_MAX }, { about: 'The other sites of the cluster.' }),
  (list) => {
    for (const [index, { site: id, name }] of list.entries()) {
      const twin = list.findIndex((other) => other.site === id || other.name === name);
      if (twin === index) continue;
      const same = list[twin]?.site === id ? 'site' : 'name';
      const message = `${same === 'site' ? id : name} is already that of peers[${twin}]`;
      return { path: [index, same], message: `${message}: expected one entry a peer` };
    }
    return undefined;
  },
);

const journal = is.group(
  {
    io: is.oneOf(['auto', 'io_uring', 'posix'], 'auto', {
      about: 'How the journal is written; auto takes io_uring where the system allows it.',
    }),
    segmentBytes: is.byteSize(
      { min: SEGMENT_BYTES_MIN, max: SEGMENT_BYTES_MAX, default: 64 * MIB },
      { about: 'Size of a journal file. Journal space is given back a whole file at a time.' },
    ),
    retentionBytes: is.byteSize(
      { min: 0, max: TIB, default: 256 * MIB },
      { about: 'Journal kept even when every peer has it, for tails and new peers.' },
    ),
    tailCacheBytes: is.byteSize(
      { min: MIB, max: 4 * GIB, default: 32 * MIB },
      { about: 'Newest journal kept in memory, so that peers that keep up read no disk.' },
    ),
    sealCacheBytes: is.byteSize(
      { min: MIB, max: 4 * GIB, default: 16 * MIB },
      { about: 'Compressed frames kept in memory, so that several peers share one.' },
    ),
    diskReserveBytes: is.byteSize(
      { min: MIB, max: 64 * GIB, default: 32 * MIB },
      {
        about: 'Disk space held back so that cursors and checkpoints go on when the disk is full.',
      },
    ),
  },
  { about: 'The journal of this node, in data_dir.' },
);

const checkpoint = is.group(
  {
    intervalBytes: is.byteSize(
      { min: MIB, max: TIB, default: 512 * MIB },
      {
        about: 'Journal written between checkpoints. Less makes restarts faster, and writes more.',
      },
    ),
  },
  { about: 'Durable images of the state, which bound the time of a restart.' },
);

const batch = is.group(
  {
    bytesMax: is.byteSize(
      { min: 4 * KIB, max: 2 * MIB, default: MIB },
      { about: 'Entries are sent in frames of at most about this size, before compression.' },
    ),
    delayMsMax: is.durationMs(
      { min: 0, max: 10_000, default: 100 },
      { about: 'A frame waits at most this long to fill. An idle link never waits.' },
    ),
  },
  { about: 'How entries are gathered into frames.' },
);

const reconnect = is.withRule(
  is.group(
    {
      delayMsMin: is.durationMs(
        { min: 10, max: 60_000, default: 100 },
        { about: 'The first delay is drawn from zero to this.' },
      ),
      delayMsMax: is.durationMs(
        { min: 10, max: 600_000, default: 10_000 },
        { about: 'The range of the delay doubles with each failure, up to this.' },
      ),
    },
    { about: 'How long to wait before a peer is tried again.' },
  ),
  ({ delayMsMin, delayMsMax }) =>
    delayMsMax >= delayMsMin
      ? undefined
      : {
          path: ['delayMsMax'],
          message: `${delayMsMax} is below delay_ms_min (${delayMsMin}): expected at least as much`,
        },
);

const conduit = is.withRule(
  is.group(
    {
      heartbeatIntervalMs: is.durationMs(
        { min: 10, max: 60_000, default: 250 },
        { about: 'A heartbeat is sent this often.' },
      ),
      heartbeatTimeoutMs: is.durationMs(
        { min: 50, max: 600_000, default: 900 },
        { about: 'A peer that is silent for this long is down. At least twice the interval.' },
      ),
      handshakeTimeoutMs: is.durationMs(
        { min: 100, max: 60_000, default: 5000 },
        { about: 'Connecting, TLS and the first exchange must be done in this time.' },
      ),
      windowBytes: is.byteSize(
        { min: 2 * FRAME_BYTES_MAX, max: GIB, default: 16 * MIB },
        { about: 'What a peer may send ahead of what is durable here. Bounds memory.' },
      ),
      windowFrames: is.wholeNumber(
        { min: 1, max: 65536, default: 1024 },
        { about: 'The same, in frames.' },
      ),
      reconnect: is.optionalGroup(reconnect),
    },
    { about: 'The connections with peers.' },
  ),
  ({ heartbeatIntervalMs, heartbeatTimeoutMs }) =>
    heartbeatTimeoutMs >= 2 * heartbeatIntervalMs
      ? undefined
      : {
          path: ['heartbeatTimeoutMs'],
          message:
            `${heartbeatTimeoutMs} is less than twice heartbeat_interval_ms ` +
            `(${heartbeatIntervalMs}): expected at least ${2 * heartbeatIntervalMs}`,
        },
);

const http = is.withRule(
  is.group(
    {
      enabled: is.flag(true, { about: 'false leaves only the socket.' }),
      host: is.text(
        { ...is.hostRule, default: '127.0.0.1' },
        { about: 'A loopback address: whoever reaches it may do everything.' },
      ),
      port: is.wholeNumber(
        { min: 0, max: 65535, default: DEFAULT_ADMIN_PORT },
        { about: 'Its port, for the API, /metrics and /health; 0 takes a free one.' },
      ),
    },
    { about: 'The admin API over HTTP.' },
  ),
  ({ host }) =>
    isLoopback(host)
      ? undefined
      : {
          path: ['host'],
          message: `"${host}" can be reached from elsewhere: expected 127.0.0.1, ::1 or localhost`,
        },
);

const audit = is.withRule(
  is.group(
    {
      retentionDays: is.wholeNumber(
        { min: 1, max: 36_500, default: 365 },
        { about: 'What is older is deleted, a file at a time.', live: true },
      ),
      retentionBytes: is.byteSize(
        { min: 128 * KIB, max: TIB, default: 256 * MIB },
        { about: 'What is over this is deleted, the oldest file first.', live: true },
      ),
      fileBytes: is.byteSize(
        { min: 64 * KIB, max: GIB, default: 8 * MIB },
        { about: 'Size at which a new file is begun. At most half of retention_bytes.' },
      ),
    },
    {
      about:
        'The audit trail, in data_dir/audit: a chain of hashes, whose end the peers keep. ' +
        '`cfs admin replication audit` reads and verifies it.',
    },
  ),
  ({ fileBytes, retentionBytes }) =>
    2 * fileBytes <= retentionBytes
      ? undefined
      : {
          path: ['fileBytes'],
          message:
            `${formatByteSize(fileBytes)} is more than half of retention_bytes ` +
            `(${formatByteSize(retentionBytes)}): expected at most ` +
            formatByteSize(Math.floor(retentionBytes / 2)),
        },
);

const clock = is.group(
  {
    driftLimitMs: is.durationMs(
      { ...DRIFT_LIMIT_MS, default: 500 },
      {
        about:
          "How far ahead of this node's clock what a peer sends may be stamped. What is further is " +
          'held back until the clock is there, or somebody accepts it.',
        live: true,
      },
    ),
  },
  {
    about: 'Wrong clocks: `cfs admin replication quarantine` lists and releases what is held back.',
  },
);

const conflicts = is.group(
  {
    ledgerBytes: is.byteSize(
      { min: MIB, max: 16 * GIB, default: 64 * MIB },
      { about: 'Memory for the ledger. The oldest conflicts go when it is full.' },
    ),
    ledgerDays: is.wholeNumber(
      { min: 1, max: 3650, default: 90 },
      { about: 'Older conflicts go.' },
    ),
  },
  {
    about:
      'The ledger of conflicts, which all sites share: changes that lost to others, ' +
      '`cfs admin replication conflicts` lists and restores them.',
  },
);

const state = is.group(
  {
    keepRemovedMinutes: is.wholeNumber(
      { min: 0, max: 100 * 365 * 24 * 60, default: 10 },
      {
        about:
          'How long a removed file can still be written to by its inode number (one that is open, ' +
          'say). After that it is forgotten, as soon as every site has seen it go.',
      },
    ),
  },
  { about: 'The tree of names and inodes, which is in memory.' },
);

const admin = is.group(
  {
    socket: is.optionalText(is.pathRule, {
      about: 'The Unix socket of the admin API; admin.sock in data_dir when left out.',
    }),
    http: is.optionalGroup(http),
  },
  { about: 'The admin API, which `cfs` talks to.' },
);

const log = is.group(
  {
    level: is.oneOf(logLevels, 'info', { about: 'Which log lines are written.', live: true }),
  },
  { about: 'Logs: one JSON object a line on standard output.' },
);

/** A peer's map has its place with the peer. */
function firstMapOfPeer(
  maps: readonly { readonly site: number }[],
  others: readonly { readonly site: number }[],
): { path: PropertyKey[]; message: string } | undefined {
  for (const [index, map] of maps.entries()) {
    const peerIndex = others.findIndex((other) => other.site === map.site);
    if (peerIndex < 0) continue;
    const message =
      `${map.site} is the site of peers[${peerIndex}]: expected its map there, ` +
      `as peers[${peerIndex}].id_map`;
    return { path: ['idMaps', index, 'site'], message };
  }
  return undefined;
}

export const configSchema = is.withRule(
  is.group(
    {
      cluster,
      site,
      dataDir: is.requiredText(is.pathRule, {
        about: 'Journal, checkpoints and cursors. One node at a time may have it open.',
      }),
      shards: is.wholeNumber(
        { min: 1, max: SHARDS_MAX, default: 256 },
        { about: 'Virtual partitions of the inode space. The same at every site, for ever.' },
      ),
      listen: is.optionalGroup(listen),
      tls,
      peers: is.optionalList(peers),
      idMaps: is.optionalList(otherIdMaps),
      journal: is.optionalGroup(journal),
      checkpoint: is.optionalGroup(checkpoint),
      batch: is.optionalGroup(batch),
      conduit: is.optionalGroup(conduit),
      admin: is.optionalGroup(admin),
      audit: is.optionalGroup(audit),
      conflicts: is.optionalGroup(conflicts),
      state: is.optionalGroup(state),
      clock: is.optionalGroup(clock),
      log: is.optionalGroup(log),
    },
    { about: 'One node of ClaudeFS replication.' },
  ),
  ({ site: own, peers: others, idMaps }) => {
    const message = `${own.id} is this site's own id: expected another site's`;
    const ofPeer = others.findIndex((other) => other.site === own.id);
    if (ofPeer >= 0) return { path: ['peers', ofPeer, 'site'], message };
    const ofMap = idMaps.findIndex((map) => map.site === own.id);
    if (ofMap >= 0) return { path: ['idMaps', ofMap, 'site'], message };
    return firstMapOfPeer(idMaps, others);
  },
);

/** What a program or a file gives: defaults may be left out, sizes and times may have units. */
export type ConfigInput = z.input<typeof configSchema>;

type Parsed = z.output<typeof configSchema>;

/** A whole configuration: every default filled in, every path absolute. */
export type Config = Omit<Parsed, 'admin'> & {
  admin: Omit<Parsed['admin'], 'socket'> & { socket: string };
};

export type PeerConfig = Config['peers'][number];
