/** The writer: order, crashes, rotation, retention, and what it does when too much comes at once. */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileName, listFiles } from '../../../src/audit/files';
import { encodeLine } from '../../../src/audit/line';
import { BURST_EVENTS, RepeatGate, WINDOW_MS } from '../../../src/audit/repeats';
import { countDeletable } from '../../../src/audit/retention';
import {
  DAY_MS,
  START_UNIX_MS,
  editLines,
  linesOf,
  makeTrail,
  openTrail,
  scratchDirectory,
  verify,
} from './fixtures';

const FIRST = fileName(1);

test('events are written in order, and a trail goes on where it ended', async (t) => {
  const directory = scratchDirectory(t);
  for (const run of [1, 2, 3]) {
    const { trail } = await openTrail(directory);
    for (let n = 0; n < 600; n++) trail.record({ kind: 'test.event', fields: { run, n } });
    assert.equal(await trail.flush(), true);
    assert.equal(trail.head.seq, 1 + run * 600);
    await trail.close();
  }
  const lines = await linesOf(directory, {});
  assert.deepEqual(
    lines.slice(1).map(({ fields }) => [fields['run'], fields['n']]),
    [1, 2, 3].flatMap((run) => Array.from({ length: 600 }, (_, n) => [run, n])),
  );
  assert.deepEqual((await verify(directory)).faults, []);
});

test('events become durable by themselves, without anybody waiting', async (t) => {
  const directory = scratchDirectory(t);
  const { trail } = await openTrail(directory);
  t.after(() => trail.close());
  const changed = trail.changed(0, AbortSignal.timeout(60_000));
  trail.record({ kind: 'test.event' });
  assert.equal(await changed, true);
  assert.equal((await linesOf(directory)).length, 2);
});

test('a crash at every byte of the last line: it is cut, and told of', async (t) => {
  const whole = scratchDirectory(t);
  await makeTrail(whole, 3);
  const bytes = readFileSync(join(whole, FIRST));
  const lastStart = bytes.lastIndexOf(0x0a, bytes.length - 2) + 1;
  const directory = scratchDirectory(t);
  for (let length = lastStart; length <= bytes.length; length++) {
    copyFileSync(join(whole, FIRST), join(directory, FIRST));
    truncateSync(join(directory, FIRST), length);
    const { trail } = await openTrail(directory);
    trail.record({ kind: 'test.next' });
    await trail.close();
    const { faults } = await verify(directory);
    assert.deepEqual(faults, [], `${length} bytes`);
    const kinds = (await linesOf(directory)).map(({ kind }) => kind);
    const isWhole = length === bytes.length;
    const isCut = !isWhole && length > lastStart;
    assert.deepEqual(kinds, [
      ...['audit.file', 'test.event', 'test.event'],
      ...(isWhole ? ['test.event'] : []),
      ...(isCut ? ['audit.recovered'] : []),
      'test.next',
    ]);
    const recovered = (await linesOf(directory)).find(({ kind }) => kind === 'audit.recovered');
    if (isCut) assert.equal(recovered?.fields['cut_bytes'], length - lastStart);
  }
});

test('a crash at every byte of the first line of a new file: the file before goes on', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, 2);
  const header = encodeLine({ seq: 3, hash: 'ab'.repeat(32) }, { kind: 'audit.file' }, 0).text;
  const before = readFileSync(join(directory, FIRST));
  for (let length = 0; length < header.length; length++) {
    writeFileSync(join(directory, FIRST), before);
    writeFileSync(join(directory, fileName(4)), header.slice(0, length));
    const { trail } = await openTrail(directory);
    trail.record({ kind: 'test.next' });
    await trail.close();
    assert.deepEqual((await verify(directory)).faults, [], `${length} bytes`);
    assert.equal((await listFiles(directory)).length, 1);
  }
});

