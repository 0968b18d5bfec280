/** `cfs admin tls init`: an authority and site certificates for a first cluster, or one site more. */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

import { UUID_PATTERN } from '../config';
import { readCertificates, readPrivateKey } from './certificate-files';
import {
  clusterOfAuthority,
  makeAuthority,
  makeSite,
  type KeyAndCertificate,
} from './certificate-maker';

const ALWAYS_HOSTS = ['localhost', '127.0.0.1', '::1'];
const SITES_MAX = 65535;
const DAYS_MAX = 36500;
const HOST = /^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$/;

export interface TlsInitSite {
  readonly id: number;
  /** Names and addresses beside localhost, 127.0.0.1 and ::1. */
  readonly hosts?: readonly string[];
}

export interface TlsInitOptions {
  /** Made when missing, for its owner only. */
  readonly directory: string;
  /** When absent, that of the authority in `directory`, or else a new one. */
  readonly clusterUuid?: string;
  readonly sites: readonly TlsInitSite[];
  readonly now: Date;
  /** Of the sites' certificates; 825 when absent. */
  readonly validityDays?: number;
  /** Of the authority's, when one is made; 3650 when absent. */
  readonly authorityValidityDays?: number;
  /** Replaces sites' keys and certificates that are there. An authority is never replaced. */
  readonly force?: boolean;
}

export interface TlsInitResult {
  readonly clusterUuid: string;
  readonly authority: {
    readonly certificate: string;
    readonly key: string;
    readonly made: boolean;
  };
  readonly sites: readonly {
    readonly id: number;
    readonly certificate: string;
    readonly key: string;
  }[];
}

/** What was asked for cannot be done; nothing was written. */
export class TlsInitError extends Error {
  readonly code = 'CFS_TLS_INIT';

  constructor(message: string) {
    super(message);
    this.name = 'TlsInitError';
  }
}

/** Where `initTls` puts the files of one site. */
export function siteFiles(directory: string, id: number): { certificate: string; key: string } {
  return {
    certificate: join(directory, `site-${id}.crt`),
    key: join(directory, `site-${id}.key`),
  };
}

/** Where `initTls` puts the authority. */
export function authorityFiles(directory: string): { certificate: string; key: string } {
  return { certificate: join(directory, 'ca.crt'), key: join(directory, 'ca.key') };
}

/**
 * Makes keys and certificates. Takes the authority of `directory` if there is one, or else makes it.
 *
 * @throws TlsInitError for an argument out of range, files that are there already, an authority of
 * another cluster; CertificateFileError for an authority that cannot be read.
 */
export async function initTls(options: TlsInitOptions): Promise<TlsInitResult> {
  checkArguments(options);
  const { directory, sites, now, validityDays = 825 } = options;
  refuseToOverwrite(options);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const files = authorityFiles(directory);
  const { authority, clusterUuid, made } = await authorityOf(options);
  if (made) write(files, authority);
  const written = [];
  for (const { id, hosts = [] } of sites) {
    const names = [...new Set([...ALWAYS_HOSTS, ...hosts])];
    const validity = { now, days: validityDays };
    const site = await makeSite({ clusterUuid, site: id }, names, authority, validity);
    write(siteFiles(directory, id), site);
    written.push({ id, ...siteFiles(directory, id) });
  }
  return { clusterUuid, authority: { ...files, made }, sites: written };
}

function checkArguments(options: TlsInitOptions): void {
  const { clusterUuid, sites, validityDays = 1, authorityValidityDays = 1 } = options;
  if (clusterUuid !== undefined && !UUID_PATTERN.test(clusterUuid)) {
    throw new TlsInitError(`cluster "${clusterUuid}": expected a UUID in lower case`);
  }
  const seen = new Set<number>();
  for (const { id, hosts = [] } of sites) {
    if (!Number.isInteger(id) || id < 1 || id > SITES_MAX) {
      throw new TlsInitError(`site ${id}: expected a whole number from 1 to ${SITES_MAX}`);
    }
    if (seen.has(id)) throw new TlsInitError(`site ${id} is given twice: expected it once`);
    seen.add(id);
    const wrong = hosts.find((host) => !HOST.test(host));
    if (wrong !== undefined) {
      throw new TlsInitError(`host "${wrong}" of site ${id}: expected a host name or an address`);
    }
  }
  for (const days of [validityDays, authorityValidityDays]) {
    if (Number.isInteger(days) && days >= 1 && days <= DAYS_MAX) continue;
    throw new TlsInitError(
      `validity of ${days} days: expected a whole number from 1 to ${DAYS_MAX}`,
    );
  }
}

function refuseToOverwrite({ directory, sites, force = false }: TlsInitOptions): void {
  if (force) return;
  const files = sites.flatMap(({ id }) => Object.values(siteFiles(directory, id)));
  const present = files.filter((file) => existsSync(file));
  if (present.length === 0) return;
  throw new TlsInitError(
    `${present.join(', ')}: there already: expected none, or --force, which replaces keys and certificates`,
  );
}

async function authorityOf(
  options: TlsInitOptions,
): Promise<{ authority: KeyAndCertificate; clusterUuid: string; made: boolean }> {
  const { directory, clusterUuid, now, authorityValidityDays = 3650 } = options;
  const files = authorityFiles(directory);
  if (existsSync(files.certificate) || existsSync(files.key)) {
    const certificate = readCertificates(files.certificate)[0].toString();
    const key = readPrivateKey(files.key).pem;
    const cluster = clusterOfAuthority(certificate);
    if (cluster === undefined || (clusterUuid !== undefined && cluster !== clusterUuid)) {
      throw new TlsInitError(
        `${files.certificate}: is the authority of cluster ${cluster ?? 'none'}: ` +
          `expected ${clusterUuid ?? 'one made by tls init'}`,
      );
    }
    return { authority: { certificate, key }, clusterUuid: cluster, made: false };
  }
  const cluster = clusterUuid ?? randomUUID();
  const validity = { now, days: authorityValidityDays };
  const authority = await makeAuthority(cluster, validity);
  return { authority, clusterUuid: cluster, made: true };
}

/** The key first: a certificate without its key is the worse half to be left with. */
function write(files: { certificate: string; key: string }, made: KeyAndCertificate): void {
  writeWhole(files.key, made.key, 0o600);
  writeWhole(files.certificate, made.certificate, 0o644);
}

function writeWhole(file: string, text: string, mode: number): void {
  const partial = `${file}.partial`;
  rmSync(partial, { force: true });
  const descriptor = openSync(partial, 'wx', mode);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(partial, file);
}
