/** `cfs-repl init`: a commented configuration that runs as it is, with keys and certificates. */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import {
  type ConfigInput,
  type Endpoint,
  formatEndpoint,
  loadConfig,
  parseEndpoint,
  renderTemplate,
} from './config';
import { authorityFiles, initTls, siteFiles } from './security/tls-init';

const CONFIG_FILE = 'cfs-repl.yaml';
const SITE_ID_MAX = 65535;
const PORT_MAX = 65535;

interface InitPeer {
  readonly site: number;
  readonly name: string;
  readonly endpoints: readonly string[];
}

export interface InitOptions {
  readonly dir: string;
  readonly siteId: number;
  readonly name?: string;
  readonly cluster?: string;
  readonly tls?: string;
  readonly listen?: Endpoint;
  readonly httpPort?: number;
  readonly peer: readonly InitPeer[];
  readonly force?: boolean;
}

function parseWholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}

/** As an endpoint of a peer, and port 0 takes a free one. */
function parseListen(text: string): Endpoint {
  const endpoint = parseEndpoint(text.replace(/:0$/, ':1'));
  if (endpoint !== undefined) return text.endsWith(':0') ? { ...endpoint, port: 0 } : endpoint;
  throw new InvalidArgumentError('Expected HOST:PORT, such as 0.0.0.0:9500.');
}

/** "2:bergen:bergen.example.net:9500"; without an endpoint the peer is the one that connects. */
function collectPeer(text: string, previous: readonly InitPeer[]): InitPeer[] {
  const [, site, name, endpoint] = /^([0-9]{1,5}):([^:]+)(?::(.+))?$/.exec(text) ?? [];
  const wrong = endpoint !== undefined && parseEndpoint(endpoint) === undefined;
  if (site === undefined || name === undefined || wrong) {
    throw new InvalidArgumentError(
      'Expected ID:NAME or ID:NAME:HOST:PORT, such as 2:bergen:bergen.example.net:9500.',
    );
  }
  return [
    ...previous,
    { site: Number(site), name, endpoints: endpoint === undefined ? [] : [endpoint] },
  ];
}

/**
 * The site's certificate: kept if it is there, made if the authority is, and if neither is, a new
 * cluster begins. Answers the cluster and what was made.
 */
async function ensureTls(directory: string, options: InitOptions): Promise<string> {
  const site = siteFiles(directory, options.siteId);
  const isNewCluster = !existsSync(authorityFiles(directory).certificate);
  const cluster = options.cluster ?? (isNewCluster ? randomUUID() : undefined);
  const hosts = options.listen === undefined ? [] : [options.listen.host];
  const isThere = existsSync(site.certificate) && existsSync(site.key);
  const { clusterUuid } = await initTls({
    directory,
    now: new Date(),
    sites: isThere ? [] : [{ id: options.siteId, hosts }],
    ...(cluster === undefined ? {} : { clusterUuid: cluster }),
  });
  return clusterUuid;
}

function configOf(options: InitOptions, clusterUuid: string, tlsDirectory: string): ConfigInput {
  const home = resolve(options.dir);
  const fromHome = (file: string): string => relative(home, file);
  const { listen, httpPort, siteId } = options;
  const site = siteFiles(tlsDirectory, siteId);
  return {
    cluster: { uuid: clusterUuid },
    site: { id: siteId, name: options.name ?? `site-${siteId}` },
    dataDir: 'data',
    tls: {
      ca: fromHome(authorityFiles(tlsDirectory).certificate),
      cert: fromHome(site.certificate),
      key: fromHome(site.key),
    },
    ...(listen === undefined ? {} : { listen: { host: listen.host, port: listen.port } }),
    ...(httpPort === undefined ? {} : { admin: { http: { port: httpPort } } }),
    ...(options.peer.length === 0
      ? {}
      : { peers: options.peer.map((peer) => ({ ...peer, endpoints: [...peer.endpoints] })) }),
  };
}

/** What to do next, ready to be copied. */
function nextCommands(file: string, tlsDirectory: string, options: InitOptions): string {
  const { host, port } = loadConfig(file).listen;
  const endpoint = formatEndpoint({ host: host === '0.0.0.0' ? 'THIS-HOST' : host, port });
  const name = options.name ?? `site-${options.siteId}`;
  const next = options.siteId === 1 ? 2 : 1;
  return [
    `wrote ${file}`,
    `keys and certificates are in ${tlsDirectory}`,
    '',
    'Start the agent:',
    `  cfs-repl --config ${file}`,
    'Look at it:',
    `  cfs admin replication status --config ${file}`,
    'Add another site (then add it to peers here, and restart):',
    `  cfs-repl init --dir ANOTHER-DIR --site-id ${next} --name ANOTHER-NAME --tls ${tlsDirectory} \\`,
    `    --peer ${options.siteId}:${name}:${endpoint}`,
    '',
  ].join('\n');
}

async function init(options: InitOptions): Promise<void> {
  const home = resolve(options.dir);
  const file = join(home, CONFIG_FILE);
  if (existsSync(file) && options.force !== true) {
    throw new Error(`${file}: is there already; expected none, or --force, which replaces it`);
  }
  const tlsDirectory = resolve(options.tls ?? join(home, 'tls'));
  mkdirSync(home, { recursive: true });
  const clusterUuid = await ensureTls(tlsDirectory, options);
  writeFileSync(file, renderTemplate(configOf(options, clusterUuid, tlsDirectory)));
  process.stdout.write(nextCommands(file, tlsDirectory, options));
}

export function addInitCommand(program: Command): void {
  program
    .command('init')
    .description('write a commented configuration, with keys and certificates, ready to run')
    .option('--dir <directory>', 'where it all goes; made when missing', '.')
    .option(
      '--site-id <n>',
      'this site, unique in the cluster',
      parseWholeNumber(1, SITE_ID_MAX),
      1,
    )
    .option('--name <name>', 'for people; site-N when left out')
    .option('--cluster <uuid>', 'the cluster; that of the authority, or a new one, when left out')
    .option('--tls <directory>', 'keys and certificates, with the authority; DIR/tls when left out')
    .option(
      '--listen <host:port>',
      'where peers connect to; 0.0.0.0:9500 when left out',
      parseListen,
    )
    .option(
      '--http-port <n>',
      'of the admin API; 9501 when left out',
      parseWholeNumber(0, PORT_MAX),
    )
    .option('--peer <id:name[:host:port]>', 'a site to replicate with', collectPeer, [])
    .option('--force', 'replace a configuration that is there')
    .action((options: InitOptions) => init(options));
}
