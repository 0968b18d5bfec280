/** The documents of /replication/* as an operator reads them. */
import { evictionPairs } from './eviction-view';
import { formatBytes, formatCount, formatDuration, formatNouns, formatTime } from './format';
import { type JsonObject, numberAt, objectAt, objectsAt, optionalNumberAt, textAt } from './json';
import { type Style, stateWord } from './style';
import { skewText } from './quarantine-commands';
import { type Column, renderPairs, renderTable } from './table';

function siteAndName(object: JsonObject): string {
  return `${textAt(object, 'site')} (${textAt(object, 'name')})`;
}

function optionalDuration(object: JsonObject, member: string): string {
  const ms = optionalNumberAt(object, member);
  return ms === undefined ? '-' : formatDuration(ms);
}

const PEER_COLUMNS: readonly Column[] = [
  { title: 'PEER' },
  { title: 'STATE' },
  { title: 'LAG', align: 'right' },
  { title: 'BEHIND', align: 'right' },
  { title: 'ACKED LSN', align: 'right' },
  { title: 'SENT', align: 'right' },
  { title: 'RECEIVED', align: 'right' },
  { title: 'RTT', align: 'right' },
];

function peerRow(peer: JsonObject, style: Style): string[] {
  return [
    siteAndName(peer),
    stateWord(textAt(peer, 'state'), style),
    formatDuration(numberAt(peer, 'lag_ms')),
    formatCount(numberAt(peer, 'lag_entries')),
    formatCount(textAt(peer, 'acked_lsn')),
    formatBytes(numberAt(peer, 'bytes_sent')),
    formatBytes(numberAt(peer, 'bytes_received')),
    optionalDuration(peer, 'rtt_ms'),
  ];
}

function lastErrorText(peer: JsonObject): string {
  const error = objectAt(peer, 'last_error');
  const code = textAt(error, 'code');
  if (code === '') return 'none';
  return `${formatTime(numberAt(error, 'unix_ms'))} ${textAt(error, 'message')} (${code})`;
}

function shrinkText(before: number, after: number): string {
  const percent = before === 0 ? 0 : Math.round((1 - after / before) * 100);
  const less = percent > 0 ? ` (${percent} % less)` : '';
  return `${formatBytes(before)} to ${formatBytes(after)}${less}`;
}

function errorCounts(peer: JsonObject): string {
  const counts = Object.entries(objectAt(peer, 'errors'));
  if (counts.length === 0) return 'none';
  return counts.map(([code, count]) => `${code} ${formatCount(Number(count))}`).join(', ');
}

function heldBackText(peer: JsonObject): string {
  return (
    `${formatNouns(numberAt(peer, 'quarantined_frames'), 'frame')} now, ` +
    `${formatCount(numberAt(peer, 'quarantined_frames_total'))} in all, by their stamps`
  );
}

function renderPeerDetails(peer: JsonObject, style: Style): string {
  const pairs: [string, string][] = [
    ['peer', siteAndName(peer)],
    ['address', textAt(peer, 'address') || '-'],
    ['health', `${stateWord(textAt(peer, 'health'), style)}: ${textAt(peer, 'detail')}`],
    ['last error', lastErrorText(peer)],
    ['clock skew', skewText(peer, 'clock_skew_ms')],
    ['held back', heldBackText(peer)],
    [
      'sent',
      `${formatCount(numberAt(peer, 'entries_sent'))} entries in ` +
        `${formatCount(numberAt(peer, 'frames_sent'))} frames`,
    ],
    [
      'received',
      `${formatCount(numberAt(peer, 'entries_received'))} entries in ` +
        `${formatCount(numberAt(peer, 'frames_received'))} frames`,
    ],
    ['compaction', shrinkText(numberAt(peer, 'bytes_raw'), numberAt(peer, 'bytes_compacted'))],
    [
      'compression',
      `${shrinkText(numberAt(peer, 'bytes_compacted'), numberAt(peer, 'bytes_compressed'))}, ` +
        (textAt(peer, 'codec') || 'nothing sent yet'),
    ],
    ['reconnects', formatCount(numberAt(peer, 'reconnects'))],
    ['errors', errorCounts(peer)],
  ];
  return renderPairs(pairs, style);
}

function stoppedText(status: JsonObject, style: Style): string {
  const stopped = objectAt(status, 'stopped');
  const code = textAt(stopped, 'code');
  if (code !== '') return style.bad(`stopped: ${textAt(stopped, 'message')} (${code})`);
  return status['disk_full'] === true
    ? style.bad('disk full: appends wait for space')
    : style.good('running');
}

function listeningText(status: JsonObject): string {
  const listening = objectAt(status, 'listening');
  const port = textAt(listening, 'port');
  return port === '' ? 'no' : `${textAt(listening, 'host')} port ${port}`;
}

