/** Opening a node: its configuration, its engine, its audit trail, then the node itself. */
import { Engine, type OpenProgress } from '../bindings';
import { type Config, type ConfigInput, loadConfig, parseConfig } from './config';
import { Node } from './node';
import { NodeAudit, auditFailedOpen } from './node-audit';
import { engineOptions } from './node-settings';
import { prepareRejoin } from './rejoin-marker';
import { loadTlsMaterial } from './security/tls-material';
import { type Log, createLog } from './telemetry/log';

export interface OpenOptions {
  /** Where log lines go. Default: one as the configuration's `log` says, on standard output. */
  readonly log?: Log;
  /** Called now and then while the engine recovers. */
  readonly onProgress?: (progress: OpenProgress) => void;
}

/**
 * Opens a node: the path of a YAML file, or the same as an object. Resolves when the node has recovered
 * and listens; peers connect afterwards. Rejects, having closed what was opened, with ConfigError for
 * what is wrong with the configuration or certificates, LockedError when another process has the data
 * directory, DataError when it is damaged, and what the system says when the port is taken.
 */
export function open(config: string | ConfigInput, options: OpenOptions = {}): Promise<Node> {
  const parse = (): Config =>
    typeof config === 'string' ? loadConfig(config) : parseConfig(config);
  return Promise.resolve()
    .then(parse)
    .then((whole) => openNode(whole, options));
}

/** As `open`, for a configuration that has been read already. */
export async function openNode(config: Config, options: OpenOptions = {}): Promise<Node> {
  const log =
    options.log ?? createLog({ level: config.log.level, bindings: { site: config.site.name } });
  const tls = loadTlsMaterial(config, new Date());
  const marker = await prepareRejoin(config.dataDir);
  const engine = await Engine.open(
    { ...engineOptions(config), incarnationAfter: marker?.last },
    options.onProgress,
  ).catch(async (error: unknown) => {
    await auditFailedOpen(config, error, log);
    throw error;
  });
  try {
    const audit = await NodeAudit.open(config, engine.status().origin, log);
    try {
      const node = new Node(config, engine, audit, log, marker);
      await node.start(tls);
      return node;
    } catch (error) {
      await audit.startFailed(error);
      throw error;
    }
  } catch (error) {
    await engine.close({ checkpoint: false });
    throw error;
  }
}
