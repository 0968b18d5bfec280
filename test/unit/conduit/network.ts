/** Bad networks and bad peers for the tests of the conduit. */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

import { verifyControl } from '../../../bindings';
import { decodeControl } from '../../../src/conduit/control-decode';
import { encodeControl } from '../../../src/conduit/control-encode';
import type { Endpoint } from '../../../src/conduit/endpoints';
import type { IncomingMessage, OutgoingMessage } from '../../../src/conduit/messages';
import {
  ALPN,
  KIND_CONTROL,
  KIND_FRAME,
  PREFIX_BYTES,
  encodePrefix,
} from '../../../src/conduit/protocol';
import type { TlsMaterial } from '../../../src/conduit/tls';
import { until } from './fixtures';

async function listen(server: net.Server): Promise<Endpoint> {
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return { host: '127.0.0.1', port: address.port };
}

/** A port of loopback where nobody listens. */
export async function deadEndpoint(): Promise<Endpoint> {
  const server = net.createServer();
  const endpoint = await listen(server);
  server.close();
  await once(server, 'close');
  return endpoint;
}

export type Direction = 'up' | 'down';

/** How much of the record that a cut falls on comes through. */
export const CUTS_OF_A_RECORD = ['nothing', 'its header', 'half', 'all but a byte'] as const;
export type CutOfARecord = (typeof CUTS_OF_A_RECORD)[number];

export interface Cut {
  readonly direction: Direction;
  /** Of TLS, from 0: each is one message or more of the handshake, or a part of what follows it. */
  readonly record: number;
  readonly through: CutOfARecord;
}

const RECORD_HEADER_BYTES = 5;

function bytesThrough(through: CutOfARecord, recordBytes: number): number {
  if (through === 'nothing') return 0;
  if (through === 'its header') return RECORD_HEADER_BYTES;
  return through === 'half' ? recordBytes >>> 1 : recordBytes - 1;
}

/** Takes the whole records of TLS off the front of a stream. */
class RecordSplitter {
  private held = Buffer.alloc(0);

  take(chunk: Buffer): Buffer[] {
    this.held = Buffer.concat([this.held, chunk]);
    const records: Buffer[] = [];
    while (this.held.length >= RECORD_HEADER_BYTES) {
      const end = RECORD_HEADER_BYTES + this.held.readUInt16BE(3);
      if (this.held.length < end) break;
      records.push(this.held.subarray(0, end));
      this.held = this.held.subarray(end);
    }
    return records;
  }
}

/** Between two conduits: forwards whole records, counts them, cuts in one, or goes silent without closing. */
export class Proxy {
  /** Records forwarded so far, over all connections, by direction. */
  readonly records = { up: 0, down: 0 };
  connectionCount = 0;
  /** Where the first connection is cut; later ones live. */
  cut: Cut | undefined;
  private black = false;
  private readonly sockets = new Set<net.Socket>();
  private server: net.Server | undefined;

  async open(target: Endpoint): Promise<Endpoint> {
    this.server = net.createServer((inner) => {
      this.connectionCount += 1;
      const outer = net.connect(target);
      const first = this.connectionCount === 1;
      this.pump(inner, outer, 'up', first);
      this.pump(outer, inner, 'down', first);
    });
    return listen(this.server);
  }

  /** From now on nothing comes through, and nobody is told. */
  blackHole(): void {
    this.black = true;
  }

  /** Lets everything through again: what was swallowed is lost. */
  heal(): void {
    this.black = false;
  }

  /** Resets every connection there is. */
  reset(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.reset();
    this.server?.close();
  }

  private pump(from: net.Socket, to: net.Socket, direction: Direction, first: boolean): void {
    this.sockets.add(from);
    const splitter = new RecordSplitter();
    const cut = first && this.cut?.direction === direction ? this.cut : undefined;
    let passed = 0;
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.sockets.delete(from);
      if (!this.black) to.destroy();
    });
    from.on('end', () => {
      if (!this.black) to.end();
    });
    from.on('data', (chunk: Buffer) => {
      if (this.black) return;
      for (const record of splitter.take(chunk)) {
        if (passed++ === cut?.record) {
          to.end(record.subarray(0, bytesThrough(cut.through, record.length)), () => to.destroy());
          from.destroy();
          return;
        }
        this.records[direction] += 1;
        to.write(record);
      }
    });
  }
}

/** Accepts TCP and never says a word. */
export async function muteServer(): Promise<{ endpoint: Endpoint; close(): void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
  });
  const endpoint = await listen(server);
  return {
    endpoint,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Speaks the protocol by hand, well or badly. */
export class RawPeer {
  readonly received: IncomingMessage[] = [];
  frameCount = 0;
  isClosed = false;
  private buffered = Buffer.alloc(0);

  constructor(readonly socket: tls.TLSSocket | net.Socket) {
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
    });
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
  }

  static async dial(
    endpoint: Endpoint,
    material: Partial<TlsMaterial>,
    change: tls.ConnectionOptions = {},
  ): Promise<RawPeer> {
    const socket = tls.connect({
      ...endpoint,
      cert: material.certificate,
      key: material.key,
      ca: material.authorities && [...material.authorities],
      ALPNProtocols: [ALPN],
      checkServerIdentity: () => undefined,
      ...change,
    });
    const peer = new RawPeer(socket);
    await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(
      () => undefined,
    );
    return peer;
  }

  send(...messages: OutgoingMessage[]): void {
    for (const message of messages) this.sendBody(KIND_CONTROL, encodeControl(message));
  }

  sendFrame(frame: Uint8Array): void {
    this.sendBody(KIND_FRAME, frame);
  }

  sendBody(kind: typeof KIND_CONTROL | typeof KIND_FRAME, body: Uint8Array): void {
    this.sendBytes(Buffer.concat([encodePrefix(kind, body.length), body]));
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The first message of a kind, waiting for it. */
  async next<K extends IncomingMessage['kind']>(
    kind: K,
  ): Promise<Extract<IncomingMessage, { kind: K }>> {
    const find = (): IncomingMessage | undefined => this.received.find((m) => m.kind === kind);
    await until(`a message ${kind}`, () => find() !== undefined);
    return find() as Extract<IncomingMessage, { kind: K }>;
  }

  /** The code of the refusal, or that the connection ended without one. */
  async refusal(): Promise<string> {
    await until('the end', () => this.isClosed || this.received.some((m) => m.kind === 'refuse'));
    const refuse = this.received.find((m) => m.kind === 'refuse');
    return refuse?.kind === 'refuse' ? refuse.code : 'closed';
  }

  close(): void {
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    this.buffered = Buffer.concat([this.buffered, chunk]);
    while (this.buffered.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + this.buffered.readUInt32LE(0);
      if (this.buffered.length < end) return;
      const body = Buffer.from(this.buffered.subarray(PREFIX_BYTES, end));
      if (this.buffered.readUInt8(4) === KIND_FRAME) this.frameCount += 1;
      else this.received.push(decodeControl(body, verifyControl));
      this.buffered = this.buffered.subarray(end);
    }
  }
}
