import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import tls from 'node:tls';

import { ConfigError, parseConfig, type Config } from '../../../src/config';
import { siteIdentityOf } from '../../../src/security/identity';
import { initTls, siteFiles, TlsInitError } from '../../../src/security/tls-init';
import { loadTlsMaterial } from '../../../src/security/tls-material';
import { tlsStatus, type TlsFiles } from '../../../src/security/tls-status';
import { scratchFolder } from '../config/fixtures';

const clusterUuid = '0b5aa1e4-6f0c-4d7a-9c53-2a1f64f5a0b7';
const otherCluster = '11111111-2222-4333-8444-555555555555';
const now = new Date();
const later = (days: number): Date => new Date(now.getTime() + days * 86_400_000);

async function folderWith(context: TestContext, ...ids: number[]): Promise<string> {
  const directory = join(scratchFolder(context), 'tls');
  await initTls({ directory, clusterUuid, sites: ids.map((id) => ({ id })), now });
  return directory;
}

function filesOf(directory: string, id: number): TlsFiles {
  const { certificate: cert, key } = siteFiles(directory, id);
  return { ca: [join(directory, 'ca.crt')], cert, key };
}

function configOf(directory: string, id: number, files = filesOf(directory, id)): Config {
  return parseConfig({
    cluster: { uuid: clusterUuid },
    site: { id, name: 'here' },
    dataDir: 'data',
    tls: { ca: [...files.ca], cert: files.cert, key: files.key },
  });
}

/** What is wrong with the files, as "key: message" with the folder's name taken out. */
function problemsOf(directory: string, config: Config, at = now): string[] {
  try {
    loadTlsMaterial(config, at);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.issues.map((i) => `${i.path}: ${i.message.replaceAll(`${directory}/`, '')}`);
  }
  return [];
}

test('tls init makes an authority and sites, keys for their owner only', async (context) => {
  const directory = join(scratchFolder(context), 'tls');
  const made = await initTls({
    directory,
    clusterUuid,
    sites: [{ id: 1, hosts: ['munich.example.net', '10.0.0.1'] }, { id: 2 }],
    now,
  });
  assert.equal(made.authority.made, true);
  assert.deepEqual(
    made.sites.map((site) => site.id),
    [1, 2],
  );
  for (const file of [made.authority.key, ...made.sites.map((site) => site.key)]) {
    assert.equal(statSync(file).mode & 0o777, 0o600, file);
  }
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  for (const id of [1, 2]) assert.deepEqual(problemsOf(directory, configOf(directory, id)), []);
});