test('blocks that a crash left as zeros are cut like a torn line', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, 2);
  const path = join(directory, FIRST);
  writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(4096)]));
  const { trail } = await openTrail(directory);
  await trail.close();
  assert.deepEqual((await verify(directory)).faults, []);
  assert.equal((await linesOf(directory)).at(-1)?.fields['cut_bytes'], 4096);
});

test('what no crash can have done is left as it is, and told of', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, 3);
  editLines(join(directory, FIRST), (lines) => lines.with(1, 'not a line'));
  const before = readFileSync(join(directory, FIRST));
  const { trail } = await openTrail(directory);
  await trail.close();
  assert.deepEqual(readFileSync(join(directory, FIRST)), before);
  const damaged = (await linesOf(directory)).at(-1);
  assert.equal(damaged?.kind, 'audit.damaged');
  assert.deepEqual([damaged.fields['file'], damaged.fields['line']], [FIRST, 2]);
  const { faults } = await verify(directory);
  assert.deepEqual(
    faults.map(({ line }) => line),
    [2],
  );
});

test('a file of which nothing can be read is left as it is, and a new one is begun', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, 3);
  const path = join(directory, FIRST);
  writeFileSync(path, Buffer.alloc(10_000, 0xa5));
  const before = readFileSync(path);
  for (const run of [1, 2]) {
    const { trail } = await openTrail(directory);
    trail.record({ kind: 'test.next', fields: { run } });
    await trail.close();
  }
  assert.deepEqual(readFileSync(path), before);
  assert.deepEqual(
    (await linesOf(directory)).map(({ kind }) => kind),
    ['audit.file', 'audit.damaged', 'test.next', 'test.next'],
  );
  const [fault] = (await verify(directory)).faults;
  assert.deepEqual([fault?.file, fault?.line], [FIRST, 1]);
});

test('lines that were given lower numbers do not make a new file take the place of one', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, 3);
  const later = join(directory, fileName(5));
  const low = { seq: 3, hash: 'ab'.repeat(32) };
  writeFileSync(later, encodeLine(low, { kind: 'audit.file' }, START_UNIX_MS).text);
  const before = readFileSync(later);
  const { trail } = await openTrail(directory);
  await trail.close();
  assert.deepEqual(readFileSync(later), before);
  assert.deepEqual(
    (await listFiles(directory)).map(({ name }) => name),
    [FIRST, fileName(5), fileName(6)],
  );
});

test('files end when they are full, and each begins with the hash of the one before', async (t) => {
  const directory = scratchDirectory(t);
  const { trail } = await openTrail(directory, { fileBytesMax: 2000 });
  for (let n = 0; n < 100; n++) {
    trail.record({ kind: 'test.event', fields: { n } });
    await trail.flush();
  }
  await trail.close();
  const files = await listFiles(directory);
  assert.ok(files.length > 10);
  for (const { bytes } of files) assert.ok(bytes < 2400);
  assert.deepEqual((await verify(directory)).faults, []);
  const lines = await linesOf(directory);
  for (const [index, line] of lines.entries()) {
    if (line.kind !== 'audit.file' || index === 0) continue;
    assert.equal(line.fields['previous'], lines[index - 1]?.hash);
  }
  assert.deepEqual(
    lines.filter(({ kind }) => kind === 'test.event').map(({ fields }) => fields['n']),
    Array.from({ length: 100 }, (_, n) => n),
  );
});

test('another identity begins another file', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, 1);
  const identity = { site: 1, incarnation: 8n };
  const { trail } = await openTrail(directory, { identity });
  assert.equal(trail.formerIdentity?.['incarnation'], '7');
  trail.record({ kind: 'test.event' });
  await trail.close();
  const again = await openTrail(directory, { identity });
  assert.equal(again.trail.formerIdentity, undefined);
  await again.trail.close();
  assert.deepEqual(
    (await listFiles(directory)).map(({ name }) => name),
    [fileName(1), fileName(3)],
  );
  assert.deepEqual((await verify(directory)).faults, []);
});

