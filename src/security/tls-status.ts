/** What certificates there are, how long they last, and what is wrong with them. */
import type { X509Certificate } from 'node:crypto';

import { CertificateFileError, readCertificates, readPrivateKey } from './certificate-files';
import {
  certificateProblems,
  CLIENT_AUTH,
  extendedKeyUsages,
  IdentityError,
  keyProblems,
  keyType,
  namedSite,
  SERVER_AUTH,
  validityProblems,
} from './identity';

const MS_PER_DAY = 86_400_000;
const USAGE_NAMES: Readonly<Record<string, string>> = {
  [SERVER_AUTH]: 'server',
  [CLIENT_AUTH]: 'client',
};

export interface CertificateStatus {
  readonly file: string;
  readonly role: 'authority' | 'site';
  readonly subject: string;
  /** Of a site's certificate that names one. */
  readonly site?: number;
  readonly clusterUuid?: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  /** Whole days; negative once it has expired. */
  readonly daysLeft: number;
  readonly keyType: string;
  /** "server", "client", or the OID of another. */
  readonly uses: readonly string[];
  readonly sha256: string;
  /** Empty if all is well. Each is a sentence without its subject, "expired at ...". */
  readonly problems: readonly string[];
}

export interface TlsStatus {
  readonly certificates: readonly CertificateStatus[];
  /** Files that cannot be used at all, with the reason. */
  readonly unreadable: readonly { readonly file: string; readonly reason: string }[];
}

export interface TlsFiles {
  readonly ca: readonly string[];
  readonly cert: string;
  readonly key: string;
}

/** Looks at all of a node's files. Never throws for what is in them: that is what it reports. */
export function tlsStatus(files: TlsFiles, now: Date, warnDays: number): TlsStatus {
  const certificates: CertificateStatus[] = [];
  const unreadable: { file: string; reason: string }[] = [];
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof CertificateFileError)) throw error;
      unreadable.push({ file: error.file, reason: error.reason });
    }
  };
  for (const file of files.ca) {
    attempt(() => {
      for (const found of readCertificates(file)) {
        certificates.push(authorityStatus(file, found, now, warnDays));
      }
    });
  }
  attempt(() => {
    const [own] = readCertificates(files.cert);
    certificates.push(siteStatus(files.cert, own, now, warnDays));
    attempt(() => {
      if (own.checkPrivateKey(readPrivateKey(files.key).key)) return;
      throw new CertificateFileError(
        files.key,
        `is not the key of ${files.cert}: expected its pair`,
      );
    });
  });
  return { certificates, unreadable };
}

function authorityStatus(
  file: string,
  certificate: X509Certificate,
  now: Date,
  warnDays: number,
): CertificateStatus {
  const problems = [...validityProblems(certificate, now), ...keyProblems(certificate)];
  if (!certificate.ca) problems.push('is no authority: expected one that may sign others');
  return common(file, 'authority', certificate, now, warnDays, problems);
}

function siteStatus(
  file: string,
  certificate: X509Certificate,
  now: Date,
  warnDays: number,
): CertificateStatus {
  const problems = certificateProblems(certificate, now);
  try {
    const identity = namedSite(certificate);
    return { ...common(file, 'site', certificate, now, warnDays, problems), ...identity };
  } catch (error) {
    if (!(error instanceof IdentityError)) throw error;
    problems.push(error.message);
    return common(file, 'site', certificate, now, warnDays, problems);
  }
}

function common(
  file: string,
  role: CertificateStatus['role'],
  certificate: X509Certificate,
  now: Date,
  warnDays: number,
  problems: readonly string[],
): CertificateStatus {
  const validTo = new Date(certificate.validTo);
  const daysLeft = Math.floor((validTo.getTime() - now.getTime()) / MS_PER_DAY);
  const soon = daysLeft >= 0 && daysLeft < warnDays;
  return {
    file,
    role,
    subject: certificate.subject.replaceAll('\n', ', '),
    validFrom: new Date(certificate.validFrom),
    validTo,
    daysLeft,
    keyType: keyType(certificate),
    uses: extendedKeyUsages(certificate).map((oid) => USAGE_NAMES[oid] ?? oid),
    sha256: certificate.fingerprint256,
    problems: soon
      ? [...problems, `expires in ${daysLeft} days: expected ${warnDays} or more`]
      : problems,
  };
}