function auditText(audit: JsonObject): string {
  const dropped = numberAt(audit, 'dropped');
  return (
    `event ${formatCount(numberAt(audit, 'seq'))}, ${formatBytes(numberAt(audit, 'bytes'))} in ` +
    formatNouns(numberAt(audit, 'files'), 'file') +
    (dropped === 0 ? '' : `, ${formatCount(dropped)} dropped`) +
    (audit['failing'] === true ? ', the disk does not take it' : '')
  );
}

function detailPairs(status: JsonObject): [string, string][] {
  const recovery = objectAt(status, 'recovery');
  return [
    ['cluster', `${textAt(status, 'cluster_name')} ${textAt(status, 'cluster')}`],
    ['listening', listeningText(status)],
    ['incarnation', textAt(status, 'incarnation')],
    ['epoch', textAt(status, 'epoch')],
    ['data', textAt(status, 'data_dir')],
    ['audit trail', auditText(objectAt(status, 'audit'))],
    ['appended', `${formatCount(numberAt(status, 'entries_appended'))} entries since start`],
    ['merged', `${formatCount(numberAt(status, 'entries_merged'))} entries of peers`],
    [
      'refused',
      `${formatCount(numberAt(status, 'appends_refused'))} appends, ` +
        `${formatCount(numberAt(status, 'frames_refused'))} frames`,
    ],
    ['unknown', `${formatCount(numberAt(status, 'entries_unknown'))} entries of a newer schema`],
    [
      'recovery',
      `${formatCount(numberAt(recovery, 'entries'))} entries in ${formatDuration(numberAt(recovery, 'ms'))}, ` +
        `${formatBytes(numberAt(recovery, 'torn_bytes'))} of torn tail cut`,
    ],
  ];
}

export function renderStatus(status: JsonObject, detailed: boolean, style: Style): string {
  const pairs: [string, string][] = [
    ['site', siteAndName(status)],
    ['health', stateWord(textAt(status, 'health'), style)],
    [
      'agent',
      `version ${textAt(status, 'version')}, up ${formatDuration(numberAt(status, 'uptime_ms'))}, ` +
        `pid ${textAt(status, 'pid')}`,
    ],
    [
      'journal',
      `${stoppedText(status, style)}, LSN ${formatCount(textAt(status, 'last_lsn'))}, ` +
        `durable ${formatCount(textAt(status, 'durable_lsn'))}, ` +
        `${formatBytes(numberAt(status, 'journal_bytes'))}, ${textAt(status, 'io_backend')}`,
    ],
    [
      'state',
      `${formatNouns(numberAt(status, 'inodes'), 'inode')}, ` +
        `${formatNouns(numberAt(status, 'names'), 'name')}, ` +
        formatBytes(numberAt(status, 'state_bytes')),
    ],
  ];
  pairs.push(...evictionPairs(status, detailed));
  if (detailed) pairs.push(...detailPairs(status));
  const peers = objectsAt(status, 'peers');
  const parts = [renderPairs(pairs, style)];
  if (peers.length === 0) parts.push('no peers are configured\n');
  else parts.push(renderPeers(peers, style));
  if (detailed) parts.push(...peers.map((peer) => renderPeerDetails(peer, style)));
  return parts.join('\n');
}

function renderPeers(peers: readonly JsonObject[], style: Style): string {
  return renderTable(
    PEER_COLUMNS,
    peers.map((peer) => peerRow(peer, style)),
    style,
  );
}

export function renderLag(lag: JsonObject, style: Style): string {
  const peers = objectsAt(lag, 'peers');
  if (peers.length === 0) return 'no peers are configured\n';
  return renderTable(
    [
      { title: 'PEER' },
      { title: 'STATE' },
      { title: 'LAG', align: 'right' },
      { title: 'BEHIND', align: 'right' },
      { title: 'ACKED LSN', align: 'right' },
      { title: 'OF', align: 'right' },
    ],
    peers.map((peer) => [
      siteAndName(peer),
      stateWord(textAt(peer, 'state'), style),
      formatDuration(numberAt(peer, 'lag_ms')),
      formatCount(numberAt(peer, 'lag_entries')),
      formatCount(textAt(peer, 'acked_lsn')),
      formatCount(textAt(lag, 'last_lsn')),
    ]),
    style,
  );
}

