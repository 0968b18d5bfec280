/** An agent from start to stop: a node, its admin API, and the signals that end it. */
import { execFile } from 'node:child_process';
import type { OpenProgress } from '../bindings';
import { AdminServer } from './admin/server';
import { type Config, type KeyChange, type TakenOver, loadConfig } from './config';
import type { Node } from './node';
import type { ConfigActor } from './node-audit';
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

/** Takes over the live keys of the file. Throws ConfigError for a bad one, having changed nothing. */
function reload(file: string, node: Node, by: ConfigActor, log: Log): TakenOver {
  const logger = log.component('agent');
  const keys = (changes: readonly KeyChange[]): string[] => changes.map(({ key }) => key);
  try {
    const taken = node.reload(loadConfig(file), by);
    logger.info({ changed: keys(taken.changed) }, 'took over live keys');
    if (taken.needsRestart.length > 0) {
      logger.warn(
        { keys: keys(taken.needsRestart) },
        'other keys have changed: they need a restart',
      );
    }
    return taken;
  } catch (error) {
    node.audit.configRefused(by, error);
    logger.error({ err: error }, 'configuration not taken over; the old one stays');
    throw error;
  }
}

/** While the node opens, a SIGHUP waits until it is open. */
function reloadOnHangup(file: string, opening: () => Promise<Node>, log: Log): void {
  process.on('SIGHUP', () => {
    // What fails has been logged: the file, or the opening.
    opening()
      .then((node) => reload(file, node, 'SIGHUP', log))
      .catch(() => undefined);
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

function openAdmin(file: string, node: Node, log: Log): Promise<AdminServer> {
  const { socket, http } = node.config.admin;
  return AdminServer.open({
    target: adminTargetOf(node, { file, reload: () => reload(file, node, 'admin', log) }),
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

/** A node and its admin API, until it is to stop or to be opened again. Resolves with the signal's name. */
async function serve(
  file: string,
  node: Node,
  stopped: Promise<string>,
  log: Log,
): Promise<string | undefined> {
  const logger = log.component('agent');
  const reopened = new Promise<undefined>((resolve) =>
    node.once('reopen', () => resolve(undefined)),
  );
  let admin: AdminServer;
  try {
    admin = await openAdmin(file, node, log);
  } catch (error) {
    await node.close();
    throw error;
  }
  notifySystemd(log, '--ready');
  logger.info({ socket: node.config.admin.socket, httpPort: admin.httpPort }, 'ready');
  const signal = await Promise.race([stopped, reopened]);
  logger.info({ signal }, signal === undefined ? 'closing, to open again' : 'stopping');
  if (signal !== undefined) notifySystemd(log, 'STOPPING=1');
  await stop(admin, node, log);
  return signal;
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
  let opening = openOrExplain(config, log);
  reloadOnHangup(file, () => opening, log);
  let node = await opening;
  while ((await serve(file, node, stopped, log)) === undefined) {
    opening = openOrExplain(node.config, log); // with the live keys that it has taken over
    node = await opening;
  }
  logger.info('stopped');
  return 0;
}
