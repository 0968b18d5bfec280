/** What the admin API needs of a node (admin/admin-target.ts), from a running node. */
import { type CollectResult, type LinkIdentity, makeError } from '../bindings';
import { hlcToUnixMs } from '../bindings/hlc';
import type { AdminTarget, ConflictQuery, IdMapStatus, TailOptions } from './admin/admin-target';
import type { JsonValue } from './admin/json-form';
import { type TakenOver, asInFile } from './config';
import { parseSince } from './config/query';
import { parseConflictFilter } from './conflicts/select';
import { conflictToJson, parseConflictId } from './journal/conflict-json';
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
      .filter((conflict) => hlcToUnixMs(conflict.hlc) >= since)
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

/** The file that the agent's configuration is in, and how it is read again. */
export interface ConfigFile {
  readonly file: string;
  readonly reload: () => TakenOver;
}

/** Of every site that has a map, or is told one. */
function idMapsOf({ config, idMaps }: Node): IdMapStatus[] {
  const inForce = new Map(idMaps.maps.map((map) => [map.site, map]));
  const told = new Map(config.peers.map(({ site, idMap }) => [site, idMap?.out]));
  const names = new Map(config.peers.map(({ site, name }) => [site, name]));
  const sites = new Set([...inForce.keys(), ...told.keys()]);
  return [...sites]
    .sort((a, b) => a - b)
    .map((site) => ({
      site,
      name: names.get(site),
      in: inForce.get(site)?.in,
      theirOut: inForce.get(site)?.out,
      out: told.get(site),
    }))
    .filter((map) => map.in !== undefined || map.theirOut !== undefined || map.out !== undefined);
}

export function adminTargetOf(node: Node, { file, reload }: ConfigFile): AdminTarget {
  const { tls } = node.config;
  return {
    status: () => node.status(),
    health: () => node.health(),
    metricsText: () => node.metrics.text(),
    collect: (options) => collect(node, options),
    lookup: (inode) => node.lookup(inode),
    lookupPath: (path) => node.lookup(path),
    list: (path, after, max) => node.list(path, after, max),
    dump: (after, max, localIds) => node.dump(after, max, { localIds }),
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
    config: () => ({ file, config: asInFile(node.config) as JsonValue }),
    reloadConfig: () => Promise.resolve().then(reload),
    idMaps: () => idMapsOf(node),
    quarantine: () => node.quarantine.list(),
    releaseQuarantine: (site) => node.quarantine.release(site),
    evict: (site, options) => node.evictions.evict(site, options),
    rejoin: (primary, options) => node.rejoin(primary, options),
    tlsStatus: (warnDays) => tlsStatus(tls, new Date(), warnDays ?? tls.expiryWarnDays),
  };
}
