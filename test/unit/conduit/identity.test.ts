/** Who gets in, and what those who do not are told. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { TLSSocket } from 'node:tls';

import type { Conduit } from '../../../src/conduit/conduit';
import type { TlsMaterial } from '../../../src/conduit/tls';
import { makeAuthority } from '../../../src/security/certificate-maker';
import {
  CLUSTER,
  Cleanup,
  OTHER_CLUSTER,
  Sessions,
  clusterAuthority,
  endpointOf,
  helloOf,
  makeFrame,
  makeMaterial,
  makeOddMaterial,
  materialOf,
  startConduit,
  until,
  type LogLine,
} from './fixtures';
import { RawPeer } from './network';

let cleanup = new Cleanup();
afterEach(async () => {
  await cleanup.run();
  cleanup = new Cleanup();
});

const DAY_MS = 86_400_000;

async function strangerAuthority(): ReturnType<typeof makeAuthority> {
  return makeAuthority(CLUSTER, { now: new Date(), days: 2 });
}

async function acceptor(lines: LogLine[] = []): Promise<Conduit> {
  return cleanup.add(await startConduit(1, { peers: [{ site: 2, endpoints: [] }] }, lines));
}

test('an acceptor turns away, counts and logs every wrong certificate', async (t) => {
  const now = new Date();
  const long = { now: new Date(now.getTime() - 10 * DAY_MS) };
  const table: [string, TlsMaterial | undefined, string][] = [
    ['none at all', undefined, 'no_certificate'],
    ['self-signed', await makeOddMaterial(`cfs-repl://${CLUSTER}/site/2`, true), 'self_signed'],
    ['of another authority', await makeMaterial(2, { by: await strangerAuthority() }), 'untrusted'],
    ['expired', await makeMaterial(2, long), 'expired'],
    ['not yet valid', await makeMaterial(2, { now: new Date(now.getTime() + DAY_MS) }), 'expired'],
    ['of another cluster', await makeMaterial(2, { clusterUuid: OTHER_CLUSTER }), 'wrong_cluster'],
    ['of a site that is no peer', await materialOf(3), 'unknown_site'],
    ['of this very site', await materialOf(1), 'unknown_site'],
    ['of no site', await makeOddMaterial('https://example.org/', false), 'bad_certificate'],
  ];
  for (const [name, material, code] of table) {
    const lines: LogLine[] = [];
    const conduit = await acceptor(lines);
    const sessions = new Sessions(conduit);
    const peer = cleanup.add(
      await RawPeer.dial(endpointOf(conduit), {
        certificate: material?.certificate ?? '',
        key: material?.key ?? '',
        authorities: [(await clusterAuthority()).certificate],
      }),
    );
    peer.send({ kind: 'hello', hello: helloOf(2) });
    await until(`${name}: refused`, () => conduit.refusals().size > 0);
    assert.deepEqual([...conduit.refusals()], [[code, 1]], name);
    const line = lines.find(({ message }) => message === 'connection refused');
    assert.ok(line !== undefined, name);
    assert.equal(line.fields['code'], code, name);
    assert.ok(String(line.fields['reason']).length > 0, name);
    assert.equal(sessions.all.length, 0, name);
    // Those whose identity is certain but unwanted are told so.
    const told = ['wrong_cluster', 'unknown_site'].includes(code) ? code : 'closed';
    assert.equal(await peer.refusal(), told, name);
    await conduit.close({ drainMs: 0 });
  }
  t.diagnostic(`${table.length} wrong certificates refused`);
});

test('a dialler refuses an acceptor with a wrong certificate, and says why', async (t) => {
  const table: [string, TlsMaterial, string][] = [
    ['self-signed', await makeOddMaterial(`cfs-repl://${CLUSTER}/site/1`, true), 'self_signed'],
    ['of another authority', await makeMaterial(1, { by: await strangerAuthority() }), 'untrusted'],
    ['expired', await makeMaterial(1, { now: new Date(Date.now() - 10 * DAY_MS) }), 'expired'],
    ['of another cluster', await makeMaterial(1, { clusterUuid: OTHER_CLUSTER }), 'wrong_cluster'],
    ['of another site', await materialOf(3), 'wrong_site'],
  ];
  for (const [name, tls, code] of table) {
    const server = cleanup.add(await startConduit(1, { tls, peers: [{ site: 2, endpoints: [] }] }));
    const lines: LogLine[] = [];
    const dialler = cleanup.add(
      await startConduit(2, { peers: [{ site: 1, endpoints: [endpointOf(server)] }] }, lines),
    );
    const sessions = new Sessions(dialler);
    await until(`${name}: a failed dial`, () => (dialler.counters(1)?.errors ?? 0) > 0);
    const line = lines.find(({ message }) => message === 'dial failed');
    assert.equal(line?.fields['code'], code, `${name}: ${String(line?.fields['reason'])}`);
    assert.ok((dialler.counters(1)?.refusals.get(code) ?? 0) > 0, name);
    assert.equal(sessions.all.length, 0, name);
    await dialler.close({ drainMs: 0 });
  }
  t.diagnostic(`${table.length} wrong certificates refused`);
});

test('a channel that is not ours is refused: old TLS, another protocol', async () => {
  const conduit = await acceptor();
  const material = await materialOf(2);
  for (const change of [
    { maxVersion: 'TLSv1.2' as const },
    { ALPNProtocols: ['h2'] },
    { ALPNProtocols: [] },
  ]) {
    const before = conduit.refusals().get('tls') ?? 0;
    const peer = cleanup.add(await RawPeer.dial(endpointOf(conduit), material, change));
    peer.send({ kind: 'hello', hello: helloOf(2) });
    await until('a refusal', () => conduit.refusals().get('tls') === before + 1);
    assert.equal(await peer.refusal(), 'closed');
  }
});

test('no session of TLS is resumed', async () => {
  const conduit = await acceptor();
  const material = await materialOf(2);
  const tickets: Buffer[] = [];
  const first = cleanup.add(await RawPeer.dial(endpointOf(conduit), material));
  first.socket.on('session', (ticket: Buffer) => tickets.push(ticket));
  await first.next('hello');
  first.close();
  for (const session of tickets) {
    const again = cleanup.add(await RawPeer.dial(endpointOf(conduit), material, { session }));
    assert.equal((again.socket as TLSSocket).isSessionReused(), false);
    again.close();
  }
});

test('a Hello that contradicts the certificate or fits nothing is refused', async () => {
  const conduit = await acceptor();
  const material = await materialOf(2);
  const table: [string, Parameters<typeof helloOf>[1], string][] = [
    ['another site', { origin: { site: 3, incarnation: 1n } }, 'wrong_site'],
    ['another cluster', { cluster: { hi: 1n, lo: 1n } }, 'wrong_cluster'],
    ['a newer protocol', { protocolMin: 2, protocolMax: 5 }, 'version'],
    ['a window of nothing', { windowFrames: 0 }, 'malformed'],
  ];
  for (const [name, change, code] of table) {
    const peer = cleanup.add(await RawPeer.dial(endpointOf(conduit), material));
    peer.send({ kind: 'hello', hello: helloOf(2, change) });
    assert.equal(await peer.refusal(), code, name);
    assert.equal(conduit.counters(2)?.refusals.get(code), 1, name);
  }
  assert.equal(conduit.counters(2)?.sessions, 0);
});

test('a newer version of the software that still speaks ours gets in', async () => {
  const conduit = await acceptor();
  const sessions = new Sessions(conduit);
  const peer = cleanup.add(await RawPeer.dial(endpointOf(conduit), await materialOf(2)));
  const capabilities = ['from-the-future'];
  peer.send({ kind: 'hello', hello: helloOf(2, { protocolMin: 1, protocolMax: 9, capabilities }) });
  const ready = await peer.next('ready');
  assert.deepEqual([ready.protocol, ready.capabilities], [1, []]);
  peer.send(ready);
  const { session } = await sessions.up();
  assert.equal(session.hello.protocolMax, 9);
});

test('every frame is checked against the identity of the session', async () => {
  const table: [string, Buffer, string][] = [
    ['of the receiver itself', makeFrame({ site: 1 }), 'wrong_origin'],
    ['of a third site', makeFrame({ site: 3 }), 'wrong_origin'],
    ['of another cluster', makeFrame({ site: 2, clusterUuid: OTHER_CLUSTER }), 'wrong_cluster'],
  ];
  for (const [name, frame, code] of table) {
    const conduit = await acceptor();
    const sessions = new Sessions(conduit);
    const peer = cleanup.add(await RawPeer.dial(endpointOf(conduit), await materialOf(2)));
    peer.send({ kind: 'hello', hello: helloOf(2) });
    peer.send(await peer.next('ready'));
    await sessions.up();
    peer.sendFrame(makeFrame({ site: 2, lsn: 1n }));
    peer.sendFrame(frame);
    assert.equal(await peer.refusal(), code, name);
    assert.equal(sessions.last.frames.length, 1, name);
    assert.equal(sessions.last.closed?.code, code, name);
    assert.equal(conduit.counters(2)?.refusals.get(code), 1, name);
    await conduit.close({ drainMs: 0 });
  }
});
