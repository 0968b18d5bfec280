/** What the admin API needs of a node (admin/admin-target.ts), from a running node. */
import { type CollectResult, type LinkIdentity, makeError } from '../bindings';
import type { AdminTarget, ConflictQuery, TailOptions } from './admin/admin-target';
import { parseSince } from './config/query';
import { parseConflictFilter } from './conflicts/select';
import { conflictToJson, hlcUnixMs, parseConflictId } from './journal/conflict-json';
import { entryToLine } from './journal/entry-json';
import type { Node } from './node';
import { readQuestion } from './node-query';
import { tlsStatus } from './security/tls-status';

async function* tailLines(node: Node, options: TailOptions): AsyncGenerator<string> {
  const { fromLsn, shard, follow, signal } = options;
  const batches = node.tailBatches({
    fromLsn,
    follow,
    signal,
    ...(shard === undefined ? {} : { shards: [shard] }),
  });
  for await (const entries of batches) yield entries.map(entryToLine).join('');
}

async function* conflictLines(node: Node, query: ConflictQuery): AsyncGenerator<string> {
  const { since, filter } = readQuestion(() => ({
    since: query.since === undefined ? -Infinity : parseSince(query.since, Date.now()),
    filter: parseConflictFilter(query.filter ?? ''),
  }));
  for await (const page of node.conflicts.pages(query.signal)) {
    yield page
      .filter((conflict) => hlcUnixMs(conflict.hlc) >= since)
      .filter((conflict) => !query.open || conflict.settled === undefined)
      .filter(filter)
      .map((conflict) => `${JSON.stringify(conflictToJson(conflict))}\n`)
      .join('');
  }
}

function conflictIdOf(text: string): LinkIdentity {
  const id = parseConflictId(text);
  if (id !== undefined) return id;
  const expected = 'expected SITE.INCARNATION.LSN, as the list of conflicts has it';
  throw makeError('CFS_INVALID_ARGUMENT', `id: "${text}": ${expected}`);
}

/** What the newest checkpoint does not cover is needed for recovery, so an aggressive one makes a new. */
async function collect(
  node: Node,
  options: { aggressive: boolean; auditOnly: boolean },
): Promise<CollectResult> {
  if (options.aggressive && !options.auditOnly) await node.checkpoint();
  return node.collect(options);
}

export function adminTargetOf(node: Node): AdminTarget {
  const { tls } = node.config;
  return {
    status: () => node.status(),
    health: () => node.health(),
    metricsText: () => node.metrics.text(),
    collect: (options) => collect(node, options),
    lookup: (inode) => node.lookup(inode),
    lookupPath: (path) => node.lookup(path),
    list: (path, after, max) => node.list(path, after, max),
    dump: (after, max) => node.dump(after, max),
    digest: (options) => node.digest(options),
    consistencyCheck: (peer, options) => node.consistencyCheck(peer, options),
    resync: (peer, options) => node.resync(peer, options),
    appendLines: (chunks, options) => node.appendLines(chunks, options),
    tailLines: (options) => tailLines(node, options),
    importTree: (directory, options) => node.importTree(directory, options),
    auditLines: (query) => node.audit.lines(query),
    verifyAudit: (anchor) => node.audit.verify(anchor),
    conflictLines: (query) => conflictLines(node, query),
    conflict: async (id) => conflictToJson(await node.conflicts.get(conflictIdOf(id))),
    acknowledgeConflict: async (id) => node.conflicts.acknowledge(conflictIdOf(id)),
    restoreConflict: async (id) => node.conflicts.restore(conflictIdOf(id)),
    tlsStatus: (warnDays) => tlsStatus(tls, new Date(), warnDays ?? tls.expiryWarnDays),
  };
}
