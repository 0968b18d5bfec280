/** Every metric of a node: its name, what it means, and how it is read off a status. Pure. */
import type { NodeStatus, PeerStatus } from './node-status';

export const METRIC_PREFIX = 'claudefs_replication_';

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricDefinition {
  /** Without the prefix; the unit is its last word, counters end in `_total`. */
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly labels: readonly string[];
  readonly samples: (status: NodeStatus) => readonly Sample[];
}

const ONE = (value: number): readonly Sample[] => [{ value }];

function ofNode(
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  value: (status: NodeStatus) => number,
): MetricDefinition {
  return { name, type, help, labels: [], samples: (status) => ONE(value(status)) };
}

/** One sample a peer; peers for which it is not known yet have none. */
function ofPeers(
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  value: (peer: PeerStatus) => number | undefined,
): MetricDefinition {
  const samples = (status: NodeStatus): Sample[] =>
    status.peers.flatMap((peer) => {
      const known = value(peer);
      return known === undefined ? [] : [{ labels: { peer: peer.name }, value: known }];
    });
  return { name, type, help, labels: ['peer'], samples };
}

/** An evicted site is nobody's alarm: what would raise one has no sample of it. */
function unlessEvicted(
  value: (peer: PeerStatus) => number,
): (peer: PeerStatus) => number | undefined {
  return (peer) => (peer.state === 'evicted' ? undefined : value(peer));
}

function ratio(before: number, after: number): number | undefined {
  return after === 0 ? undefined : before / after;
}

function entriesProcessed(status: NodeStatus): Sample[] {
  const sample = (direction: string, site: string, value: number): Sample => ({
    labels: { direction, site },
    value,
  });
  return [
    sample('appended', status.name, status.engine.entriesAppended),
    ...status.peers.flatMap((peer) => [
      sample('sent', peer.name, peer.entriesSent),
      sample('received', peer.name, peer.entriesReceived),
    ]),
  ];
}

function errors(status: NodeStatus): Sample[] {
  return status.peers.flatMap((peer) =>
    [...peer.errors].map(([code, value]) => ({ labels: { peer: peer.name, code }, value })),
  );
}

const HEALTH_VALUES = { DOWN: 0, DEGRADED: 1, HEALTHY: 2 } as const;

const lag: readonly MetricDefinition[] = [
  ofPeers(
    'gauge',
    'lag_ms',
    'Age of the oldest own entry that the peer lacks; 0 when it has all.',
    unlessEvicted((peer) => peer.lagMs),
  ),
  ofPeers(
    'gauge',
    'lag_entries',
    'Own entries that the peer lacks.',
    unlessEvicted((peer) => Number(peer.lagEntries)),
  ),
  ofNode(
    'gauge',
    'unreplicated_oldest_ms',
    'Age of the oldest own entry that some peer lacks.',
    (status) => Math.max(0, ...status.peers.map((peer) => peer.lagMs)),
  ),
  ofPeers('gauge', 'acked_lsn', 'The last own LSN that is durable at the peer.', (peer) =>
    Number(peer.ackedLsn),
  ),
];

const flow: readonly MetricDefinition[] = [
  {
    name: 'entries_processed_total',
    type: 'counter',
    help: 'Entries appended here, sent to a site (before compaction) and received from a site.',
    labels: ['direction', 'site'],
    samples: entriesProcessed,
  },
  ofPeers('counter', 'bytes_sent_total', 'Bytes sent, above TLS.', (peer) => peer.bytesSent),
  ofPeers(
    'counter',
    'bytes_received_total',
    'Bytes received, above TLS.',
    (peer) => peer.bytesReceived,
  ),
  ofPeers('counter', 'frames_sent_total', 'Frames sent.', (peer) => peer.framesSent),
  ofPeers(
    'counter',
    'frames_received_total',
    'Frames received and durable.',
    (peer) => peer.framesReceived,
  ),
  ofPeers(
    'counter',
    'frames_duplicate_total',
    'Frames received that were held already.',
    (peer) => peer.framesDuplicate,
  ),
  ofPeers(
    'gauge',
    'in_flight_bytes',
    'Bytes of frames sent and not yet acked.',
    (peer) => peer.inFlightBytes,
  ),
  ofPeers('gauge', 'compaction_ratio', 'Bytes of entries over bytes after compaction.', (peer) =>
    ratio(peer.bytesRaw, peer.bytesCompacted),
  ),
  ofPeers('gauge', 'compression_ratio', 'Bytes before compression over bytes after it.', (peer) =>
    ratio(peer.bytesCompacted, peer.bytesCompressed),
  ),
];

