/** What the admin API needs of a node (admin/admin-target.ts), from a running node. */
import type { CollectResult } from '../bindings';
import type { AdminTarget, TailOptions } from './admin/admin-target';
import { entryToLine } from './journal/entry-json';
import type { Node } from './node';
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
    digest: () => node.digest(),
    appendLines: (chunks, options) => node.appendLines(chunks, options),
    tailLines: (options) => tailLines(node, options),
    importTree: (directory, options) => node.importTree(directory, options),
    auditLines: (query) => node.audit.lines(query),
    verifyAudit: (anchor) => node.audit.verify(anchor),
    tlsStatus: (warnDays) => tlsStatus(tls, new Date(), warnDays ?? tls.expiryWarnDays),
  };
}
