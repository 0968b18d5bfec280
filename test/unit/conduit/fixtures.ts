/** What conduit tests share: certificates, conduits on loopback, frames, waiting. */
import 'reflect-metadata';

import { createPrivateKey, webcrypto } from 'node:crypto';

import * as x509 from '@peculiar/x509';

import { verifyControl } from '../../../bindings';
import {
  openConduit,
  type Conduit,
  type ConduitOptions,
  type PeerOptions,
} from '../../../src/conduit/conduit';
import type { TlsMaterial } from '../../../src/conduit/tls';
import type {
  CloseReason,
  FrameInfo,
  OriginCursor,
  PeerHello,
  PeerStatus,
  Session,
} from '../../../src/conduit/types';
import {
  makeAuthority,
  makeSite,
  type KeyAndCertificate,
} from '../../../src/security/certificate-maker';
import { siteIdentityOf } from '../../../src/security/identity';

export const CLUSTER = '11111111-2222-4333-8444-555555555555';
export const OTHER_CLUSTER = '99999999-2222-4333-8444-555555555555';
export const CODECS = 0b111;

export function helloOf(site: number, change: Partial<PeerHello> = {}): PeerHello {
  return {
    protocolMin: 1,
    protocolMax: 1,
    software: `test site ${site}`,
    cluster: { hi: 0x1111111122224333n, lo: 0x8444555555555555n },
    origin: { site, incarnation: BigInt(site) * 100n },
    instance: BigInt(site) * 1000n,
    epoch: 1n,
    capabilities: [],
    codecs: CODECS,
    entrySchemaMax: 1,
    frameBytesMax: 128 + 4 * 1024 * 1024,
    windowBytes: 16 * 1024 * 1024,
    windowFrames: 1024,
    cursors: [],
    forgotten: [],
    ...change,
  };
}

// Certificates.

let authority: Promise<KeyAndCertificate> | undefined;
const materials = new Map<number, Promise<TlsMaterial>>();

export function clusterAuthority(): Promise<KeyAndCertificate> {
  authority ??= makeAuthority(CLUSTER, { now: new Date(), days: 2 });
  return authority;
}

/** What site `site` of the cluster shows and trusts. */
export function materialOf(site: number): Promise<TlsMaterial> {
  const material = materials.get(site) ?? makeMaterial(site, {});
  materials.set(site, material);
  return material;
}

/** The same with something wrong about it. */
export async function makeMaterial(
  site: number,
  change: { clusterUuid?: string; now?: Date; by?: KeyAndCertificate },
): Promise<TlsMaterial> {
  const trusted = await clusterAuthority();
  const { certificate, key } = await makeSite(
    { clusterUuid: change.clusterUuid ?? CLUSTER, site },
    [],
    change.by ?? trusted,
    { now: change.now ?? new Date(), days: 1 },
  );
  return { certificate, key, authorities: [trusted.certificate] };
}

/** A certificate fit for TLS, signed by the authority or by itself, that names `uri` and nothing else. */
export async function makeOddMaterial(uri: string, selfSigned: boolean): Promise<TlsMaterial> {
  const trusted = await clusterAuthority();
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const pkcs8 = createPrivateKey(trusted.key).export({ format: 'der', type: 'pkcs8' });
  const authorityKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']);
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: '01',
      subject: 'CN=odd',
      issuer: selfSigned ? 'CN=odd' : new x509.X509Certificate(trusted.certificate).subjectName,
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + 3_600_000),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: selfSigned ? keys.privateKey : authorityKey,
      extensions: [
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }]),
      ],
    },
    webcrypto,
  );
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return {
    certificate: certificate.toString('pem'),
    key: key.export({ format: 'pem', type: 'pkcs8' }),
    authorities: [trusted.certificate],
  };
}

// Frames: 128 bytes that only these tests can read, then the body.

const FAKE_MAGIC = 0xfa4e0001;

export interface FrameParts {
  readonly site: number;
  readonly lsn?: bigint;
  readonly bytes?: number;
  readonly entryCount?: number;
  readonly clusterUuid?: string;
}

export function makeFrame(parts: FrameParts): Buffer {
  const bytes = parts.bytes ?? 1000;
  const frame = Buffer.alloc(bytes, Number((parts.lsn ?? 1n) % 251n));
  frame.fill(0, 0, Math.min(bytes, 128));
  frame.writeUInt32LE(FAKE_MAGIC, 0);
  frame.writeUInt32LE(bytes, 4);
  frame.writeUInt16LE(parts.site, 8);
  frame.writeUInt32LE(parts.entryCount ?? 1, 12);
  frame.writeBigUInt64LE(BigInt(parts.site) * 100n, 16);
  frame.writeBigUInt64LE(parts.lsn ?? 1n, 24);
  frame.write(parts.clusterUuid ?? CLUSTER, 64, 'latin1');
  return frame;
}