test('retention by bytes deletes the oldest files, and verify says from where it is whole', async (t) => {
  const directory = scratchDirectory(t);
  const retention = { bytesMax: 10_000, ageMsMax: 1000 * DAY_MS };
  const { trail } = await openTrail(directory, { fileBytesMax: 2000, retention });
  for (let n = 0; n < 200; n++) {
    trail.record({ kind: 'test.event', fields: { n } });
    await trail.flush();
  }
  await trail.close();
  const files = await listFiles(directory);
  assert.ok(files.reduce((sum, { bytes }) => sum + bytes, 0) < 10_000 + 2 * 2400);
  const { faults, first } = await verify(directory);
  assert.deepEqual(faults, []);
  assert.ok((first?.seq ?? 0) > 1);
  const deleted = (await linesOf(directory)).findLast(({ kind }) => kind === 'audit.deleted');
  assert.equal(deleted?.fields['first_kept_seq'], first?.seq);
});

test('retention by age deletes what is older, once a line that says so is durable', async (t) => {
  const directory = scratchDirectory(t);
  const clock = { nowUnixMs: START_UNIX_MS };
  const options = {
    nowUnixMs: () => clock.nowUnixMs,
    retention: { bytesMax: 2 ** 30, ageMsMax: 30 * DAY_MS },
  };
  const { trail } = await openTrail(directory, options);
  for (let day = 0; day < 100; day++) {
    trail.record({ kind: 'test.event', fields: { day } });
    await trail.flush();
    trail.collect();
    await trail.flush();
    clock.nowUnixMs += DAY_MS;
  }
  await trail.close();
  const days = (await linesOf(directory))
    .filter(({ kind }) => kind === 'test.event')
    .map(({ fields }) => Number(fields['day']));
  assert.equal(days.at(-1), 99);
  assert.ok((days[0] ?? 0) <= 70 && (days[0] ?? 0) >= 65, String(days[0]));
  assert.deepEqual((await verify(directory)).faults, []);
});

test('a crash between the line that tells of a deletion and the deletion leaves a whole trail', async (t) => {
  const directory = scratchDirectory(t);
  const clock = { nowUnixMs: START_UNIX_MS };
  const options = {
    nowUnixMs: () => clock.nowUnixMs,
    retention: { bytesMax: 2 ** 30, ageMsMax: 10 * DAY_MS },
  };
  const { trail } = await openTrail(directory, options);
  trail.record({ kind: 'test.event' });
  await trail.flush();
  const saved = readFileSync(join(directory, FIRST));
  clock.nowUnixMs += 5 * DAY_MS;
  trail.record({ kind: 'test.event' });
  await trail.flush();
  clock.nowUnixMs += 11 * DAY_MS;
  trail.collect();
  await trail.close();
  assert.ok(!(await listFiles(directory)).some(({ name }) => name === FIRST));
  assert.deepEqual((await verify(directory)).faults, []);
  writeFileSync(join(directory, FIRST), saved);
  assert.deepEqual((await verify(directory)).faults, []);
});

const files = (...days: readonly number[]): Parameters<typeof countDeletable>[0] =>
  days.map((day) => ({
    name: `day-${day}`,
    bytes: 100,
    startedUnixMs: START_UNIX_MS + day * DAY_MS,
  }));

for (const { bytesMax, days, now, expected } of [
  { bytesMax: 1000, days: [], now: 99, expected: 0 },
  { bytesMax: 1000, days: [0], now: 99, expected: 0 },
  { bytesMax: 0, days: [0], now: 1, expected: 0 },
  { bytesMax: 1000, days: [0, 1, 2], now: 10, expected: 0 },
  { bytesMax: 1000, days: [0, 1, 2], now: 12, expected: 1 },
  { bytesMax: 1000, days: [0, 1, 2], now: 99, expected: 2 },
  { bytesMax: 299, days: [0, 1, 2], now: 3, expected: 1 },
  { bytesMax: 300, days: [0, 1, 2], now: 3, expected: 0 },
  { bytesMax: 0, days: [0, 1, 2], now: 3, expected: 2 },
]) {
  test(`of files begun on days ${days.join(', ')}, ${expected} go on day ${now} with ${bytesMax} bytes`, () => {
    const nowUnixMs = START_UNIX_MS + now * DAY_MS;
    const retention = { bytesMax, ageMsMax: 10 * DAY_MS };
    assert.equal(countDeletable(files(...days), retention, nowUnixMs), expected);
  });
}

