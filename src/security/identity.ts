/**
 * Who a certificate says its holder is, and whether it may say so here.
 *
 * A site is the URI `cfs-repl://<cluster uuid>/site/<id>` among a certificate's subject alternative
 * names, and nothing else: neither the subject nor a host name counts. That the certificate is signed
 * by an authority of ours, and in time, TLS has checked before; the policy here is what TLS leaves open.
 */
import type { X509Certificate } from 'node:crypto';

import { UUID_PATTERN } from '../config';

export interface SiteIdentity {
  readonly clusterUuid: string;
  readonly site: number;
}

/** A certificate that does not identify a site, or that policy does not let. */
export class IdentityError extends Error {
  readonly code = 'CFS_IDENTITY';

  constructor(message: string) {
    super(message);
    this.name = 'IdentityError';
  }
}

export const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const RSA_BITS_MIN = 3072;
const CURVES = new Set(['prime256v1', 'secp384r1', 'secp521r1']);
const URI_SCHEME = 'cfs-repl:';

export function siteUri(identity: SiteIdentity): string {
  return `${URI_SCHEME}//${identity.clusterUuid}/site/${identity.site}`;
}

/**
 * The site of a peer's certificate.
 *
 * @throws IdentityError when it names no site, several, or breaks policy at the time `now`.
 */
export function siteIdentityOf(certificate: X509Certificate, now: Date): SiteIdentity {
  const identity = namedSite(certificate);
  const [problem] = certificateProblems(certificate, now);
  if (problem !== undefined)
    throw new IdentityError(`certificate of site ${identity.site} ${problem}`);
  return identity;
}

/**
 * The one site that a certificate names, whatever else is wrong with it.
 *
 * @throws IdentityError
 */
export function namedSite(certificate: X509Certificate): SiteIdentity {
  const uris = uriNames(certificate).filter((uri) => uri.startsWith(URI_SCHEME));
  const [uri] = uris;
  if (uri === undefined || uris.length !== 1) {
    throw new IdentityError(
      `certificate has ${uris.length} names of the form cfs-repl://<cluster uuid>/site/<id>: expected one`,
    );
  }
  const [, clusterUuid = '', id = ''] =
    /^cfs-repl:\/\/([^/]*)\/site\/([1-9]\d{0,4})$/.exec(uri) ?? [];
  const site = Number(id);
  if (!UUID_PATTERN.test(clusterUuid) || site < 1 || site > 65535) {
    throw new IdentityError(
      `certificate has the name ${JSON.stringify(uri)}: expected cfs-repl://<cluster uuid>/site/<1 to 65535>`,
    );
  }
  return { clusterUuid, site };
}

/** What policy has against a site's certificate at the time `now`; each completes "the certificate ...". */
export function certificateProblems(certificate: X509Certificate, now: Date): string[] {
  const problems = [...validityProblems(certificate, now), ...keyProblems(certificate)];
  if (certificate.ca) problems.push('is an authority: expected one that can sign nothing');
  const usages = extendedKeyUsages(certificate);
  for (const [usage, name] of [
    [SERVER_AUTH, 'server'],
    [CLIENT_AUTH, 'client'],
  ] as const) {
    if (!usages.includes(usage)) {
      problems.push(
        `may not authenticate a ${name}: expected both server and client among its uses`,
      );
    }
  }
  return problems;
}

/** What is wrong with the time at which a certificate, a site's or an authority's, is used. */
export function validityProblems(certificate: X509Certificate, now: Date): string[] {
  if (now < new Date(certificate.validFrom)) {
    return [
      `is not valid before ${isoOf(certificate.validFrom)}: the clock here says ${now.toISOString()}`,
    ];
  }
  if (now > new Date(certificate.validTo)) return [`expired at ${isoOf(certificate.validTo)}`];
  return [];
}

/** What is wrong with the kind or the strength of a certificate's key. */
export function keyProblems(certificate: X509Certificate): string[] {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  const strong =
    type === 'ed25519' ||
    (type === 'ec' && CURVES.has(details?.namedCurve ?? '')) ||
    (type === 'rsa' && (details?.modulusLength ?? 0) >= RSA_BITS_MIN);
  if (strong) return [];
  const expected = `ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of ${RSA_BITS_MIN} bits or more`;
  return [`has a key of type ${keyType(certificate)}: expected ${expected}`];
}

/** For people, such as "ECDSA prime256v1". */
export function keyType(certificate: X509Certificate): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = certificate.publicKey;
  if (type === 'ec') return `ECDSA ${details?.namedCurve ?? 'of unknown curve'}`;
  if (type === 'rsa') return `RSA ${details?.modulusLength ?? 0}`;
  return type ?? 'unknown';
}

/** OIDs; none if the certificate does not limit its use. */
export function extendedKeyUsages(certificate: X509Certificate): readonly string[] {
  // Node leaves it undefined then, which its declaration does not say.
  return Array.isArray(certificate.keyUsage) ? certificate.keyUsage : [];
}

function isoOf(openSslDate: string): string {
  return new Date(openSslDate).toISOString();
}

/**
 * The URIs among the alternative names. Node prints the names in one line, "URI:a, DNS:b", and quotes
 * as JSON a name that holds a comma, a quote or a control character, so that none can pose as two.
 */
function uriNames(certificate: X509Certificate): string[] {
  const names = certificate.subjectAltName ?? '';
  const uris: string[] = [];
  for (const [, kind, quoted, plain] of names.matchAll(
    /([\w ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/g,
  )) {
    if (kind !== 'URI') continue;
    uris.push(quoted === undefined ? (plain ?? '') : (JSON.parse(quoted) as string));
  }
  return uris;
}
