/** The channel: TLS 1.3, certificates on both sides, nothing resumed. Same settings for both ends. */
import { constants } from 'node:crypto';
import tls from 'node:tls';

import type { Environment } from './environment';
import { ConduitError, type LocalCode } from './errors';
import type { Endpoint } from './endpoints';
import { ALPN } from './protocol';

/** PEM. */
export interface TlsMaterial {
  readonly certificate: string | Buffer;
  readonly key: string | Buffer;
  /** All authorities to trust: several during a rotation. */
  readonly authorities: readonly (string | Buffer)[];
}

function commonOptions(
  material: TlsMaterial,
): tls.SecureContextOptions & tls.CommonConnectionOptions {
  return {
    cert: material.certificate,
    key: material.key,
    ca: [...material.authorities],
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ALPNProtocols: [ALPN],
    rejectUnauthorized: true,
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}

/** Options of tls.createServer. */
export function serverTlsOptions(
  material: TlsMaterial,
  handshakeTimeoutMs: number,
): tls.TlsOptions {
  return {
    ...commonOptions(material),
    requestCert: true,
    handshakeTimeout: handshakeTimeoutMs,
  };
}

export interface Dial {
  /** The channel, authenticated as far as the authorities go. Rejects with ConduitError. */
  readonly socket: Promise<tls.TLSSocket>;
  cancel(): void;
}

export function dialTls(
  endpoint: Endpoint,
  material: TlsMaterial,
  timeoutMs: number,
  environment: Environment,
): Dial {
  const socket = tls.connect({
    ...commonOptions(material),
    host: endpoint.host,
    port: endpoint.port,
    // A site is who its certificate's URI says, checked by the caller; host names mean nothing.
    checkServerIdentity: () => undefined,
  });
  const where = `${endpoint.host}:${endpoint.port}`;
  const dialled = new Promise<tls.TLSSocket>((resolve, reject) => {
    const timer = environment.setTimer(timeoutMs, () => {
      socket.destroy(new ConduitError('unreachable', `${where}: no TLS within ${timeoutMs} ms`));
    });
    const onClose = (): void => {
      timer.cancel();
      reject(new ConduitError('unreachable', `${where}: the dial was given up`));
    };
    socket.once('error', (error: Error) => {
      timer.cancel();
      reject(asConduitError(error, where));
    });
    socket.once('close', onClose);
    socket.once('secureConnect', () => {
      timer.cancel();
      socket.off('close', onClose);
      const objection = channelObjection(socket);
      if (objection === undefined) {
        resolve(socket);
      } else {
        socket.destroy();
        reject(new ConduitError('tls', `${where}: ${objection}`));
      }
    });
  });
  return { socket: dialled, cancel: () => socket.destroy() };
}

/** What is wrong with a finished TLS handshake, beyond what TLS itself refuses. */
export function channelObjection(socket: tls.TLSSocket): string | undefined {
  if (!socket.authorized) return 'the certificate was not verified';
  if (socket.isSessionReused()) return 'a resumed session, expected a full handshake';
  if (socket.alpnProtocol !== ALPN) {
    return `application protocol ${JSON.stringify(socket.alpnProtocol)}, expected "${ALPN}"`;
  }
  return undefined;
}

const CODES: Readonly<Record<string, LocalCode>> = {
  ECONNREFUSED: 'unreachable',
  ECONNRESET: 'link_lost',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  ETIMEDOUT: 'unreachable',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'no_certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'no_certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self_signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'self_signed',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'expired',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  CERT_SIGNATURE_FAILURE: 'untrusted',
  CERT_REVOKED: 'untrusted',
  CERT_UNTRUSTED: 'untrusted',
  INVALID_PURPOSE: 'untrusted',
};

/** The stable reason for a failure of Node's TLS or of the network below. */
export function tlsFailureCode(systemCode: string | undefined): LocalCode {
  return (systemCode === undefined ? undefined : CODES[systemCode]) ?? 'tls';
}

function asConduitError(error: Error, where: string): ConduitError {
  if (error instanceof ConduitError) return error;
  const { code } = error as NodeJS.ErrnoException;
  return new ConduitError(tlsFailureCode(code), `${where}: ${error.message || (code ?? 'failed')}`);
}
