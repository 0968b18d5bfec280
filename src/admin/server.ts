/**
 * The admin API over HTTP, on a Unix socket and on loopback. The table of routes is `routes.ts`.
 *
 * Who may: the Unix socket is open to whom its mode lets in. Loopback TCP is open to everybody on the
 * machine, but not to web pages: a request must name a loopback host (so that a rebound DNS name does
 * not get in), and one that changes something must not come from a browser. Other addresses are
 * refused: nothing here is encrypted.
 */
import { chmod, lstat, unlink } from 'node:fs/promises';
import { isIP } from 'node:net';
import {
  App,
  type HttpRequest,
  type HttpResponse,
  LIBUS_LISTEN_EXCLUSIVE_PORT,
  type TemplatedApp,
  us_socket_local_port,
  type us_listen_socket,
} from './uws';
import type { AdminTarget } from './admin-target';
import { ApiError, toApiError } from './api-error';
import { Exchange } from './exchange';
import { Params } from './request';
import { type Route, ROUTES } from './routes';
import { claimSocketPath } from './unix-socket';

/** Requests at once, on all sockets together. */
const REQUESTS_MAX = 128;
const HEADER_BYTES_MAX = 16 * 1024;
/** A path of 64 KiB as base64 in a query, and some. uWebSockets.js itself cuts off past 128 KiB. */
const QUERY_BYTES_MAX = 100 * 1024;
const CLOSE_DEADLINE_MS_DEFAULT = 5000;

type Via = 'unix' | 'tcp';

/** Who runs the client, as the client says; whoever may open the socket may say anything. */
const USER_HEADER = 'x-cfs-user';
const USER_CHARACTERS_MAX = 64;
/** Answers to requests that come from where they must not. */
const ACCESS_STATUSES: ReadonlySet<number> = new Set([403, 421]);

export interface AdminLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A request that changes something, or that was turned away for who it comes from. */
export interface AdminAction {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly via: Via;
  /** As the client says. */
  readonly user: string | undefined;
  /** "ok" for an answer in lines that has begun. */
  readonly outcome: 'ok' | 'failed' | 'refused';
  readonly code?: string;
  readonly message?: string;
}

export interface AdminServerOptions {
  readonly target: AdminTarget;
  /** The Unix socket; at most 107 bytes. */
  readonly socketPath: string;
  /** Its permission bits: 0o600 for the agent's user, 0o660 for its group too. */
  readonly socketMode: number;
  /** Loopback HTTP; undefined for none. Port 0 takes a free one. */
  readonly http: { readonly host: string; readonly port: number } | undefined;
  readonly log: AdminLog;
  /** For the audit trail. */
  readonly onAction: (action: AdminAction) => void;
}

export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  if (bare.toLowerCase() === 'localhost' || bare === '::1') return true;
  return isIP(bare) === 4 && bare.startsWith('127.');
}

/** "localhost:9501" without its port. */
function hostName(header: string): string {
  return header.replace(/:[0-9]+$/, '');
}

/** Routes that monitoring reads under whatever name it knows the machine by. */
const ANY_HOST_PATHS = new Set(['/health', '/metrics']);

function checkAccess(route: Route, via: Via, request: HttpRequest): void {
  if (via === 'unix') return;
  if (route.unixSocketOnly === true) {
    throw new ApiError(403, 'CFS_FORBIDDEN', `${route.path} is served on the Unix socket only`);
  }
  const host = request.getHeader('host');
  if (!ANY_HOST_PATHS.has(route.path) && !isLoopback(hostName(host))) {
    throw new ApiError(421, 'CFS_FORBIDDEN', `host "${host}": expected a loopback name or address`);
  }
  if (route.method !== 'GET' && request.getHeader('origin') !== '') {
    throw new ApiError(403, 'CFS_FORBIDDEN', 'requests of web pages are refused (Origin is set)');
  }
}