export function renderHealth(health: JsonObject, detailed: boolean, style: Style): string {
  const state = textAt(health, 'state');
  const checks = objectsAt(health, 'checks').filter(
    (check) => detailed || textAt(check, 'state') !== 'HEALTHY',
  );
  const head = `site ${siteAndName(health)}: ${stateWord(state, style)}\n`;
  const clocks = detailed ? renderClocks(health, style) : '';
  if (checks.length === 0) return head;
  const rows = checks.map((check) => [
    textAt(check, 'name'),
    stateWord(textAt(check, 'state'), style),
    textAt(check, 'detail'),
  ]);
  return (
    head +
    renderTable([{ title: 'CHECK' }, { title: 'STATE' }, { title: 'DETAIL' }], rows, style) +
    clocks
  );
}

function renderClocks(health: JsonObject, style: Style): string {
  const ahead = numberAt(health, 'hlc_ahead_ms');
  const own = renderPairs(
    [
      ['drift limit', formatDuration(numberAt(health, 'drift_limit_ms'))],
      ['hlc', ahead > 0 ? `ahead of wall clock by ${formatDuration(ahead)}` : 'at the wall clock'],
    ],
    style,
  );
  const peers = objectsAt(health, 'clocks');
  if (peers.length === 0) return `\n${own}`;
  const table = renderTable(
    [
      { title: 'PEER' },
      { title: 'ITS CLOCK', align: 'right' },
      { title: 'RTT', align: 'right' },
      { title: 'HELD BACK', align: 'right' },
      { title: 'IN ALL', align: 'right' },
    ],
    peers.map((peer) => [
      siteAndName(peer),
      skewText(peer, 'clock_skew_ms'),
      optionalDuration(peer, 'rtt_ms'),
      formatCount(numberAt(peer, 'quarantined_frames')),
      formatCount(numberAt(peer, 'quarantined_frames_total')),
    ]),
    style,
  );
  return `\n${own}\n${table}`;
}

function cursorRows(holder: string, held: readonly JsonObject[]): string[][] {
  return held.map((cursor) => [
    holder,
    textAt(cursor, 'site'),
    textAt(cursor, 'incarnation'),
    formatCount(textAt(cursor, 'lsn')),
    formatCount(objectsAt(cursor, 'shards').length),
  ]);
}

export function renderCursors(cursors: JsonObject, style: Style): string {
  const rows = [
    ...cursorRows(`${textAt(cursors, 'site')} (this site)`, objectsAt(cursors, 'held')),
    ...objectsAt(cursors, 'peers').flatMap((peer) =>
      cursorRows(siteAndName(peer), objectsAt(peer, 'held')),
    ),
  ];
  return renderTable(
    [
      { title: 'HELD BY' },
      { title: 'OF SITE' },
      { title: 'INCARNATION' },
      { title: 'UP TO LSN', align: 'right' },
      { title: 'SHARDS', align: 'right' },
    ],
    rows,
    style,
  );
}

function checkpointText(journal: JsonObject): string {
  const checkpoint = objectAt(journal, 'checkpoint');
  if (numberAt(checkpoint, 'seq') === 0) return 'none yet';
  const unixMs = numberAt(checkpoint, 'unix_ms');
  const when = unixMs === 0 ? 'from before the start' : `of ${formatTime(unixMs)}`;
  return `number ${textAt(checkpoint, 'seq')} ${when}, ${formatBytes(numberAt(checkpoint, 'bytes'))}`;
}

export function renderJournal(journal: JsonObject, style: Style): string {
  const position = objectAt(journal, 'position');
  return renderPairs(
    [
      ['journal', `${stoppedText(journal, style)}, ${textAt(journal, 'io_backend')}`],
      [
        'LSN',
        `${formatCount(textAt(journal, 'last_lsn'))}, durable ${formatCount(textAt(journal, 'durable_lsn'))}`,
      ],
      [
        'segments',
        `${formatCount(numberAt(journal, 'segments'))} from number ${textAt(journal, 'oldest_segment')}, ` +
          formatBytes(numberAt(journal, 'bytes')),
      ],
      [
        'position',
        `segment ${textAt(position, 'segment')}, offset ${formatCount(numberAt(position, 'offset'))}`,
      ],
      [
        'commits',
        `${formatNouns(numberAt(journal, 'groups'), 'group')} of ` +
          `${formatBytes(numberAt(journal, 'group_bytes'))} in all, ` +
          `${formatDuration(numberAt(journal, 'sync_ms_mean'))} a sync`,
      ],
      ['checkpoint', checkpointText(journal)],
    ],
    style,
  );
}

export function renderCollected(collected: JsonObject): string {
  const verb = collected['audit_only'] === true ? 'would delete' : 'deleted';
  const heldBy = textAt(collected, 'held_by');
  const next = heldBy === '' || heldBy === 'nothing' ? '' : `; the next is kept by ${heldBy}`;
  const segments = numberAt(collected, 'segments');
  return (
    `${verb} ${formatNouns(segments, 'segment')}, ` +
    `${formatBytes(numberAt(collected, 'bytes'))}${next}\n`
  );
}
