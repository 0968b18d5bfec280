/** Who a certificate says the peer is, and whether that is who we want. */
import type { X509Certificate } from 'node:crypto';

import type { TLSSocket } from 'node:tls';

import { ConduitError, type RefusalCode } from './errors';
import type { RemoteIdentity } from './link';
import type { ClusterId } from './types';

/** What the URI `cfs-repl://<cluster uuid>/site/<id>` of a certificate says. */
export interface SiteIdentity {
  readonly clusterUuid: string;
  readonly site: number;
}

/** Throws if the certificate does not name exactly one site, or breaks policy. */
export type IdentityOf = (certificate: X509Certificate) => SiteIdentity;

/** Throws ConduitError "invalid_argument" unless `uuid` is 32 hexadecimal digits in the usual groups. */
export function clusterIdOf(uuid: string): ClusterId {
  if (!/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(uuid)) {
    throw new ConduitError('invalid_argument', `cluster UUID "${uuid}", expected 8-4-4-4-12 hex`);
  }
  const digits = uuid.replaceAll('-', '');
  return { hi: BigInt(`0x${digits.slice(0, 16)}`), lo: BigInt(`0x${digits.slice(16)}`) };
}

/** Who is at the other end of a finished TLS handshake. Throws ConduitError "bad_certificate". */
export function identify(
  socket: TLSSocket,
  address: string,
  identityOf: IdentityOf,
): RemoteIdentity {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new ConduitError('bad_certificate', `${address}: no certificate`);
  }
  try {
    return { ...identityOf(certificate), address };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ConduitError('bad_certificate', `${address}: ${message}`);
  }
}

export interface IdentityObjection {
  readonly code: RefusalCode;
  readonly message: string;
}

/**
 * `expected` is the site that was dialled, or all configured peers of an acceptor. undefined if all is well.
 */
export function checkIdentity(
  identity: SiteIdentity,
  clusterUuid: string,
  expected: number | ReadonlySet<number>,
): IdentityObjection | undefined {
  if (identity.clusterUuid.toLowerCase() !== clusterUuid.toLowerCase()) {
    return {
      code: 'wrong_cluster',
      message: `certificate of cluster ${identity.clusterUuid}, expected ${clusterUuid}`,
    };
  }
  if (typeof expected === 'number') {
    if (identity.site === expected) return undefined;
    return {
      code: 'wrong_site',
      message: `certificate of site ${identity.site}, expected site ${expected}`,
    };
  }
  if (expected.has(identity.site)) return undefined;
  return {
    code: 'unknown_site',
    message: `certificate of site ${identity.site}, which is not a configured peer`,
  };
}
