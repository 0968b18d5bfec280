/** HTTP to one agent over its Unix socket, one connection a request. */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { CliError, ExitCode } from './cli-error';
import { asObject, type JsonObject, objectAt, textAt } from './json';

export type Query = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** The agent said no. `error` is its error object, with more members than code and message. */
export class AgentError extends CliError {
  constructor(
    readonly status: number,
    readonly error: JsonObject,
  ) {
    super(
      ExitCode.failed,
      textAt(error, 'code') || 'CFS_UNKNOWN',
      textAt(error, 'message') || `the agent answered with status ${status}`,
    );
  }
}

/** The connection ended before the answer did. */
export class CutOffError extends CliError {
  constructor(socketPath: string) {
    super(
      ExitCode.unreachable,
      'CFS_UNREACHABLE',
      `the agent at ${socketPath} closed the connection in the middle of its answer`,
    );
  }
}

function queryText(query: Query): string {
  const parts = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== false) parts.set(name, String(value));
  }
  const text = parts.toString();
  return text === '' ? '' : `?${text}`;
}

/** Who asks, for the agent's audit trail: whoever used sudo, where somebody did. */
function userHeader(): Record<string, string> {
  const name = process.env['SUDO_USER'] ?? process.env['USER'] ?? '';
  return /^[\w.@-]{1,64}$/.test(name) ? { 'x-cfs-user': name } : {};
}

function unreachable(socketPath: string, error: NodeJS.ErrnoException): CliError {
  const closed = 'it closed the connection without an answer; is that the socket of an agent?';
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such socket; is cfs-repl running with this configuration?',
    ECONNREFUSED: 'nobody answers on the socket; start cfs-repl',
    EACCES: 'this user may not open the socket; run as the user of cfs-repl',
    ECONNRESET: closed,
    EPIPE: closed,
    ENOTSOCK: 'that is not a socket; expected the admin.socket of an agent',
  };
  const reason = reasons[error.code ?? ''] ?? error.message;
  return new CliError(
    ExitCode.unreachable,
    'CFS_UNREACHABLE',
    `agent not reachable at ${socketPath}: ${reason}`,
  );
}

export class AgentClient {
  readonly socketPath: string;

  constructor(socketPath: string) {
    this.socketPath = socketPath;
  }

  /** The answer's text; AgentError if it is an error. */
  async text(method: 'GET' | 'POST', path: string, query: Query = {}): Promise<string> {
    const response = await this.#start(method, path, query, (request) => request.end());
    return this.#wholeText(response);
  }

  async json(method: 'GET' | 'POST', path: string, query: Query = {}): Promise<JsonObject> {
    return asObject(JSON.parse(await this.text(method, path, query)));
  }

  /** Posts a body and reads the answer. */
  async post(path: string, query: Query, body: Uint8Array): Promise<JsonObject> {
    const response = await this.#start('POST', path, query, (request) => request.end(body));
    return asObject(JSON.parse(await this.#wholeText(response)));
  }

  /**
   * The lines of an answer, as they come. Throws AgentError also for an error in the middle, and
   * CutOffError when the connection ends before the answer.
   */
  async *lines(
    method: 'GET' | 'POST',
    path: string,
    query: Query,
    signal?: AbortSignal,
  ): AsyncGenerator<string> {
    const response = await this.#start(method, path, query, (request) => {
      signal?.addEventListener('abort', () => request.destroy(), { once: true });
      request.end();
    });
    if (response.statusCode !== 200) await this.#wholeText(response);
    response.setEncoding('utf8');
    let rest = '';
    try {
      for await (const chunk of response as AsyncIterable<string>) {
        const lines = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          throwIfError(line);
          yield line;
        }
      }
    } catch (error) {
      if (signal?.aborted === true) return;
      if (error instanceof AgentError) throw error;
      throw new CutOffError(this.socketPath);
    }
    if (rest !== '') throw new CutOffError(this.socketPath);
  }

  #start(
    method: string,
    path: string,
    query: Query,
    send: (request: ClientRequest) => void,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const started = request({
        socketPath: this.socketPath,
        method,
        path: path + queryText(query),
        agent: false,
        // Not "close": Node ends a request with an empty write, which fails (EPIPE), and the answer is
        // lost, if the agent has answered and closed by then. This side closes after the answer.
        headers: { connection: 'keep-alive', ...userHeader() },
      });
      started.once('response', resolve);
      // The same empty write may fail after the answer, when the request no longer listens.
      started.once('socket', (socket) => socket.on('error', () => undefined));
      started.on('error', (error) => reject(unreachable(this.socketPath, error)));
      send(started);
    });
  }

  async #wholeText(response: IncomingMessage): Promise<string> {
    response.setEncoding('utf8');
    let text = '';
    try {
      for await (const chunk of response as AsyncIterable<string>) text += chunk;
    } catch {
      throw new CutOffError(this.socketPath);
    }
    const status = response.statusCode ?? 0;
    if (status === 200) return text;
    throw new AgentError(status, errorIn(text));
  }
}

function errorIn(text: string): JsonObject {
  try {
    return objectAt(asObject(JSON.parse(text)), 'error');
  } catch {
    return {};
  }
}

/** An answer that failed after it began ends with such a line. */
function throwIfError(line: string): void {
  if (line.startsWith('{"error":{')) throw new AgentError(200, errorIn(line));
}