function checkLimits(request: HttpRequest, query: string): void {
  let headerBytes = 0;
  request.forEach((name, value) => {
    headerBytes += name.length + value.length;
  });
  if (headerBytes > HEADER_BYTES_MAX) {
    throw new ApiError(
      431,
      'CFS_TOO_LARGE',
      `headers have ${headerBytes} bytes, expected at most ${HEADER_BYTES_MAX}`,
    );
  }
  if (query.length > QUERY_BYTES_MAX) {
    throw new ApiError(
      413,
      'CFS_TOO_LARGE',
      `the query has ${query.length} bytes, expected at most ${QUERY_BYTES_MAX}`,
    );
  }
}

export class AdminServer {
  readonly #options: AdminServerOptions;
  readonly #apps: TemplatedApp[] = [];
  readonly #exchanges = new Map<Exchange, Route | undefined>();
  #httpPort: number | undefined;
  #socketInode: bigint | undefined;
  #closing = false;
  #idle: (() => void) | undefined;

  private constructor(options: AdminServerOptions) {
    this.#options = options;
  }

  /** Listens, or rejects saying which address, why, and what to do. */
  static async open(options: AdminServerOptions): Promise<AdminServer> {
    const server = new AdminServer(options);
    try {
      await server.#listenUnix();
      server.#listenHttp();
    } catch (error) {
      await server.close(0);
      throw error;
    }
    return server;
  }

  /** The port of loopback HTTP, also when it was chosen freely. */
  get httpPort(): number | undefined {
    return this.#httpPort;
  }