const links: readonly MetricDefinition[] = [
  ofPeers(
    'gauge',
    'peer_up',
    '1 while connected, else 0; none of an evicted site.',
    unlessEvicted((peer) => (peer.state === 'connected' ? 1 : 0)),
  ),
  ofPeers(
    'gauge',
    'peer_health',
    '0 DOWN, 1 DEGRADED, 2 HEALTHY; none of an evicted site.',
    unlessEvicted((peer) => HEALTH_VALUES[peer.health]),
  ),
  ofPeers('counter', 'dials_total', 'Attempts to connect to the peer.', (peer) => peer.dials),
  ofPeers('counter', 'reconnects_total', 'Sessions after the first.', (peer) => peer.reconnects),
  ofPeers('gauge', 'rtt_ms', 'Round trip of a heartbeat.', (peer) => peer.rttMs),
  ofPeers(
    'gauge',
    'ack_rtt_ms',
    'From sending a frame to the ack that it is durable there.',
    (peer) => peer.ackRttMs,
  ),
  ofPeers('gauge', 'clock_skew_ms', "The peer's clock minus ours.", (peer) => peer.clockSkewMs),
  ofPeers(
    'gauge',
    'quarantined',
    '1 while, or in the minute after, entries of the peer are held back: stamped too far in the future.',
    (peer) => (peer.quarantine.alarm ? 1 : 0),
  ),
  ofPeers(
    'counter',
    'quarantined_frames_total',
    'Frames of the peer that were held back because of their stamps.',
    (peer) => peer.quarantine.framesTotal,
  ),
  {
    name: 'errors_total',
    type: 'counter',
    help: 'Failed dials, sessions ended by a fault, and frames refused, by stable code.',
    labels: ['peer', 'code'],
    samples: errors,
  },
  {
    name: 'connections_refused_total',
    type: 'counter',
    help: "Connections turned away at the door that are no configured peer's, by stable reason.",
    labels: ['reason'],
    samples: (status) =>
      [...status.strangersRefused].map(([reason, value]) => ({ labels: { reason }, value })),
  },
];

