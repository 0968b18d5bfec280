/** What a node makes of a peer that knows its journal, or another, differently. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { JournalStanding } from '../../src/node-standing';
import { FakeSession, OWN, PEER, cursor } from './sync/fakes';

const THIRD = { site: 3, incarnation: 33n };

function make(t: TestContext) {
  const dataDir = mkdtempSync(join(tmpdir(), 'cfs-standing-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  const told: string[] = [];
  const open = (): JournalStanding =>
    new JournalStanding({
      engine: { held: () => [cursor(OWN, 9n)], retireIncarnation: () => Promise.resolve() },
      dataDir,
      origin: OWN,
      onTrouble: (site, code, message) => told.push(`${site} ${code} ${message.slice(0, 49)}`),
      onError: (error) => told.push(String(error)),
    });
  return { open, told, file: join(dataDir, 'refused') };
}

test("a fork of this node's own journal stops it, also after a restart, and is told once", (t) => {
  const { open, told, file } = make(t);
  const standing = open();
  const session = new FakeSession();
  assert.equal(standing.onForks(session, [cursor(THIRD, 4n), cursor(OWN, 5n)]), false);
  standing.onDiverged(PEER.site, 5n);
  assert.deepEqual(told, ['2 CFS_DIVERGED site 2 has another entry at LSN 5 under this jour']);
  assert.deepEqual(
    session.closed.map(({ code }) => code),
    ['internal'],
  );
  assert.equal(readFileSync(file, 'utf8'), `${standing.refusal ?? ''}\n`);
  assert.equal(open().refusal, standing.refusal);
});

test("a fork of the peer's journal: the peer is told so, and this node goes on", (t) => {
  const { open, told, file } = make(t);
  const standing = open();
  const session = new FakeSession();
  assert.equal(standing.onForks(session, [cursor(PEER, 5n)]), false);
  assert.deepEqual(
    session.closed.map(({ code }) => code),
    ['diverged'],
  );
  assert.equal(standing.refusal, undefined);
  assert.equal(told.length, 1);
  assert.ok(!existsSync(file));
});

test("a fork of a third site's journal is told, and the session goes on", (t) => {
  const { open, told } = make(t);
  const standing = open();
  const session = new FakeSession();
  assert.equal(standing.onForks(session, [cursor(THIRD, 5n)]), true);
  assert.deepEqual(session.closed, []);
  assert.deepEqual(told, ["2 CFS_DIVERGED site 2 has another entry at LSN 5 of site 3's jou"]);
  assert.equal(standing.refusal, undefined);
});
