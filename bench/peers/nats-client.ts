/** As much of the NATS protocol as the benchmark needs: publish, and requests with answers. */
import { type Socket, connect } from 'node:net';

const ACKS = 'acks';
const ANSWERS = 'answers';

export class NatsClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #acked = 0;
  #answer: ((text: string) => void) | undefined;
  #progress: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('error', () => undefined); // requests then time out, which says so
    socket.write('CONNECT {"verbose":false,"pedantic":false,"protocol":1}\r\n');
    socket.write(`SUB ${ACKS} 1\r\nSUB ${ANSWERS} 2\r\n`);
  }

  static open(port: number): Promise<NatsClient> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => resolve(new NatsClient(socket)));
      socket.once('error', reject);
    });
  }

  /** Messages that the stream has stored. */
  get acked(): number {
    return this.#acked;
  }

  /** Messages to a stream, which acks each. */
  publish(messages: readonly (readonly [subject: string, value: string])[]): void {
    const lines = messages.map(
      ([subject, value]) => `PUB ${subject} ${ACKS} ${value.length}\r\n${value}\r\n`,
    );
    this.#socket.write(lines.join(''));
  }

  /** Resolves when `count` messages have been acked since the client was opened. */
  async waitForAcks(count: number): Promise<void> {
    while (this.#acked < count) await new Promise<void>((resolve) => (this.#progress = resolve));
  }

  /** Asks the JetStream API; throws what it answers for an error. One at a time. */
  async request<T>(subject: string, body: object): Promise<T> {
    const text = JSON.stringify(body);
    const answer = new Promise<string>((resolve) => (this.#answer = resolve));
    this.#socket.write(`PUB ${subject} ${ANSWERS} ${text.length}\r\n${text}\r\n`);
    const parsed = JSON.parse(await answer) as T & { error?: { description: string } };
    if (parsed.error !== undefined) throw new Error(`${subject}: ${parsed.error.description}`);
    return parsed;
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    let at = 0;
    for (;;) {
      const end = this.#received.indexOf('\r\n', at);
      if (end < 0) break;
      const line = this.#received.toString('utf8', at, end);
      const words = line.split(' ');
      const bodyBytes = words[0] === 'MSG' ? Number(words.at(-1)) + 2 : 0;
      if (end + 2 + bodyBytes > this.#received.length) break;
      const body = this.#received.toString('utf8', end + 2, end + bodyBytes);
      at = end + 2 + bodyBytes;
      this.#onLine(words, body);
    }
    this.#received = this.#received.subarray(at);
  }

  #onLine([verb, subject]: readonly string[], body: string): void {
    if (verb === 'PING') this.#socket.write('PONG\r\n');
    if (verb !== 'MSG') return;
    if (subject === ANSWERS) this.#answer?.(body);
    if (subject !== ACKS) return;
    this.#acked++;
    this.#progress?.();
  }
}