test('more than can wait is dropped, counted, and the count is written next', async (t) => {
  const directory = scratchDirectory(t);
  const { trail } = await openTrail(directory);
  for (let n = 0; n < 5000; n++) trail.record({ kind: 'test.event', fields: { n } });
  await trail.flush();
  trail.record({ kind: 'test.after' });
  await trail.close();
  const lines = await linesOf(directory);
  const kinds = lines.map(({ kind }) => kind);
  const at = kinds.indexOf('audit.dropped');
  assert.equal(lines[at]?.fields['count'], trail.totals.dropped);
  assert.equal(lines[at - 1]?.fields['n'], 5000 - trail.totals.dropped - 1);
  assert.deepEqual(kinds.slice(at + 1), ['test.after']);
  assert.deepEqual([trail.totals.dropped, trail.totals.events], [904, 4096 + 3]);
  assert.deepEqual((await verify(directory)).faults, []);
});

test('while the disk does not take them events wait, in order, and then none is missing', async (t) => {
  const directory = join(scratchDirectory(t), 'audit');
  const { trail, errors } = await openTrail(directory, { fileBytesMax: 500 });
  for (let n = 0; n < 3; n++) trail.record({ kind: 'test.event', fields: { n } });
  await trail.flush();
  renameSync(directory, `${directory}-away`);
  trail.record({ kind: 'test.event', fields: { n: 3 } });
  assert.equal(await trail.flush(), false);
  assert.equal(await trail.flush(), false);
  assert.equal(trail.failing, true);
  assert.equal(errors.length, 1);
  renameSync(`${directory}-away`, directory);
  trail.record({ kind: 'test.event', fields: { n: 4 } });
  assert.equal(await trail.flush(), true);
  assert.equal(trail.failing, false);
  await trail.close();
  const events = (await linesOf(directory)).filter(({ kind }) => kind === 'test.event');
  assert.deepEqual(
    events.map(({ fields }) => fields['n']),
    [0, 1, 2, 3, 4],
  );
  assert.deepEqual((await verify(directory)).faults, []);
});

test('a trail that cannot be opened says so', async (t) => {
  const directory = join(scratchDirectory(t), 'audit');
  mkdirSync(join(directory, FIRST), { recursive: true });
  await assert.rejects(openTrail(directory), { code: 'EISDIR' });
});

test('of what repeats, the first few a minute are recorded, then one with the number of the rest', () => {
  const gate = new RepeatGate();
  const event = { kind: 'peer.refused', fields: { code: 'expired' } };
  const admitted = Array.from({ length: 100 }, (_, n) => gate.admit(event, 'a', n));
  assert.equal(admitted.filter(Boolean).length, BURST_EVENTS);
  assert.equal(gate.admit(event, 'b', 50), true, 'another key has its own');
  assert.deepEqual(gate.due(WINDOW_MS - 1), []);
  const rest = { ...event, fields: { code: 'expired', repeats: 100 - BURST_EVENTS } };
  assert.deepEqual(gate.due(WINDOW_MS), [rest]);
  assert.equal(gate.admit(event, 'a', WINDOW_MS + 1), true, 'a new minute');
});

test('so many different strangers that they cannot be told apart share one', () => {
  const gate = new RepeatGate();
  const event = { kind: 'peer.refused' };
  let admitted = 0;
  for (let n = 0; n < 100_000; n++) if (gate.admit(event, String(n), 0)) admitted++;
  assert.equal(admitted, 1024 + BURST_EVENTS);
});
