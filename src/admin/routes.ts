/**
 * Every route of the admin API, once. `server.ts` serves this table, docs/openapi.yaml describes it
 * (a test compares them), and `cfs` speaks it.
 */
import type { AdminTarget } from './admin-target';
import { audit, verifyAudit } from './audit-handlers';
import { config, idMaps, reloadConfig } from './config-handlers';
import { append, importDirectory, tail } from './journal-handlers';
import { PEER_PARAM, consistencyCheck, resync } from './consistency-handlers';
import { acknowledge, conflict, conflicts, restore } from './conflict-handlers';
import { digest, dump, list, lookup } from './meta-handlers';
import {
  collect,
  cursors,
  evict,
  health,
  journal,
  lag,
  metrics,
  orchestratorHealth,
  quarantine,
  rejoin,
  releaseQuarantine,
  status,
  tlsStatus,
} from './replication-handlers';
import type { Reply } from './reply';
import type { AdminRequest, ParamSpec } from './request';

/** What one must be allowed to do: look, change what is replicated, or manage the agent. */
export type Role = 'viewer' | 'operator' | 'admin';

export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** One line, the OpenAPI summary. */
  readonly summary: string;
  readonly role: Role;
  readonly params: readonly ParamSpec[];
  readonly answers: 'json' | 'lines' | 'text';
  /** True if a body is read; otherwise one is dropped. */
  readonly takesBody?: boolean;
  /** True for what is in the journal itself: the audit trail has only what was refused. */
  readonly isJournaled?: boolean;
  /** Only over the Unix socket, whose mode says who may. */
  readonly unixSocketOnly?: boolean;
  readonly handle: (target: AdminTarget, request: AdminRequest) => Reply | Promise<Reply>;
}

function bytesParam(name: string, description: string): ParamSpec[] {
  return [
    { name, kind: 'text', description },
    { name: `${name}_base64`, kind: 'base64', description: `${name}, when it is not UTF-8` },
  ];
}

function siteParam(name: string, description: string): ParamSpec {
  return { name, kind: 'integer', min: 1, max: 65535, required: true, description };
}

const PAGE_PARAMS: readonly ParamSpec[] = [
  ...bytesParam('after', 'the last one already seen; the answer starts behind it'),
  { name: 'max', kind: 'integer', min: 1, description: 'how many at most' },
];

const SINCE: ParamSpec = {
  name: 'since',
  kind: 'text',
  description: 'a time such as 2026-11-21T10:11:32Z, or a duration before now such as 90m',
};

const CONFLICT_ID: ParamSpec = {
  name: 'id',
  kind: 'text',
  required: true,
  description: 'the id of the conflict, SITE.INCARNATION.LSN',
};

