/** Reading certificates and keys from disk, with errors that say which file, what, and what was expected. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';

const FILE_BYTES_MAX = 256 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Something is wrong with a certificate or a key file; the message names the file. */
export class CertificateFileError extends Error {
  readonly code = 'CFS_CERTIFICATE_FILE';

  constructor(
    readonly file: string,
    readonly reason: string,
  ) {
    super(`${file}: ${reason}`);
    this.name = 'CertificateFileError';
  }
}

/** All certificates of a PEM file, at least one; the first is the holder's, the others its chain. */
export function readCertificates(file: string): [X509Certificate, ...X509Certificate[]] {
  const { text } = readSmall(file, 'a certificate');
  const blocks = text.match(PEM_CERTIFICATE) ?? [];
  let certificates: X509Certificate[];
  try {
    certificates = blocks.map((block) => new X509Certificate(block));
  } catch {
    throw new CertificateFileError(file, 'cannot be decoded: expected X.509 certificates in PEM');
  }
  const [first, ...rest] = certificates;
  if (first === undefined) {
    throw new CertificateFileError(file, 'has no certificate: expected one in PEM');
  }
  return [first, ...rest];
}

/** A private key and the text it came from. Refused when others than its owner can read the file. */
export function readPrivateKey(file: string): { readonly pem: string; readonly key: KeyObject } {
  const { text, mode } = readSmall(file, 'a private key');
  if ((mode & 0o077) !== 0) {
    const found = `0${(mode & 0o7777).toString(8)}`;
    throw new CertificateFileError(
      file,
      `has mode ${found}, so others than its owner can get at it: expected 0600 (chmod 600)`,
    );
  }
  try {
    return { pem: text, key: createPrivateKey(text) };
  } catch {
    throw new CertificateFileError(file, 'cannot be decoded: expected a private key in PEM');
  }
}

function readSmall(file: string, what: string): { text: string; mode: number } {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code ?? 'unknown'})`;
    throw new CertificateFileError(file, `${reason}: expected ${what} in PEM`);
  }
  try {
    // The mode of what is read, not of what the name may point to a moment later.
    const { mode, size } = fstatSync(descriptor);
    if ((mode & 0o170000) !== 0o100000) {
      throw new CertificateFileError(file, `is not a file: expected ${what} in PEM`);
    }
    if (size > FILE_BYTES_MAX) {
      throw new CertificateFileError(file, `has ${size} bytes: expected at most ${FILE_BYTES_MAX}`);
    }
    return { text: readFileSync(descriptor, 'utf8'), mode };
  } finally {
    closeSync(descriptor);
  }
}
