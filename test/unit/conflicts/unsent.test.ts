/** What was not sent before its journal was closed: from the bytes of the record to what is shown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Conflict, decodeConflict } from '../../../bindings/conflict';
import { conflictToJson } from '../../../src/journal/conflict-json';
import { renderConflict, renderConflictLine } from '../../../src/cli/conflict-view';
import { styleOf } from '../../../src/cli/style';

const FILE = 0x3000000000007n;
const CLOSED = { site: 3, incarnation: 0xabcn };
const EVICTED_AT = { site: 1, incarnation: 0xdefn, lsn: 5n };

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

function small(value: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}

function side(
  origin: { site: number; incarnation: bigint },
  lsn: bigint,
  op: number,
  payload: Buffer,
): Buffer {
  const { site, incarnation } = origin;
  const stamp = [u64(4096n), u64(incarnation), u64(lsn), small(site, 2)];
  return Buffer.concat([...stamp, small(op, 1), small(0, 1), small(payload.length, 4)]);
}

/** As FORMAT.md, "Conflicts", has it: a removexattr that lost to the evict of its journal. */
function unsentPayload(): Buffer {
  const key = Buffer.from('user.k');
  const change = Buffer.concat([small(key.length, 2), key]);
  const evict = Buffer.concat([u64(CLOSED.incarnation), small(CLOSED.site, 2), Buffer.alloc(6)]);
  const path = Buffer.from('/projects/plan');
  return Buffer.concat([
    side(CLOSED, 9n, 12, change),
    side(EVICTED_AT, EVICTED_AT.lsn, 15, evict),
    u64(FILE),
    Buffer.from([6, 0]),
    small(path.length, 2),
    Buffer.alloc(4),
    change,
    evict,
    path,
  ]);
}

const conflict: Conflict = decodeConflict(FILE, unsentPayload());
const json = conflictToJson({
  ...conflict,
  id: { site: 3, incarnation: 0xbcdn, lsn: 7n },
  hlc: 4096n,
  settled: undefined,
  arrival: 1,
});
const style = styleOf({ stdoutIsTty: false, env: {} } as Parameters<typeof styleOf>[0]);

test('it has the entry as it was written, and the evict that closed its journal', () => {
  assert.equal(conflict.lost, 'unsent');
  const { loser, winner } = conflict;
  assert.deepEqual(
    { site: loser.site, incarnation: loser.incarnation, lsn: loser.lsn, op: loser.op },
    { ...CLOSED, lsn: 9n, op: 'removexattr' },
  );
  assert.equal(loser.inode, FILE);
  assert.equal(Buffer.from(loser.key ?? []).toString(), 'user.k');
  assert.equal(winner.op, 'evict');
  assert.equal(winner.inode, 1n);
  assert.deepEqual(winner.evicts, CLOSED);
});

test('as JSON it says why, and whose journals were closed', () => {
  assert.equal(json['lost'], 'unsent');
  assert.equal(json['decided'], 'evicted');
  const winner = json['winner'] as Record<string, unknown>;
  assert.equal(winner['op'], 'evict');
  assert.equal(winner['evicted_site'], 3);
  assert.equal(winner['evicted_incarnation'], '2748');
});

test('an operator sees what it is against', () => {
  assert.match(
    renderConflictLine(json, style),
    /^3\.bcd\.7 .* unsent {2}open .* \/projects\/plan\n$/,
  );
  const text = renderConflict(json, style);
  assert.match(text, /lost +unsent\n/);
  assert.match(text, /because +its journal was closed before anybody else had it\n/);
  assert.match(text, /loser +removexattr of inode 844424930131975 key=user\.k\n/);
  assert.match(text, /against +eviction of site 3 up to incarnation 2748\n +by site 1, LSN 5, /);
});
