/** Whatever is done to a trail afterwards, verify names the line. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileName, listFiles } from '../../../src/audit/files';
import { GENESIS, encodeLine, expectedHash, parseLine } from '../../../src/audit/line';
import { verifyTrail } from '../../../src/audit/verify';
import {
  DAY_MS,
  START_UNIX_MS,
  editLines,
  makeTrail,
  openTrail,
  scratchDirectory,
  verify,
} from './fixtures';

const EVENTS = 6;
const LINES = EVENTS + 1;
const FIRST = fileName(1);

test('a line is read back as it was written, bounded, and its hash is that of the chain', () => {
  const event = {
    kind: 'test.kind',
    outcome: 'refused',
    actor: { type: 'peer', site: 2 },
    fields: {
      big: 2n ** 64n - 1n,
      text: `"hash":"\n${'x'.repeat(5000)}`,
      none: undefined,
      ok: true,
    },
  } as const;
  const { text, head } = encodeLine(GENESIS, event, START_UNIX_MS);
  const bytes = Buffer.from(text.slice(0, -1));
  assert.ok(text.endsWith('\n') && !text.slice(0, -1).includes('\n'));
  assert.deepEqual(parseLine(bytes), {
    seq: 1,
    time: '2026-01-01T00:00:00.000Z',
    kind: 'test.kind',
    outcome: 'refused',
    actor: { type: 'peer', site: 2 },
    fields: {
      big: '18446744073709551615',
      text: `"hash":"\n${'x'.repeat(1015)}...`,
      ok: true,
    },
    hash: head.hash,
  });
  assert.equal(expectedHash(GENESIS.hash, bytes), head.hash);
});

test('a trail as it was written is whole', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, EVENTS);
  const { faults, lines, files, first, last } = await verify(directory);
  assert.deepEqual(faults, []);
  assert.deepEqual([files, lines, first?.seq, last?.seq], [1, LINES, 1, LINES]);
});

/** What is done to line `index` (from 0), and the line (from 1) that is named first. */
interface Tampering {
  readonly what: string;
  readonly edit: (lines: string[], index: number) => string[];
  readonly named: (index: number) => number;
  readonly message: RegExp;
  /** Lines that it can be done to. */
  readonly upTo?: number;
}

const replaced = (lines: string[], index: number, line: string): string[] =>
  lines.with(index, line);

/** With a hash that fits the line itself, as one who knows the format would make. */
function rehashed(lines: string[], index: number, line: string): string {
  const previous =
    index === 0 ? GENESIS.hash : parseLine(Buffer.from(lines[index - 1] ?? ''))?.hash;
  const hash = expectedHash(previous ?? '', Buffer.from(line));
  return line.replace(/"hash":"[0-9a-f]{64}"\}$/, `"hash":"${hash}"}`);
}

const changedText = (line: string): string => line.replace('"outcome":"ok"', '"outcome":"no"');

const tamperings: readonly Tampering[] = [
  {
    what: 'change',
    edit: (lines, i) => replaced(lines, i, changedText(lines[i] ?? '')),
    named: (i) => i + 1,
    message: /has the hash [0-9a-f]{64}: expected [0-9a-f]{64}/,
  },
  {
    what: 'change and hash anew',
    edit: (lines, i) => replaced(lines, i, rehashed(lines, i, changedText(lines[i] ?? ''))),
    named: (i) => i + 2,
    message: /it or the line before was changed/,
    upTo: LINES - 1,
  },
  {
    what: 'remove',
    edit: (lines, i) => lines.toSpliced(i, 1),
    named: (i) => i + 1,
    message: /this is event \d+: expected event \d+/,
    upTo: LINES - 1,
  },
  {
    what: 'swap with the next',
    edit: (lines, i) => lines.toSpliced(i, 2, lines[i + 1] ?? '', lines[i] ?? ''),
    named: (i) => i + 1,
    message: /which is missing or moved/,
    upTo: LINES - 1,
  },
  {
    what: 'repeat',
    edit: (lines, i) => lines.toSpliced(i, 0, lines[i] ?? ''),
    named: (i) => i + 2,
    message: /this is event \d+: expected event \d+/,
  },
  {
    what: 'insert a made-up line with the right hash before',
    edit: (lines, i) => lines.toSpliced(i, 0, rehashed(lines, i, changedText(lines[i] ?? ''))),
    named: (i) => i + 2,
    message: /this is event \d+: expected event \d+, which is missing or moved/,
  },
  {
    what: 'truncate',
    edit: (lines, i) => replaced(lines, i, (lines[i] ?? '').slice(0, -10)),
    named: (i) => i + 1,
    message: /this is no line of a trail: expected event \d+ as JSON/,
  },
  {
    what: 'empty',
    edit: (lines, i) => replaced(lines, i, ''),
    named: (i) => i + 1,
    message: /this is no line of a trail/,
  },
];

for (const { what, edit, named, message, upTo = LINES } of tamperings) {
  test(`${what} any line: verify names it`, async (t) => {
    const directory = scratchDirectory(t);
    const path = join(directory, FIRST);
    await makeTrail(directory, EVENTS);
    const whole = readFileSync(path);
    for (let index = 0; index < upTo; index++) {
      writeFileSync(path, whole);
      editLines(path, (lines) => edit(lines, index));
      const { faults } = await verify(directory);
      assert.ok(faults[0] !== undefined, `line ${index + 1}`);
      assert.equal(faults[0].file, FIRST);
      assert.equal(faults[0].line, named(index), `line ${index + 1}: ${faults[0].message}`);
      assert.match(faults[0].message, message);
    }
  });
}