  /**
   * Takes no more requests, ends streams, waits for the others until the deadline, then cuts them.
   * Removes the Unix socket.
   */
  async close(deadlineMs = CLOSE_DEADLINE_MS_DEFAULT): Promise<void> {
    this.#closing = true;
    for (const [exchange, route] of this.#exchanges) {
      if (route?.answers === 'lines') exchange.abort('the agent is closing');
    }
    await this.#idleWithin(deadlineMs);
    for (const exchange of this.#exchanges.keys()) {
      exchange.abort('the agent is closing');
      exchange.destroy();
    }
    for (const app of this.#apps.splice(0)) app.close();
    await this.#removeSocket();
  }

  #idleWithin(deadlineMs: number): Promise<void> {
    if (this.#exchanges.size === 0 || deadlineMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#idle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #listenUnix(): Promise<void> {
    const { socketPath, socketMode, log } = this.#options;
    await claimSocketPath(socketPath);
    const app = this.#makeApp('unix');
    const listening = await new Promise<us_listen_socket | false>((resolve) => {
      app.listen_unix(resolve, socketPath);
    });
    if (listening === false) {
      throw new Error(
        `admin.socket: cannot listen on ${socketPath}; does its directory exist, and may this user write there?`,
      );
    }
    await chmod(socketPath, socketMode);
    this.#socketInode = (await lstat(socketPath, { bigint: true })).ino;
    log.info({ socket: socketPath }, 'admin API on Unix socket');
  }

  #listenHttp(): void {
    const { http, log } = this.#options;
    if (http === undefined) return;
    if (!isLoopback(http.host)) {
      throw new Error(
        `admin.http: ${http.host} is not a loopback address, expected 127.0.0.1, ::1 or localhost`,
      );
    }
    let listening: us_listen_socket | false = false;
    this.#makeApp('tcp').listen(http.host, http.port, LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
      listening = socket;
    });
    if (listening === false) {
      throw new Error(
        `admin.http: cannot listen on ${http.host}:${http.port}; is another process using the port?`,
      );
    }
    this.#httpPort = us_socket_local_port(listening);
    log.info({ host: http.host, port: this.#httpPort }, 'admin API on HTTP');
  }

  #makeApp(via: Via): TemplatedApp {
    const app = App();
    for (const route of ROUTES) {
      const handler = (response: HttpResponse, request: HttpRequest): void => {
        this.#serve(route, via, response, request);
      };
      if (route.method === 'GET') app.get(route.path, handler);
      else app.post(route.path, handler);
    }
    app.any('/*', (response, request) => this.#refuseUnknown(response, request));
    this.#apps.push(app);
    return app;
  }

  #open(response: HttpResponse, route: Route | undefined): Exchange {
    const exchange: Exchange = new Exchange(response, route?.takesBody === true, () => {
      this.#exchanges.delete(exchange);
      if (this.#exchanges.size === 0) this.#idle?.();
    });
    this.#exchanges.set(exchange, route);
    return exchange;
  }

  #serve(route: Route, via: Via, response: HttpResponse, request: HttpRequest): void {
    const exchange = this.#open(response, route);
    const tell = this.#actionTeller(route, via, request);
    let params: Params;
    try {
      if (this.#closing) throw new ApiError(503, 'CFS_CLOSED', 'the agent is closing');
      if (this.#exchanges.size > REQUESTS_MAX) {
        throw new ApiError(503, 'CFS_BUSY', `${REQUESTS_MAX} requests are being served; try later`);
      }
      // uWebSockets.js answers undefined for a URL without "?".
      const query = (request.getQuery() as string | undefined) ?? '';
      checkLimits(request, query);
      checkAccess(route, via, request);
      params = Params.parse(query, route.params);
    } catch (error) {
      tell(error);
      void exchange.fail(error);
      return;
    }
    const { body, signal } = exchange;
    const work = async (): Promise<void> => {
      const reply = await route.handle(this.#options.target, { params, body, signal });
      tell(undefined);
      await exchange.answer(reply);
    };
    work().catch((error: unknown) => {
      tell(error);
      if (!signal.aborted) this.#logFailure(route, error);
      return exchange.fail(error);
    });
  }

  /** Reads the request while it may be read. What it gives back tells of the first outcome. */
  #actionTeller(route: Route, via: Via, request: HttpRequest): (error: unknown) => void {
    const { method, path, role, isJournaled } = route;
    const query = (request.getQuery() as string | undefined) ?? '';
    const user = request.getHeader(USER_HEADER).slice(0, USER_CHARACTERS_MAX);
    const action = { method, path, query, via, user: user === '' ? undefined : user };
    let told = false;
    return (error) => {
      if (told) return;
      told = true;
      if (error === undefined) {
        if (role === 'viewer' || isJournaled === true) return;
        this.#options.onAction({ ...action, outcome: 'ok' });
        return;
      }
      const { status, code, message } = toApiError(error);
      if (role === 'viewer' && !ACCESS_STATUSES.has(status)) return;
      const outcome = status >= 500 ? 'failed' : 'refused';
      this.#options.onAction({ ...action, outcome, code, message });
    };
  }

  #logFailure(route: Route, error: unknown): void {
    if (toApiError(error).status < 500) return;
    this.#options.log.error(
      { err: error, method: route.method, path: route.path },
      'request failed',
    );
  }

  #refuseUnknown(response: HttpResponse, request: HttpRequest): void {
    const path = request.getUrl();
    const method = request.getCaseSensitiveMethod();
    const allowed = ROUTES.filter((route) => route.path === path).map((route) => route.method);
    const exchange = this.#open(response, undefined);
    const error =
      allowed.length > 0
        ? new ApiError(
            405,
            'CFS_INVALID_ARGUMENT',
            `${method} ${path}: expected ${allowed.join(' or ')}`,
          )
        : new ApiError(404, 'CFS_NOT_FOUND', `${path.slice(0, 200)}: no such route`);
    void exchange.fail(error);
  }

  /** Only if it is still ours: another agent may have been told to take the path. */
  async #removeSocket(): Promise<void> {
    if (this.#socketInode === undefined) return;
    const { socketPath } = this.#options;
    const found = await lstat(socketPath, { bigint: true }).catch(() => undefined);
    if (found?.ino === this.#socketInode) await unlink(socketPath).catch(() => undefined);
    this.#socketInode = undefined;
  }
}
