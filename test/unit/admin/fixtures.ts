/** A node from memory, an admin server over it, and raw HTTP to talk to the server with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { EngineStatus, InodeInfo, NamedInode } from '../../../bindings';
import type { AdminTarget } from '../../../src/admin/admin-target';
import { AdminServer, type AdminServerOptions } from '../../../src/admin/server';
import type { NodeStatus } from '../../../src/telemetry/node-status';

export const engineStatus: EngineStatus = {
  stopped: undefined,
  diskFull: false,
  ioBackend: 'posix',
  origin: { site: 1, incarnation: 77n },
  epoch: 1n,
  lastLsn: 9n,
  durableLsn: 9n,
  lastHlc: 0n,
  held: [{ site: 1, incarnation: 77n, lsn: 9n, shards: [{ shard: 3, seq: 4n }] }],
  evictions: [],
  unheard: [],
  forgottenHorizon: [],
  inodes: 4,
  liveInodes: 4,
  names: 3,
  stateBytes: 1000,
  forgotten: 0,
  journalBytes: 4096,
  journalSegments: 1,
  journalOldestSegment: 1,
  journalPositionSegment: 1,
  journalPositionOffset: 4096,
  checkpointSeq: 0,
  checkpointBytes: 0,
  checkpointUnixMs: 0,
  entriesAppended: 9,
  entriesMerged: 0,
  entriesDuplicate: 0,
  entriesUnknown: 0,
  appendsRefused: 0,
  framesReceived: 0,
  framesRefused: 0,
  framesDuplicate: 0,
  framesSealed: 0,
  sealCacheHits: 0,
  sealedEntriesIn: 0,
  sealedEntriesOut: 0,
  sealedBytesIn: 0,
  sealedBytesCompacted: 0,
  sealedBytesOut: 0,
  groups: 2,
  groupBytes: 4096,
  syncNs: 2e6,
  conflicts: 0,
  conflictsOpen: 0,
  conflictsRecorded: 0,
  conflictsEvicted: 0,
  ledgerBytes: 0,
  ledgerBytesMax: 1 << 26,
  recoveredEntries: 0,
  recoveryNs: 0,
  recoveredTornBytes: 0,
};

export const nodeStatus: NodeStatus = {
  site: 1,
  name: 'oslo',
  clusterUuid: '7d3c6a58-9a51-4a0e-8a54-1f1d2f0c9b11',
  clusterName: 'test',
  version: '0.0.0',
  dataDir: '/data',
  listening: { host: '127.0.0.1', port: 9500 },
  startedUnixMs: 1_000_000,
  unixMs: 1_060_000,
  engine: engineStatus,
  clock: { driftLimitMs: 500, hlcAheadMs: 0 },
  peers: [],
  audit: {
    seq: 5,
    hash: 'ab'.repeat(32),
    files: 1,
    bytes: 900,
    events: 5,
    dropped: 0,
    failing: false,
  },
  evictions: [],
  rejoin: undefined,
  strangersRefused: new Map([['expired', 2]]),
  recentErrors: [],
};

export function inodeInfo(change: Partial<InodeInfo> = {}): InodeInfo {
  return {
    inode: (1n << 48n) + 1n,
    kind: 'file',
    mode: 0o100644,
    uid: 0,
    gid: 0,
    size: 5n,
    extentRef: 0n,
    atimeNs: 1n,
    mtimeNs: 1_700_000_000_000_000_001n,
    ctimeNs: 1n,
    rdev: 0,
    fileFlags: 0,
    project: 0,
    nlink: 1,
    xattrs: [],
    ...change,
  };
}

/** `count` names "/00000", "/00001", ... */
export function pageOf(after: Uint8Array | undefined, max: number, count: number): NamedInode[] {
  const first = after === undefined ? 0 : Number(Buffer.from(after).toString().slice(1)) + 1;
  return Array.from({ length: Math.max(0, Math.min(max, count - first)) }, (_, index) => ({
    path: Buffer.from(`/${String(first + index).padStart(5, '0')}`),
    info: inodeInfo(),
  }));
}

const notUsed = (): never => {
  throw new Error('this test does not use it');
};

const journalCheck = { name: 'journal', state: 'HEALTHY', detail: 'durable up to LSN 1' } as const;

export function fakeTarget(change: Partial<AdminTarget> = {}): AdminTarget {
  return {
    status: () => nodeStatus,
    health: () => ({ state: 'HEALTHY', checks: [journalCheck] }),
    metricsText: () => Promise.resolve('a_metric 1\n'),
    collect: notUsed,
    lookup: notUsed,
    lookupPath: notUsed,
    list: notUsed,
    dump: notUsed,
    digest: notUsed,
    consistencyCheck: notUsed,
    resync: notUsed,
    appendLines: notUsed,
    tailLines: notUsed,
    importTree: notUsed,
    auditLines: notUsed,
    verifyAudit: notUsed,
    conflictLines: notUsed,
    conflict: notUsed,
    acknowledgeConflict: notUsed,
    restoreConflict: notUsed,
    config: notUsed,
    reloadConfig: notUsed,
    idMaps: notUsed,
    quarantine: notUsed,
    releaseQuarantine: notUsed,
    evict: notUsed,
    rejoin: notUsed,
    tlsStatus: notUsed,
    ...change,
  };
}

const silent = { info: () => undefined, error: () => undefined };

/** A server on a socket of its own and a free port; closed when the test ends. */
export async function openServer(
  t: TestContext,
  change: Partial<AdminTarget>,
  options: Partial<AdminServerOptions> = {},
): Promise<{ server: AdminServer; socketPath: string; port: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'cfs-admin-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const socketPath = join(directory, 'admin.sock');
  const server = await AdminServer.open({
    target: fakeTarget(change),
    socketPath,
    socketMode: 0o600,
    http: { host: '127.0.0.1', port: 0 },
    log: silent,
    onAction: () => undefined,
    ...options,
  });
  t.after(() => server.close(0));
  return { server, socketPath, port: server.httpPort ?? 0 };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export interface Call {
  readonly socketPath?: string;
  readonly port?: number;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export function call({
  socketPath,
  port,
  method = 'GET',
  path,
  headers,
  body,
}: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const where = socketPath === undefined ? { host: '127.0.0.1', port } : { socketPath };
    const sent = request({ ...where, method, path, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text: Buffer.concat(parts).toString(),
        }),
      );
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

export function errorOf(answer: Answer): { code: string; message: string; line?: number } {
  return (JSON.parse(answer.text) as { error: { code: string; message: string; line?: number } })
    .error;
}
