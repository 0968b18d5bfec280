/** Making keys and certificates. Everything that touches the X.509 library is here. */
// The library's dependency injection wants this polyfill; so this file is loaded only by what makes
// certificates, never by a running node.
import 'reflect-metadata';

import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

import * as x509 from '@peculiar/x509';

import { siteUri, type SiteIdentity } from './identity';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const MS_PER_DAY = 86_400_000;
// Sites whose clocks lag a little must be able to use a certificate made just now.
const BACKDATED_MS = 3_600_000;
const SERIAL_BYTES = 16;

/** PEM texts. */
export interface KeyAndCertificate {
  readonly key: string;
  readonly certificate: string;
}

export interface Validity {
  readonly now: Date;
  readonly days: number;
}

/** A certificate authority of one cluster, which can sign sites and no further authorities. */
export async function makeAuthority(
  clusterUuid: string,
  validity: Validity,
): Promise<KeyAndCertificate> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      ...common(validity),
      name: authorityName(clusterUuid),
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { key: await exportKey(keys.privateKey), certificate: pem(certificate) };
}

/** The cluster that an authority of `makeAuthority` is for; undefined for another's. */
export function clusterOfAuthority(certificatePem: string): string | undefined {
  const certificate = new x509.X509Certificate(certificatePem);
  return certificate.subjectName.getField('O')[0];
}

/**
 * A site's certificate, signed by `authority`, good as server and as client. `hosts` are names and
 * addresses for tools that check them; peers go by the site alone.
 */
export async function makeSite(
  identity: SiteIdentity,
  hosts: readonly string[],
  authority: KeyAndCertificate,
  validity: Validity,
): Promise<KeyAndCertificate> {
  const keys = await generateKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const names = hosts.map((host) => new x509.GeneralName(isIP(host) === 0 ? 'dns' : 'ip', host));
  const uri = new x509.GeneralName('url', siteUri(identity));
  const certificate = await x509.X509CertificateGenerator.create(
    {
      ...common(validity),
      subject: [{ CN: [`site ${identity.site}`] }, { O: [identity.clusterUuid] }],
      issuer: issuer.subjectName,
      publicKey: keys.publicKey,
      signingKey: await importKey(authority.key),
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([
          x509.ExtendedKeyUsage.serverAuth,
          x509.ExtendedKeyUsage.clientAuth,
        ]),
        new x509.SubjectAlternativeNameExtension([uri, ...names].map((name) => name.toJSON())),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey, false, webcrypto),
      ],
    },
    webcrypto,
  );
  return { key: await exportKey(keys.privateKey), certificate: pem(certificate) };
}

function common({ now, days }: Validity): x509.X509CertificateCreateParamsBase {
  const serial = randomBytes(SERIAL_BYTES);
  serial.writeUInt8(serial.readUInt8(0) & 0x7f, 0); // serial numbers are positive
  return {
    serialNumber: serial.toString('hex'),
    notBefore: new Date(now.getTime() - BACKDATED_MS),
    notAfter: new Date(now.getTime() + days * MS_PER_DAY),
    signingAlgorithm: ALGORITHM,
  };
}

function authorityName(clusterUuid: string): x509.JsonName {
  return [{ CN: ['cfs-repl authority'] }, { O: [clusterUuid] }];
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  const object = createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
  return object.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function importKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(keyPem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign']);
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}