export function peekFakeFrame(header: Uint8Array): FrameInfo {
  const view = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
  if (view.readUInt32LE(0) !== FAKE_MAGIC) throw new Error('bad magic');
  return {
    clusterUuid: view.toString('latin1', 64, 100),
    site: view.readUInt16LE(8),
    incarnation: view.readBigUInt64LE(16),
    firstLsn: view.readBigUInt64LE(24),
    lastLsn: view.readBigUInt64LE(24),
    hlcMax: 0n,
    epoch: 1n,
    entryCount: view.readUInt32LE(12),
    totalBytes: view.readUInt32LE(4),
  };
}

// Conduits.

/** Nothing here may go down because the machine is slow; tests of silence say so. */
const PATIENT = { intervalMs: 50, timeoutMs: 30_000 };

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

export type OptionsChange = Partial<ConduitOptions> & { readonly peers: readonly PeerOptions[] };

/** Listens on a free port of loopback unless told otherwise. */
export async function startConduit(
  site: number,
  change: OptionsChange,
  lines: LogLine[] = [],
): Promise<Conduit> {
  const log =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, message, fields: fields as Record<string, unknown> });
    };
  return openConduit({
    clusterUuid: CLUSTER,
    site,
    listen: { host: '127.0.0.1', port: 0 },
    tls: change.tls ?? (await materialOf(site)),
    software: `test site ${site}`,
    codecs: CODECS,
    entrySchemaMax: 1,
    status: () => ({ incarnation: BigInt(site) * 100n, epoch: 1n, cursors: [] }),
    peerStatus: () => ({ epoch: 1n, headLsn: 0n, oldestUnackedUs: 0 }),
    peekFrame: peekFakeFrame,
    verifyControl,
    identityOf: (certificate) => siteIdentityOf(certificate, new Date()),
    heartbeat: PATIENT,
    backoff: { baseMs: 5, capMs: 50, stableMs: 10_000 },
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    ...change,
  });
}

export function endpointOf(conduit: Conduit): { host: string; port: number } {
  if (conduit.endpoint === undefined) throw new Error('the conduit does not listen');
  return conduit.endpoint;
}

/** A session's handlers, remembering. Releases at once unless told to hold. */
export class Recorder {
  readonly frames: { frame: Buffer; info: FrameInfo }[] = [];
  readonly acks: OriginCursor[] = [];
  readonly statuses: PeerStatus[] = [];
  drainReason: string | undefined;
  closed: CloseReason | undefined;

  constructor(
    readonly session: Session,
    readonly hold = false,
  ) {
    session.attach({
      onFrame: (frame, info) => {
        this.frames.push({ frame, info });
        if (!this.hold) session.release(frame.length, 1);
      },
      onAck: (cursors) => this.acks.push(...cursors),
      onDrain: (reason) => {
        this.drainReason = reason;
      },
      onPeerStatus: (status) => this.statuses.push(status),
      onClose: (reason) => {
        this.closed = reason;
      },
    });
  }
}

/** All sessions a conduit ever had, in order. */
export class Sessions {
  readonly all: Recorder[] = [];
  readonly downs: CloseReason[] = [];

  constructor(
    conduit: Conduit,
    private readonly hold = false,
  ) {
    conduit.on('session', (session) => this.all.push(new Recorder(session, this.hold)));
    conduit.on('down', (_session, reason) => this.downs.push(reason));
  }

  get last(): Recorder {
    const last = this.all.at(-1);
    if (last === undefined) throw new Error('no session yet');
    return last;
  }

  /** The session that is up, waiting for one. */
  async up(): Promise<Recorder> {
    await until('a session', () => this.all.length > 0 && this.last.closed === undefined);
    return this.last;
  }
}

const WAIT_MS_MAX = 20_000;

/** For what must come, however long the machine takes. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await pause(5);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

interface Closable {
  close(options: { readonly drainMs: number }): unknown;
}

/** What a test opened, closed in the end whatever happened. */
export class Cleanup {
  private readonly things: Closable[] = [];

  add<T extends Closable>(thing: T): T {
    this.things.push(thing);
    return thing;
  }

  async run(): Promise<void> {
    for (const thing of this.things.reverse()) await thing.close({ drainMs: 0 });
  }
}