test('two sites of one authority recognise each other over TLS 1.3', async (context) => {
  const directory = await folderWith(context, 1, 2);
  const options = (id: number): tls.TlsOptions & tls.ConnectionOptions => {
    const { certificate, key, authorities } = loadTlsMaterial(configOf(directory, id), now);
    return { cert: certificate, key, ca: [...authorities], minVersion: 'TLSv1.3' };
  };
  const server = tls.createServer({ ...options(1), requestCert: true });
  context.after(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = tls.connect({ ...options(2), host: '127.0.0.1', port });
  const [[accepted]] = (await Promise.all([
    once(server, 'secureConnection'),
    once(client, 'secureConnect'),
  ])) as [[tls.TLSSocket], unknown];
  const [atServer, atClient] = [accepted.getPeerX509Certificate(), client.getPeerX509Certificate()];
  client.destroy();
  assert.ok(atServer !== undefined && atClient !== undefined);
  assert.deepEqual(siteIdentityOf(atServer, now), { clusterUuid, site: 2 });
  assert.deepEqual(siteIdentityOf(atClient, now), { clusterUuid, site: 1 });
});

test('without a cluster a new one is minted', async (context) => {
  const directory = scratchFolder(context);
  const made = await initTls({ directory, sites: [{ id: 1 }], now });
  assert.match(made.clusterUuid, /^[0-9a-f-]{36}$/);
});

test('a site is added to an authority that is there, and its cluster is taken', async (context) => {
  const directory = await folderWith(context, 1);
  const authority = readFileSync(join(directory, 'ca.crt'), 'utf8');
  const made = await initTls({ directory, sites: [{ id: 3 }], now });
  assert.equal(made.authority.made, false);
  assert.equal(made.clusterUuid, clusterUuid);
  assert.equal(readFileSync(join(directory, 'ca.crt'), 'utf8'), authority);
  assert.deepEqual(problemsOf(directory, configOf(directory, 3)), []);
});

test('an authority of another cluster is not used', async (context) => {
  const directory = await folderWith(context, 1);
  await assert.rejects(
    initTls({ directory, clusterUuid: otherCluster, sites: [{ id: 2 }], now }),
    /ca\.crt: is the authority of cluster 0b5aa1e4-.*: expected 11111111-/,
  );
});

test('what is there is not overwritten, and nothing is half done', async (context) => {
  const directory = await folderWith(context, 2);
  const before = readFileSync(join(directory, 'site-2.key'), 'utf8');
  const again = initTls({ directory, sites: [{ id: 1 }, { id: 2 }], now });
  await assert.rejects(
    again,
    /site-2\.crt, .*site-2\.key: there already: expected none, or --force/,
  );
  assert.throws(() => statSync(join(directory, 'site-1.key')), /ENOENT/);
  await initTls({ directory, sites: [{ id: 2 }], now, force: true });
  assert.notEqual(readFileSync(join(directory, 'site-2.key'), 'utf8'), before);
  assert.deepEqual(problemsOf(directory, configOf(directory, 2)), []);
});

const wrongArguments = [
  [{ sites: [{ id: 0 }] }, /^site 0: expected a whole number from 1 to 65535$/],
  [{ sites: [{ id: 1 }, { id: 1 }] }, /^site 1 is given twice/],
  [{ sites: [{ id: 1, hosts: ['a b'] }] }, /^host "a b" of site 1: expected a host name/],
  [{ sites: [{ id: 1 }], clusterUuid: 'x' }, /^cluster "x": expected a UUID in lower case$/],
  [{ sites: [{ id: 1 }], validityDays: 0 }, /^validity of 0 days: expected a whole number from 1/],
] as const;

for (const [wrong, reason] of wrongArguments) {
  test(`tls init refuses ${JSON.stringify(wrong)}`, async (context) => {
    const directory = join(scratchFolder(context), 'tls');
    await assert.rejects(initTls({ directory, now, ...wrong }), (error) => {
      assert.ok(error instanceof TlsInitError);
      assert.match(error.message, reason);
      return true;
    });
    assert.throws(() => statSync(directory), /ENOENT/);
  });
}

for (const mode of [0o640, 0o604, 0o660, 0o644]) {
  test(`a key of mode 0${mode.toString(8)} is refused`, async (context) => {
    const directory = await folderWith(context, 1);
    chmodSync(join(directory, 'site-1.key'), mode);
    assert.deepEqual(problemsOf(directory, configOf(directory, 1)), [
      `tls.key: site-1.key: has mode 0${mode.toString(8)}, so others than its owner can get at it: ` +
        'expected 0600 (chmod 600)',
    ]);
  });
}

test('the certificate of another site is refused', async (context) => {
  const directory = await folderWith(context, 1, 2);
  const config = configOf(directory, 1, filesOf(directory, 2));
  assert.deepEqual(problemsOf(directory, config), [
    'tls.cert: site-2.crt: is of site 2: expected site.id, 1',
  ]);
});

test('the certificate of another cluster is refused', async (context) => {
  const directory = await folderWith(context, 1);
  const config = { ...configOf(directory, 1), cluster: { uuid: otherCluster, name: 'other' } };
  assert.deepEqual(problemsOf(directory, config), [
    `tls.cert: site-1.crt: is of cluster ${clusterUuid}: expected cluster.uuid, ${otherCluster}`,
  ]);
});

test('an expired certificate is refused', async (context) => {
  const directory = await folderWith(context, 1);
  const [problem] = problemsOf(directory, configOf(directory, 1), later(826));
  assert.match(problem ?? '', /^tls\.cert: site-1\.crt: expired at /);
});

test('a certificate that another authority signed is refused', async (context) => {
  const directory = await folderWith(context, 1);
  const other = await folderWith(context, 1);
  copyFileSync(join(other, 'ca.crt'), join(directory, 'ca.crt'));
  assert.deepEqual(problemsOf(directory, configOf(directory, 1)), [
    'tls.cert: site-1.crt: is signed by none of the certificates of tls.ca',
  ]);
});

test('several authorities may be trusted at once, for a rotation', async (context) => {
  const directory = await folderWith(context, 1);
  const other = await folderWith(context, 1);
  const files = filesOf(directory, 1);
  const config = configOf(directory, 1, { ...files, ca: [join(other, 'ca.crt'), ...files.ca] });
  assert.equal(loadTlsMaterial(config, now).authorities.length, 2);
});

test('a self-signed certificate is refused', async (context) => {
  const directory = await folderWith(context, 1);
  const config = configOf(directory, 1, {
    ...filesOf(directory, 1),
    cert: join(directory, 'ca.crt'),
  });
  const problems = problemsOf(directory, config).join('\n');
  assert.match(problems, /tls\.cert: ca\.crt: is an authority/);
  assert.match(problems, /tls\.cert: ca\.crt: certificate has 0 names/);
  assert.match(problems, /tls\.key: site-1\.key: is not the key of ca\.crt/);
});

test('files that are missing or no certificates are all listed', async (context) => {
  const directory = await folderWith(context, 1);
  rmSync(join(directory, 'ca.crt'));
  writeFileSync(join(directory, 'site-1.crt'), 'nothing');
  writeFileSync(join(directory, 'site-1.key'), 'nothing');
  assert.deepEqual(problemsOf(directory, configOf(directory, 1)), [
    'tls.ca[0]: ca.crt: does not exist: expected a certificate in PEM',
    'tls.cert: site-1.crt: has no certificate: expected one in PEM',
    'tls.key: site-1.key: cannot be decoded: expected a private key in PEM',
  ]);
});

test('a site certificate is no authority', async (context) => {
  const directory = await folderWith(context, 1);
  const files = filesOf(directory, 1);
  const config = configOf(directory, 1, { ...files, ca: [files.cert] });
  assert.match(
    problemsOf(directory, config)[0] ?? '',
    /^tls\.ca\[0\]: site-1\.crt: is no authority/,
  );
});

test('tls status tells what there is and how long it lasts', async (context) => {
  const directory = await folderWith(context, 1);
  const { certificates, unreadable } = tlsStatus(filesOf(directory, 1), now, 30);
  assert.deepEqual(unreadable, []);
  const [authority, site] = certificates;
  assert.equal(authority?.role, 'authority');
  assert.equal(authority.daysLeft, 3649);
  assert.equal(site?.role, 'site');
  assert.equal(site.site, 1);
  assert.equal(site.clusterUuid, clusterUuid);
  assert.equal(site.subject, `CN=site 1, O=${clusterUuid}`);
  assert.equal(site.daysLeft, 824);
  assert.equal(site.keyType, 'ECDSA prime256v1');
  assert.deepEqual(site.uses, ['server', 'client']);
  assert.deepEqual(site.problems, []);
});

test('tls status warns before a certificate expires, and after', async (context) => {
  const directory = await folderWith(context, 1);
  const siteAt = (at: Date): readonly string[] | undefined =>
    tlsStatus(filesOf(directory, 1), at, 30).certificates[1]?.problems;
  assert.deepEqual(siteAt(later(790)), []);
  assert.deepEqual(siteAt(later(815)), ['expires in 9 days: expected 30 or more']);
  assert.match(siteAt(later(830))?.[0] ?? '', /^expired at /);
});

test('tls status reports files that cannot be used', async (context) => {
  const directory = await folderWith(context, 1);
  chmodSync(join(directory, 'site-1.key'), 0o644);
  rmSync(join(directory, 'ca.crt'));
  const { certificates, unreadable } = tlsStatus(filesOf(directory, 1), now, 30);
  assert.equal(certificates.length, 1);
  assert.deepEqual(
    unreadable.map(
      ({ file, reason }) => `${file.replace(`${directory}/`, '')} ${reason.slice(0, 14)}`,
    ),
    ['ca.crt does not exist', 'site-1.key has mode 0644,'],
  );
});
