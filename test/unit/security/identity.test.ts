import assert from 'node:assert/strict';
import { generateKeyPairSync, webcrypto, X509Certificate } from 'node:crypto';
import { test } from 'node:test';

import { makeAuthority, makeSite } from '../../../src/security/certificate-maker';
import {
  certificateProblems,
  IdentityError,
  siteIdentityOf,
  siteUri,
} from '../../../src/security/identity';
// After certificate-maker, which brings the polyfill that this library wants.
import * as x509 from '@peculiar/x509';

const clusterUuid = '0b5aa1e4-6f0c-4d7a-9c53-2a1f64f5a0b7';
const now = new Date('2026-06-01T00:00:00Z');
const later = (days: number): Date => new Date(now.getTime() + days * 86_400_000);

async function siteCertificate(site: number, days = 10): Promise<X509Certificate> {
  const validity = { now, days };
  const authority = await makeAuthority(clusterUuid, validity);
  const made = await makeSite({ clusterUuid, site }, ['localhost'], authority, validity);
  return new X509Certificate(made.certificate);
}

interface Odd {
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly uses?: readonly string[];
  readonly authority?: boolean;
}

/** A certificate that differs from ours in what a test is about. */
async function oddCertificate(odd: Odd): Promise<X509Certificate> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const uses = odd.uses ?? [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth];
  const uris = odd.uris ?? [siteUri({ clusterUuid, site: 7 })];
  const names = [
    ...uris.map((value) => ({ type: 'url' as const, value })),
    ...(odd.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
  ];
  const extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(odd.authority ?? false)];
  if (names.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(names));
  if (uses.length > 0) extensions.push(new x509.ExtendedKeyUsageExtension([...uses]));
  const made = await x509.X509CertificateGenerator.createSelfSigned(
    { notBefore: now, notAfter: later(10), keys, signingAlgorithm: algorithm, extensions },
    webcrypto,
  );
  return new X509Certificate(made.toString('pem'));
}

test('a certificate that was made for a site identifies it', async () => {
  const certificate = await siteCertificate(65535);
  assert.deepEqual(siteIdentityOf(certificate, now), { clusterUuid, site: 65535 });
  assert.equal(
    certificate.subjectAltName,
    `URI:cfs-repl://${clusterUuid}/site/65535, DNS:localhost`,
  );
});

test('it does so from an hour before it was made until its last day', async () => {
  const certificate = await siteCertificate(1);
  assert.deepEqual(certificateProblems(certificate, new Date(now.getTime() - 3_600_000)), []);
  assert.deepEqual(certificateProblems(certificate, later(10)), []);
});

test('an expired certificate identifies nobody', async () => {
  const certificate = await siteCertificate(1);
  assert.throws(
    () => siteIdentityOf(certificate, later(11)),
    new IdentityError('certificate of site 1 expired at 2026-06-11T00:00:00.000Z'),
  );
});

test('nor does one that is not valid yet', async () => {
  const certificate = await siteCertificate(1);
  assert.throws(
    () => siteIdentityOf(certificate, later(-1)),
    /site 1 is not valid before 2026-05-31T23/,
  );
});

const wrongNames: readonly [what: string, odd: Odd, reason: RegExp][] = [
  ['no name at all', { uris: [] }, /has 0 names of the form cfs-repl:/],
  ['only a host name', { uris: [], dnsNames: ['oslo.example.net'] }, /has 0 names/],
  ['only a URI of another kind', { uris: ['https://example.net/site/1'] }, /has 0 names/],
  [
    'two sites',
    { uris: [siteUri({ clusterUuid, site: 1 }), siteUri({ clusterUuid, site: 2 })] },
    /has 2 names/,
  ],
  ['site 0', { uris: [`cfs-repl://${clusterUuid}/site/0`] }, /expected .*<1 to 65535>/],
  ['site 65536', { uris: [`cfs-repl://${clusterUuid}/site/65536`] }, /expected .*<1 to 65535>/],
  ['site 01', { uris: [`cfs-repl://${clusterUuid}/site/01`] }, /expected .*<1 to 65535>/],
  [
    'more after the site',
    { uris: [`cfs-repl://${clusterUuid}/site/1/x`] },
    /expected .*<1 to 65535>/,
  ],
  [
    'an upper-case cluster',
    { uris: [`cfs-repl://${clusterUuid.toUpperCase()}/site/1`] },
    /expected/,
  ],
  ['no cluster', { uris: ['cfs-repl:///site/1'] }, /expected/],
];

for (const [what, odd, reason] of wrongNames) {
  test(`a certificate with ${what} identifies nobody`, async () => {
    const certificate = await oddCertificate(odd);
    assert.throws(() => siteIdentityOf(certificate, now), reason);
  });
}

test('a host name that reads like two names cannot smuggle a site in', async () => {
  const forged = `a.example.net, URI:${siteUri({ clusterUuid, site: 1 })}`;
  const certificate = await oddCertificate({ uris: [], dnsNames: [forged] });
  assert.throws(() => siteIdentityOf(certificate, now), /has 0 names/);
});

const againstPolicy: readonly [what: string, odd: Odd, reason: RegExp][] = [
  [
    'for servers only',
    { uses: [x509.ExtendedKeyUsage.serverAuth] },
    /may not authenticate a client/,
  ],
  [
    'for clients only',
    { uses: [x509.ExtendedKeyUsage.clientAuth] },
    /may not authenticate a server/,
  ],
  ['for no stated use', { uses: [] }, /may not authenticate a server/],
  ['of an authority', { authority: true }, /is an authority/],
];

for (const [what, odd, reason] of againstPolicy) {
  test(`a certificate ${what} is refused`, async () => {
    const certificate = await oddCertificate(odd);
    assert.throws(() => siteIdentityOf(certificate, now), reason);
  });
}

test('a certificate with a short RSA key is refused', async () => {
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign']);
  const jwk = await webcrypto.subtle.exportKey('jwk', signingKey);
  const { n, e, kty } = jwk;
  const publicJwk = { n, e, kty } as webcrypto.JsonWebKey;
  const publicKey = await webcrypto.subtle.importKey('jwk', publicJwk, algorithm, true, ['verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned(
    { keys: { privateKey: signingKey, publicKey }, signingAlgorithm: algorithm, notBefore: now },
    webcrypto,
  );
  const problems = certificateProblems(new X509Certificate(made.toString('pem')), now);
  assert.match(problems[0] ?? '', /^has a key of type RSA 2048: expected ECDSA/);
});