test('change any single byte: verify names its line', async (t) => {
  const directory = scratchDirectory(t);
  const path = join(directory, FIRST);
  await makeTrail(directory, 2);
  const whole = readFileSync(path);
  let line = 1;
  for (const [index, byte] of whole.entries()) {
    const bytes = Buffer.from(whole);
    bytes[index] = byte ^ 1;
    writeFileSync(path, bytes);
    const { faults } = await verify(directory);
    assert.equal(faults[0]?.line, line, `byte ${index}`);
    if (byte === 0x0a) line++;
  }
});

test('two tamperings are both named', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, EVENTS);
  editLines(join(directory, FIRST), (lines) =>
    replaced(replaced(lines, 1, changedText(lines[1] ?? '')), 4, changedText(lines[4] ?? '')),
  );
  const { faults } = await verify(directory);
  assert.deepEqual(
    faults.map(({ line }) => line),
    [2, 5],
  );
});

test('lines cut off at the end are found by a head that is known from elsewhere', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, EVENTS);
  const { last } = await verify(directory);
  const known = [{ seq: LINES, hash: last?.hash ?? '', source: 'site 2' }];
  const files = await listFiles(directory);
  assert.deepEqual((await verifyTrail(directory, files, known)).faults, []);
  editLines(join(directory, FIRST), (lines) => lines.slice(0, -2));
  assert.deepEqual((await verify(directory)).faults, []);
  const { faults } = await verifyTrail(directory, await listFiles(directory), known);
  const message = `the trail ends with event ${LINES - 2}: expected ${LINES}, as site 2 says`;
  assert.deepEqual(faults, [{ file: FIRST, line: LINES - 1, message }]);
});

test('a whole chain made anew is found by a head that is known from elsewhere', async (t) => {
  const directory = scratchDirectory(t);
  await makeTrail(directory, EVENTS);
  const { last } = await verify(directory);
  rmSync(join(directory, FIRST));
  const { trail } = await openTrail(directory);
  for (let n = 1; n <= EVENTS + 1; n++) trail.record({ kind: 'test.other' });
  await trail.close();
  assert.deepEqual((await verify(directory)).faults, []);
  const known = [{ seq: LINES, hash: last?.hash ?? '', source: 'site 2' }];
  const { faults } = await verifyTrail(directory, await listFiles(directory), known);
  assert.equal(faults[0]?.line, LINES);
  assert.match(faults[0].message, /^event 7 has the hash .* as site 2 says$/);
});

test('a running trail knows its own head', async (t) => {
  const directory = scratchDirectory(t);
  const { trail } = await openTrail(directory);
  t.after(() => trail.close());
  trail.record({ kind: 'test.event' });
  trail.record({ kind: 'test.event' });
  assert.deepEqual((await trail.verify()).faults, []);
  editLines(join(directory, FIRST), (lines) => lines.slice(0, -1));
  const { faults } = await trail.verify();
  assert.match(
    faults[0]?.message ?? '',
    /ends with event 2: expected 3, as the running agent says/,
  );
});

async function threeFiles(directory: string): Promise<string[]> {
  const clock = { nowUnixMs: START_UNIX_MS };
  const options = {
    nowUnixMs: () => clock.nowUnixMs,
    retention: { bytesMax: 2 ** 30, ageMsMax: 100 * DAY_MS },
  };
  const { trail } = await openTrail(directory, options);
  for (let n = 0; n < 3; n++) {
    trail.record({ kind: 'test.event' });
    await trail.flush();
    clock.nowUnixMs += 11 * DAY_MS;
  }
  await trail.close();
  return (await listFiles(directory)).map(({ name }) => name);
}

test('a file that is missing is named by the one behind it', async (t) => {
  const directory = scratchDirectory(t);
  const names = await threeFiles(directory);
  assert.deepEqual(names, [fileName(1), fileName(3), fileName(5)]);
  rmSync(join(directory, names[1] ?? ''));
  const { faults } = await verify(directory);
  assert.deepEqual([faults[0]?.file, faults[0]?.line], [names[2], 1]);
  assert.match(faults[0]?.message ?? '', /this is event 5: expected event 3/);
});

test('a first file that is missing without a word is named', async (t) => {
  const directory = scratchDirectory(t);
  const names = await threeFiles(directory);
  rmSync(join(directory, names[0] ?? ''));
  const { faults } = await verify(directory);
  assert.equal(faults.length, 1);
  assert.deepEqual([faults[0]?.file, faults[0]?.line], [names[1], 1]);
  assert.match(
    faults[0]?.message ?? '',
    /begins with event 3: expected event 1, or an audit.deleted/,
  );
});

test('the anchors that peers gave are listed, the newest of each', async (t) => {
  const directory = scratchDirectory(t);
  const { trail } = await openTrail(directory);
  for (const [site, seq] of [
    [3, 10],
    [2, 5],
    [3, 12],
  ] as const) {
    trail.record({ kind: 'audit.anchor', fields: { site, seq, hash: 'ab'.repeat(32) } });
  }
  await trail.close();
  const { anchors } = await verify(directory);
  const time = new Date(START_UNIX_MS).toISOString();
  assert.deepEqual(anchors, [
    { site: 2, seq: 5, hash: 'ab'.repeat(32), time, line: 3, count: 1 },
    { site: 3, seq: 12, hash: 'ab'.repeat(32), time, line: 4, count: 2 },
  ]);
});