export const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/health',
    summary: 'For an orchestrator: 200, or 503 when this node cannot do its work',
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: orchestratorHealth,
  },
  {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics in the Prometheus exposition format',
    role: 'viewer',
    params: [],
    answers: 'text',
    handle: metrics,
  },
  {
    method: 'GET',
    path: '/replication/status',
    summary: 'The node, its journal and its peers',
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: status,
  },
  {
    method: 'GET',
    path: '/replication/lag',
    summary: 'How far each peer is behind, in entries and milliseconds',
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: lag,
  },
  {
    method: 'GET',
    path: '/replication/health',
    summary: 'Every health check and what it found',
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: health,
  },
  {
    method: 'GET',
    path: '/replication/cursors',
    summary: 'What this node and each peer hold durably, by origin and shard',
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: cursors,
  },
  {
    method: 'GET',
    path: '/replication/journal',
    summary: 'Segments, position, commits and checkpoint of the journal',
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: journal,
  },
  {
    method: 'POST',
    path: '/replication/gc',
    summary: 'Delete journal segments that nobody needs any more',
    role: 'operator',
    params: [
      { name: 'aggressive', kind: 'flag', description: 'checkpoint first and keep no retention' },
      { name: 'audit_only', kind: 'flag', description: 'only say what would be deleted' },
    ],
    answers: 'json',
    handle: collect,
  },
  {
    method: 'POST',
    path: '/replication/resync',
    summary: 'Make what really differs as a peer has it; progress, then what was changed',
    role: 'admin',
    params: [
      { ...PEER_PARAM, required: true, description: 'whose registers are taken' },
      { name: 'inode', kind: 'uint64', description: 'only this inode' },
      { name: 'all', kind: 'flag', description: 'all inodes that differ' },
      { name: 'dry_run', kind: 'flag', description: 'only say what would be changed' },
    ],
    answers: 'lines',
    handle: resync,
  },
  {
    method: 'GET',
    path: '/replication/audit',
    summary: 'The audit trail, one event a line, in the order in which it was written',
    role: 'viewer',
    params: [
      SINCE,
      {
        name: 'filter',
        kind: 'text',
        description: 'terms that must all hold, such as kind=peer.* outcome!=ok site=2',
      },
      {
        name: 'tail',
        kind: 'integer',
        min: 1,
        max: 100_000,
        description: 'only the newest so many of them',
      },
      {
        name: 'oldest',
        kind: 'flag',
        description: 'the oldest instead of the newest; one of them without tail',
      },
      { name: 'follow', kind: 'flag', description: 'wait for what comes' },
    ],
    answers: 'lines',
    handle: audit,
  },
  {
    method: 'GET',
    path: '/replication/audit/verify',
    summary: 'Whether the audit trail is whole, and what it knows of those of the peers',
    role: 'viewer',
    params: [
      {
        name: 'anchor',
        kind: 'text',
        description: 'SEQ:HASH, an event of this trail and its hash, as a peer has them',
      },
    ],
    answers: 'json',
    handle: verifyAudit,
  },
  {
    method: 'GET',
    path: '/replication/conflicts',
    summary: 'The ledger of conflicts, one a line with both versions whole, oldest first',
    role: 'viewer',
    params: [
      SINCE,
      {
        name: 'filter',
        kind: 'text',
        description: 'terms that must all hold, such as path=/projects/* lost=fields loser_site=2',
      },
      { name: 'open', kind: 'flag', description: 'only those that nobody has decided about' },
    ],
    answers: 'lines',
    handle: conflicts,
  },
  {
    method: 'GET',
    path: '/replication/conflicts/show',
    summary: 'One conflict',
    role: 'viewer',
    params: [CONFLICT_ID],
    answers: 'json',
    handle: conflict,
  },
  {
    method: 'POST',
    path: '/replication/conflicts/ack',
    summary: 'Note at all sites that somebody has seen a conflict',
    role: 'operator',
    params: [CONFLICT_ID],
    answers: 'json',
    handle: acknowledge,
  },
  {
    method: 'POST',
    path: '/replication/conflicts/restore',
    summary: 'Make the change that lost again, as a new write, at all sites',
    role: 'operator',
    params: [CONFLICT_ID],
    answers: 'json',
    handle: restore,
  },
  {
    method: 'GET',
    path: '/replication/config',
    summary: 'The configuration in force, every key of it',
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: config,
  },
  {
    method: 'POST',
    path: '/replication/config/reload',
    summary: 'Read the configuration file again and take over its live keys',
    role: 'admin',
    params: [],
    answers: 'json',
    handle: reloadConfig,
  },
  {
    method: 'GET',
    path: '/replication/id-maps',
    summary: 'Which user and group ids of other sites are which of ours',
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: idMaps,
  },
  {
    method: 'GET',
    path: '/replication/quarantine',
    summary: "What of the peers is held back, stamped too far ahead of this node's clock",
    role: 'viewer',
    params: [],
    answers: 'json',
    handle: quarantine,
  },
  {
    method: 'POST',
    path: '/replication/quarantine/release',
    summary: 'Take what of a peer is held back, and what it has written by now',
    role: 'operator',
    params: [siteParam('site', 'the number of the peer')],
    answers: 'json',
    handle: releaseQuarantine,
  },
  {
    method: 'POST',
    path: '/replication/evict',
    summary: 'Go on without a site: close its journals, forget and keep nothing for its sake',
    role: 'admin',
    params: [
      siteParam('site', 'the number of the site'),
      { name: 'force', kind: 'flag', description: 'also if it is connected' },
    ],
    answers: 'json',
    handle: evict,
  },
  {
    method: 'POST',
    path: '/replication/rejoin',
    summary:
      'Bring this site back after it was evicted, by what another has; the agent opens again',
    role: 'admin',
    params: [
      siteParam('primary', 'the number of the peer to take everything from'),
      { name: 'force', kind: 'flag', description: 'also if this site was not evicted' },
    ],
    answers: 'json',
    handle: rejoin,
  },
  {
    method: 'GET',
    path: '/meta/lookup',
    summary: 'One inode, by number or by path',
    role: 'viewer',
    params: [
      { name: 'inode', kind: 'uint64', description: 'the inode number' },
      ...bytesParam('path', 'an absolute path'),
    ],
    answers: 'json',
    handle: lookup,
  },
  {
    method: 'GET',
    path: '/meta/ls',
    summary: 'The names in a directory, one a line, sorted by bytes',
    role: 'viewer',
    params: [...bytesParam('path', 'an absolute path of a directory'), ...PAGE_PARAMS],
    answers: 'lines',
    handle: list,
  },
  {
    method: 'GET',
    path: '/meta/dump',
    summary: 'Every visible name, one a line, sorted by the bytes of the path',
    role: 'viewer',
    params: [
      ...PAGE_PARAMS,
      {
        name: 'local_ids',
        kind: 'flag',
        description: 'owners in the ids of this site, not in those of the sites that wrote them',
      },
    ],
    answers: 'lines',
    handle: dump,
  },
  {
    method: 'GET',
    path: '/meta/digest',
    summary: 'A digest of the live state, equal on sites that hold the same',
    role: 'viewer',
    params: [
      {
        name: 'rescan',
        kind: 'flag',
        description: 'look at everything as well, and fail if that gives another',
      },
    ],
    answers: 'json',
    handle: digest,
  },
  {
    method: 'GET',
    path: '/meta/consistency-check',
    summary: 'Compare the state with that of the peers; progress, then what really differs',
    role: 'viewer',
    params: [{ ...PEER_PARAM, description: 'only this peer; all when left out' }],
    answers: 'lines',
    handle: consistencyCheck,
  },
  {
    method: 'POST',
    path: '/journal/append',
    summary: 'Append operations, JSON Lines in the body; answers when they are durable',
    role: 'operator',
    params: [
      { name: 'keep_going', kind: 'flag', description: 'skip refused lines' },
      {
        name: 'first_line',
        kind: 'integer',
        min: 1,
        description: 'the number of the first line, for messages',
      },
    ],
    answers: 'json',
    takesBody: true,
    isJournaled: true,
    handle: append,
  },
  {
    method: 'GET',
    path: '/journal/tail',
    summary: "Entries of this node's own journal, one a line",
    role: 'viewer',
    params: [
      { name: 'from', kind: 'uint64', description: 'the first LSN; 1 when left out' },
      { name: 'shard', kind: 'integer', min: 0, max: 4095, description: 'only this shard' },
      { name: 'follow', kind: 'flag', description: 'wait for what comes' },
    ],
    answers: 'lines',
    handle: tail,
  },
  {
    method: 'POST',
    path: '/journal/import',
    summary: "Import a directory tree of the agent's machine; progress, then the result",
    role: 'admin',
    params: [
      ...bytesParam('directory', 'the directory, on the machine of the agent'),
      ...bytesParam('into', 'where its content goes in the replicated tree; / when left out'),
    ],
    answers: 'lines',
    unixSocketOnly: true,
    handle: importDirectory,
  },
  {
    method: 'GET',
    path: '/tls/status',
    summary: 'The certificates, how long they last and what is wrong with them',
    role: 'viewer',
    params: [
      {
        name: 'warn_days',
        kind: 'integer',
        min: 0,
        max: 36500,
        description: "what counts as expiring soon; the configuration's when left out",
      },
    ],
    answers: 'json',
    handle: tlsStatus,
  },
];
