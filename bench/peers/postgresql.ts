/** PostgreSQL: a table published by one server and subscribed to by another, loaded with upserts. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../deploy/demo/ports';
import type { Bench, BenchContext } from '../support/measurement';
import { until } from '../support/processes';
import { type Job, areFound, findProgram, peerMeasurement } from './job';

/** Debian keeps the servers' programs off the path. */
const FOLDERS = [17, 16, 15, 14, 13].map((version) => `/usr/lib/postgresql/${version}/bin`);
const ROWS_PER_STATEMENT = 1000;
const POLL_MS = 5;
const PASSABLE = 0o711;

const SETTINGS = [
  ['listen_addresses', '127.0.0.1'],
  ['unix_socket_directories', ''],
  ['wal_level', 'logical'],
  ['fsync', 'on'],
  ['synchronous_commit', 'on'],
  ['shared_buffers', '256MB'],
  ['max_wal_size', '4GB'],
] as const;

interface Programs {
  readonly initdb: string;
  readonly pgCtl: string;
  readonly psql: string;
}

export const postgresqlPeer: (job: Job) => Bench = (job) =>
  async function* (context) {
    const [initdb, pgCtl, psql] = ['initdb', 'pg_ctl', 'psql'].map((name) =>
      findProgram(name, FOLDERS),
    );
    if (!areFound(context, 'PostgreSQL', { initdb, pg_ctl: pgCtl, psql })) return;
    if (initdb === undefined || pgCtl === undefined || psql === undefined) return;
    context.say('PostgreSQL logical replication');
    const seconds = await replicateWith({ initdb, pgCtl, psql }, context, job);
    const params = { system: 'PostgreSQL logical replication', synchronous_commit: 'on' };
    yield peerMeasurement(job, params, seconds);
  };

/** From the first upsert until the second server has flushed the last. */
async function replicateWith(programs: Programs, context: BenchContext, job: Job): Promise<number> {
  const directory = mkdtempSync(join(context.directory, 'postgresql-'));
  // The servers run as another user, who must get through to their own folders.
  for (const folder of [context.directory, directory]) chmodSync(folder, PASSABLE);
  const servers: Server[] = [];
  try {
    const publisher = await Server.start(programs, join(directory, 'publisher'));
    servers.push(publisher);
    const subscriber = await Server.start(programs, join(directory, 'subscriber'));
    servers.push(subscriber);
    for (const server of servers) server.query('CREATE TABLE kv (k int PRIMARY KEY, v text)');
    publisher.query('CREATE PUBLICATION pub FOR TABLE kv');
    const source = `host=127.0.0.1 port=${publisher.port} user=bench dbname=postgres`;
    subscriber.query(`CREATE SUBSCRIPTION sub CONNECTION '${source}' PUBLICATION pub`);
    await until('the subscriber is in step', () => {
      return subscriber.query(`SELECT srsubstate = 'r' FROM pg_subscription_rel`) === 't';
    });
    const script = join(directory, 'load.sql');
    writeFileSync(script, statementsOf(job));
    const startMs = performance.now();
    publisher.runFile(script);
    const end = publisher.query('SELECT pg_current_wal_flush_lsn()');
    const reached = `SELECT confirmed_flush_lsn >= '${end}' FROM pg_replication_slots`;
    await until('the subscriber has all', () => publisher.query(reached) === 't', POLL_MS);
    return (performance.now() - startMs) / 1000;
  } finally {
    for (const server of servers.reverse()) server.stop();
  }
}

/** One statement, and so one transaction, for every thousand rows: the server makes the values. */
function statementsOf({ entries, keys, valueBytes }: Job): string {
  const statements: string[] = [];
  for (let first = 0; first < entries; first += ROWS_PER_STATEMENT) {
    const last = Math.min(entries, first + ROWS_PER_STATEMENT) - 1;
    statements.push(
      `INSERT INTO kv SELECT (i::bigint * 7919) % ${keys}, lpad(i::text, ${valueBytes}, 'v')` +
        ` FROM generate_series(${first}, ${last}) AS i` +
        ' ON CONFLICT (k) DO UPDATE SET v = excluded.v;\n',
    );
  }
  return statements.join('');
}

class Server {
  readonly port: number;
  readonly #programs: Programs;
  readonly #directory: string;

  private constructor(programs: Programs, directory: string, port: number) {
    this.#programs = programs;
    this.#directory = directory;
    this.port = port;
  }

  static async start(programs: Programs, directory: string): Promise<Server> {
    mkdirSync(directory);
    const server = new Server(programs, directory, await freePort());
    if (isRoot()) execFileSync('chown', ['postgres', directory]);
    server.#asOwner(programs.initdb, ['-D', directory, '-U', 'bench', '--auth', 'trust']);
    const settings = [...SETTINGS, ['port', String(server.port)] as const];
    const options = settings.map(([name, value]) => `-c ${name}='${value}'`).join(' ');
    const log = join(directory, 'log');
    server.#asOwner(programs.pgCtl, ['-D', directory, '-w', '-l', log, '-o', options, 'start']);
    return server;
  }

  query(sql: string): string {
    return this.#psql(['-c', sql]);
  }

  runFile(file: string): void {
    this.#psql(['-f', file]);
  }

  stop(): void {
    this.#asOwner(this.#programs.pgCtl, ['-D', this.#directory, '-w', '-m', 'immediate', 'stop']);
  }

  #psql(args: readonly string[]): string {
    const where = ['-h', '127.0.0.1', '-p', String(this.port), '-U', 'bench', '-d', 'postgres'];
    const how = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1'];
    return execFileSync(this.#programs.psql, [...where, ...how, ...args], {
      encoding: 'utf8',
    }).trim();
  }

  /** PostgreSQL does not run as root: then it runs as the user that its package makes. */
  #asOwner(program: string, args: readonly string[]): void {
    const command = isRoot() ? ['runuser', '-u', 'postgres', '--', program] : [program];
    const [file = program, ...before] = command;
    execFileSync(file, [...before, ...args], { cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] });
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