const engine: readonly MetricDefinition[] = [
  ofNode(
    'gauge',
    'evicted_sites',
    'Sites that were evicted and have not come back.',
    ({ evictions }) => evictions.filter(({ gone }) => gone).length,
  ),
  ofNode('gauge', 'epoch', 'The fencing token in force.', ({ engine: e }) => Number(e.epoch)),
  ofNode('gauge', 'last_lsn', 'The last LSN given to an entry.', ({ engine: e }) =>
    Number(e.lastLsn),
  ),
  ofNode('gauge', 'durable_lsn', 'The last LSN that is durable here.', ({ engine: e }) =>
    Number(e.durableLsn),
  ),
  ofNode('gauge', 'stopped', '1 if the journal has stopped after an error.', ({ engine: e }) =>
    e.stopped === undefined ? 0 : 1,
  ),
  ofNode('gauge', 'disk_full', '1 while appends wait for disk space.', ({ engine: e }) =>
    e.diskFull ? 1 : 0,
  ),
  ofNode(
    'gauge',
    'hlc_ahead_ms',
    'How far the stamp of the newest entry held here is ahead of the wall clock.',
    ({ clock }) => clock.hlcAheadMs,
  ),
  ofNode('gauge', 'journal_bytes', 'Disk space of the journal.', ({ engine: e }) => e.journalBytes),
  ofNode(
    'gauge',
    'journal_segments',
    'Files of the journal.',
    ({ engine: e }) => e.journalSegments,
  ),
  ofNode('counter', 'journal_groups_total', 'Group commits.', ({ engine: e }) => e.groups),
  ofNode(
    'counter',
    'journal_group_bytes_total',
    'Bytes written by group commits.',
    ({ engine: e }) => e.groupBytes,
  ),
  ofNode(
    'counter',
    'journal_sync_seconds_total',
    'Time spent writing and syncing groups.',
    ({ engine: e }) => e.syncNs / 1e9,
  ),
  ofNode(
    'counter',
    'appends_refused_total',
    'Operations refused by the rules of the tree or of their source.',
    ({ engine: e }) => e.appendsRefused,
  ),
  ofNode(
    'counter',
    'entries_merged_total',
    'Entries merged into the state, own and received.',
    ({ engine: e }) => e.entriesMerged,
  ),
  ofNode(
    'counter',
    'entries_unknown_total',
    'Entries of a newer schema: kept and forwarded, not merged.',
    ({ engine: e }) => e.entriesUnknown,
  ),
  ofNode(
    'counter',
    'frames_refused_total',
    'Frames that the engine refused.',
    ({ engine: e }) => e.framesRefused,
  ),
  ofNode('gauge', 'inodes', 'Inodes that are alive.', ({ engine: e }) => e.liveInodes),
  ofNode('gauge', 'names', 'Names that are visible.', ({ engine: e }) => e.names),
  ofNode(
    'gauge',
    'tombstones',
    'Inodes that are removed, or not yet made, and not forgotten.',
    ({ engine: e }) => e.inodes - e.liveInodes,
  ),
  ofNode(
    'counter',
    'tombstones_forgotten_total',
    'Removed inodes and xattrs that were forgotten, every site having seen them go.',
    ({ engine: e }) => e.forgotten,
  ),
  ofNode('gauge', 'state_bytes', 'Memory of the state.', ({ engine: e }) => e.stateBytes),
  ofNode(
    'gauge',
    'checkpoint_bytes',
    'Size of the newest checkpoint.',
    ({ engine: e }) => e.checkpointBytes,
  ),
  ofNode(
    'gauge',
    'checkpoint_age_seconds',
    'Age of the newest checkpoint; 0 when there is none.',
    (status) =>
      status.engine.checkpointUnixMs === 0
        ? 0
        : Math.max(0, status.unixMs - status.engine.checkpointUnixMs) / 1000,
  ),
  ofNode(
    'gauge',
    'recovery_seconds',
    'How long the journal took to recover at start.',
    ({ engine: e }) => e.recoveryNs / 1e9,
  ),
  {
    name: 'info',
    type: 'gauge',
    help: 'Always 1; the labels say what runs here.',
    labels: ['site', 'cluster', 'version', 'io'],
    samples: (status) => [
      {
        labels: {
          site: status.name,
          cluster: status.clusterName,
          version: status.version,
          io: status.engine.ioBackend,
        },
        value: 1,
      },
    ],
  },
];

const audit: readonly MetricDefinition[] = [
  ofNode(
    'counter',
    'audit_events_total',
    'Events written to the audit trail.',
    (status) => status.audit.events,
  ),
  ofNode(
    'counter',
    'audit_dropped_total',
    'Events that the audit trail lost because more came than could wait.',
    (status) => status.audit.dropped,
  ),
];

const conflicts: readonly MetricDefinition[] = [
  ofNode(
    'counter',
    'conflicts_total',
    'Conflicts of any site that this node has learned of since it was opened, its ledger included.',
    (status) => status.engine.conflictsRecorded,
  ),
  ofNode(
    'gauge',
    'conflicts_open',
    'Conflicts in the ledger that nobody has acknowledged or restored.',
    (status) => status.engine.conflictsOpen,
  ),
  ofNode(
    'gauge',
    'ledger_bytes',
    'Memory that the ledger of conflicts takes; at ledger_limit_bytes the oldest are evicted.',
    (status) => status.engine.ledgerBytes,
  ),
  ofNode(
    'gauge',
    'ledger_limit_bytes',
    'Memory that the ledger of conflicts may take.',
    (status) => status.engine.ledgerBytesMax,
  ),
  ofNode(
    'counter',
    'conflicts_evicted_total',
    'Conflicts that left the ledger because it was full or they were old.',
    (status) => status.engine.conflictsEvicted,
  ),
];

export const METRICS: readonly MetricDefinition[] = [
  ...lag,
  ...flow,
  ...links,
  ...engine,
  ...audit,
  ...conflicts,
];
