/** What a node shows its peers and trusts in them, checked before the first connection. */
import type { X509Certificate } from 'node:crypto';

import { ConfigError, type Config, type ConfigIssue } from '../config';
import { CertificateFileError, readCertificates, readPrivateKey } from './certificate-files';
import { certificateProblems, IdentityError, namedSite, validityProblems } from './identity';

/** PEM texts, as node:tls takes them. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  readonly authorities: readonly string[];
}

type NodeIdentity = Pick<Config, 'cluster' | 'site' | 'tls'>;

/**
 * Reads the certificates and the key that `config` names.
 *
 * @throws ConfigError that lists everything wrong with them: files that are missing, a key that others
 * can read or that is not the certificate's, a certificate of another site or cluster, out of its
 * time, or signed by none of the authorities.
 */
export function loadTlsMaterial(config: NodeIdentity, now: Date): TlsMaterial {
  const issues: ConfigIssue[] = [];
  const read = <T>(path: string, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof CertificateFileError)) throw error;
      issues.push({ path, message: error.message });
      return undefined;
    }
  };
  const { ca, cert, key } = config.tls;
  const authorities = ca.map((file, index) => {
    const path = `tls.ca[${index}]`;
    const found = read(path, () => readCertificates(file)) ?? [];
    issues.push(...authorityIssues(found, file, path, now));
    return found;
  });
  const chain = read('tls.cert', () => readCertificates(cert));
  const privateKey = read('tls.key', () => readPrivateKey(key));
  if (chain !== undefined) {
    const complaints = siteProblems(chain, authorities.flat(), config, now);
    issues.push(
      ...complaints.map((problem) => ({ path: 'tls.cert', message: `${cert}: ${problem}` })),
    );
    if (privateKey !== undefined && !chain[0].checkPrivateKey(privateKey.key)) {
      issues.push({
        path: 'tls.key',
        message: `${key}: is not the key of ${cert}: expected its pair`,
      });
    }
  }
  if (issues.length > 0 || chain === undefined || privateKey === undefined) {
    throw new ConfigError(issues);
  }
  return {
    certificate: chain.map(String).join(''),
    key: privateKey.pem,
    authorities: authorities.flat().map(String),
  };
}

function authorityIssues(
  certificates: readonly X509Certificate[],
  file: string,
  path: string,
  now: Date,
): ConfigIssue[] {
  return certificates.flatMap((certificate) => {
    const problems = validityProblems(certificate, now);
    if (!certificate.ca)
      problems.push('is no authority: expected a certificate that may sign others');
    return problems.map((problem) => ({ path, message: `${file}: ${problem}` }));
  });
}

function siteProblems(
  chain: readonly [X509Certificate, ...X509Certificate[]],
  authorities: readonly X509Certificate[],
  config: NodeIdentity,
  now: Date,
): string[] {
  const [certificate] = chain;
  const problems = certificateProblems(certificate, now);
  try {
    const { clusterUuid, site } = namedSite(certificate);
    if (clusterUuid !== config.cluster.uuid) {
      problems.push(`is of cluster ${clusterUuid}: expected cluster.uuid, ${config.cluster.uuid}`);
    }
    if (site !== config.site.id) {
      problems.push(`is of site ${site}: expected site.id, ${config.site.id}`);
    }
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    problems.push(error.message);
  }
  if (authorities.length > 0 && !chain.some((link) => isSignedByAny(link, authorities))) {
    problems.push('is signed by none of the certificates of tls.ca');
  }
  return problems;
}

function isSignedByAny(
  certificate: X509Certificate,
  authorities: readonly X509Certificate[],
): boolean {
  return authorities.some(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  );
}
