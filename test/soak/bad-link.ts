/** The way from one site to another: a TCP proxy that can be cut, closed, and go silent without a word. */
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';

export class BadLink {
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;
  #targetPort = 0;
  #stalled = false;
  #closed = false;

  constructor() {
    this.#server = createServer({ pauseOnConnect: true }, (inner) => this.#join(inner));
  }

  /** Listens on a port of loopback, which it returns, for what is to reach `targetPort`. */
  async open(targetPort: number): Promise<number> {
    this.#targetPort = targetPort;
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resets every connection there is, in the middle of whatever it carries. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** The same, and so is every connection that is tried, until `heal`. */
  sever(): void {
    this.#closed = true;
    this.cut();
  }

  /** Nothing comes through and nobody is told; connections go on being accepted. */
  stall(): void {
    this.#stalled = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** What was held back goes on its way. */
  heal(): void {
    this.#closed = false;
    this.#stalled = false;
    for (const socket of this.#sockets) socket.resume();
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(inner: Socket): void {
    if (this.#closed) {
      inner.resetAndDestroy();
      return;
    }
    const outer = connect(this.#targetPort, '127.0.0.1');
    for (const [from, to] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        if (to.write(chunk)) return;
        from.pause();
        to.once('drain', () => {
          if (!this.#stalled) from.resume();
        });
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    if (this.#stalled) outer.pause();
    else inner.resume();
  }
}
