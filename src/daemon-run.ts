/** An agent from start to stop: a node, its admin API, and the signals that end it. */
import { execFile } from 'node:child_process';
import type { OpenProgress } from '../bindings';
import { AdminServer } from './admin/server';
import { type Config, loadConfig } from './config';
import type { Node } from './node';
import { openNode } from './node-open';
import { adminTargetOf } from './node-admin';
import { createLog, type Log } from './telemetry/log';
import { softwareVersion } from './telemetry/version';

/** Draining and the closing checkpoint must be done in this time; the journal loses nothing if not. */
const STOP_DEADLINE_MS = 30_000;
const PROGRESS_INTERVAL_MS = 2000;
const SOCKET_MODE = 0o600;
const EXIT_FAILED = 1;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Resolves with the first stop signal's name. A second one ends the process at once. */
function stopSignal(log: Log): Promise<string> {
  return new Promise((resolve) => {
    let stopping = false;
    for (const signal of STOP_SIGNALS) {
      process.on(signal, () => {
        if (stopping) {
          log.component('agent').warn({ signal }, 'second signal: stopping at once');
          process.exit(EXIT_FAILED);
        }
        stopping = true;
        resolve(signal);
      });
    }
  });
}

/** The keys that a running node takes over, and what they are. */
function liveKeys({ log, audit, clock }: Config): Record<string, string | number> {
  return {
    'log.level': log.level,
    'audit.retention_days': audit.retentionDays,
    'audit.retention_bytes': audit.retentionBytes,
    'clock.drift_limit_ms': clock.driftLimitMs,
  };
}

/** On SIGHUP the live keys of the file are taken over; while the node opens, once it is open. */
function reloadOnHangup(file: string, config: Config, opening: Promise<Node>, log: Log): void {
  const logger = log.component('agent');
  let live = liveKeys(config);
  const reload = (node: Node): void => {
    try {
      const next = loadConfig(file);
      const nextLive = liveKeys(next);
      const changes = Object.entries(nextLive)
        .filter(([key, value]) => live[key] !== value)
        .map(([key, value]) => [key, `${live[key] ?? ''} -> ${value}`]);
      log.setLevel(next.log.level);
      node.quarantine.setDriftLimit(next.clock.driftLimitMs);
      node.audit.configReloaded(next, Object.fromEntries(changes) as Record<string, string>);
      live = nextLive;
      const { level } = next.log;
      logger.info({ level }, 'took over live keys; others take a restart');
    } catch (error) {
      node.audit.configRefused(error);
      logger.error({ err: error }, 'configuration not taken over; the old one stays');
    }
  };
  process.on('SIGHUP', () => {
    opening.then(reload, () => undefined);
  });
}

/** Tells systemd, where there is one that waits to hear it. */
function notifySystemd(log: Log, state: string): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  execFile('systemd-notify', [`--pid=${process.pid}`, state], (error) => {
    if (error) log.component('agent').warn({ err: error }, 'systemd-notify failed');
  });
}

function progressLogger(log: Log): (progress: OpenProgress) => void {
  const logger = log.component('agent');
  let shownMs = performance.now();
  return (progress) => {
    if (performance.now() - shownMs < PROGRESS_INTERVAL_MS) return;
    shownMs = performance.now();
    logger.info({ ...progress }, 'recovering');
  };
}

/** The system's own words name neither the key nor what to do. */
async function openOrExplain(config: Config, log: Log): Promise<Node> {
  try {
    return await openNode(config, { log, onProgress: progressLogger(log) });
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall !== 'listen') throw error;
    const { host, port } = config.listen;
    const cure = code === 'EADDRINUSE' ? '; is another process using the port?' : '';
    const what = `listen: cannot listen on ${host}:${port} (${code ?? 'unknown'})${cure}`;
    throw new Error(what, { cause: error });
  }
}

function openAdmin(config: Config, node: Node, log: Log): Promise<AdminServer> {
  const { socket, http } = config.admin;
  return AdminServer.open({
    target: adminTargetOf(node),
    socketPath: socket,
    socketMode: SOCKET_MODE,
    onAction: (action) => node.audit.admin(action),
    http: http.enabled ? { host: http.host, port: http.port } : undefined,
    log: log.component('admin'),
  });
}

async function stop(admin: AdminServer, node: Node, log: Log): Promise<void> {
  const timer = setTimeout(() => {
    log.component('agent').fatal({ deadlineMs: STOP_DEADLINE_MS }, 'not closed in time: exiting');
    process.exit(EXIT_FAILED);
  }, STOP_DEADLINE_MS);
  await admin.close();
  await node.close();
  clearTimeout(timer);
}

/**
 * Runs until a stop signal. Resolves with the exit status; rejects when the agent cannot start, with
 * everything closed again.
 */
export async function runDaemon(file: string, config: Config): Promise<number> {
  const log = createLog({ level: config.log.level, bindings: { site: config.site.name } });
  const logger = log.component('agent');
  const stopped = stopSignal(log);
  logger.info({ version: softwareVersion(), config: file }, 'starting');
  const opening = openOrExplain(config, log);
  reloadOnHangup(file, config, opening, log);
  const node = await opening;
  let admin: AdminServer;
  try {
    admin = await openAdmin(config, node, log);
  } catch (error) {
    await node.close();
    throw error;
  }
  notifySystemd(log, '--ready');
  logger.info({ socket: config.admin.socket, httpPort: admin.httpPort }, 'ready');
  const signal = await stopped;
  logger.info({ signal }, 'stopping');
  notifySystemd(log, 'STOPPING=1');
  await stop(admin, node, log);
  logger.info('stopped');
  return 0;
}
