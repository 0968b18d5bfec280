/** What of a trail is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditLine } from '../../../src/audit/line';
import { parseFilter } from '../../../src/audit/query';
import { readTrail } from '../../../src/audit/read';
import { QueryError, parseSince } from '../../../src/config/query';
import { DAY_MS, START_UNIX_MS, linesOf, openTrail, scratchDirectory } from './fixtures';

const NOW = Date.parse('2026-11-21T10:11:32Z');

for (const [text, expected] of [
  ['90m', '2026-11-21T08:41:32.000Z'],
  ['7d', '2026-11-14T10:11:32.000Z'],
  ['1.5h', '2026-11-21T08:41:32.000Z'],
  ['2026-11-20', '2026-11-20T00:00:00.000Z'],
  ['2026-11-20T01:02', '2026-11-20T01:02:00.000Z'],
  ['2026-11-20 01:02:03Z', '2026-11-20T01:02:03.000Z'],
  ['2026-11-20T01:02:03.004+02:00', '2026-11-19T23:02:03.004Z'],
] as const) {
  test(`since ${text} is ${expected}`, () => {
    assert.equal(new Date(parseSince(text, NOW)).toISOString(), expected);
  });
}

for (const text of ['', '90', 'yesterday', '2026-13-01', '5 fortnights', '2026-11-20T25:00']) {
  test(`since "${text}" is refused with what was expected`, () => {
    const expected = `since: "${text}": expected a time such as`;
    assert.throws(
      () => parseSince(text, NOW),
      (error) => error instanceof QueryError && error.message.startsWith(expected),
    );
  });
}

const line: AuditLine = {
  seq: 7,
  time: '2026-11-21T10:11:32.000Z',
  kind: 'peer.refused',
  outcome: 'refused',
  actor: { type: 'peer', site: 2, address: '127.0.0.1:99' },
  fields: { code: 'expired', message: 'certificate "x" has expired', site: 3, constructor: 'own' },
  hash: 'ab'.repeat(32),
};

for (const [filter, expected] of [
  ['', true],
  ['peer.*', true],
  ['peer', false],
  ['*', true],
  ['kind=peer.refused outcome=refused', true],
  ['kind=peer.refused outcome=ok', false],
  ['outcome!=ok', true],
  ['seq=7', true],
  ['site=3', true],
  ['actor.site=2', true],
  ['fields.site=2', false],
  ['type=peer', true],
  ['message="certificate*expired"', true],
  ['message="certificate \\"x\\" has expired"', true],
  ['code=exp*red', true],
  ['code=expired*expired', false],
  ['nothing=*', false],
  ['nothing!=x', true],
  ['constructor=own', true],
  ['toString=*', false],
] as const) {
  test(`filter ${filter}: ${expected ? 'yes' : 'no'}`, () => {
    assert.equal(parseFilter(filter)(line), expected);
  });
}

for (const filter of ['=x', 'kind=', 'kind= x', 'message="open', 'a=b '.repeat(33)]) {
  test(`filter ${JSON.stringify(filter.slice(0, 20))} is refused with what was expected`, () => {
    assert.throws(
      () => parseFilter(filter),
      (error) => error instanceof QueryError && /: expected at most 32 terms/.test(error.message),
    );
  });
}

test('a pattern that would make a regular expression slow is not', () => {
  const slow = { ...line, fields: { code: 'a'.repeat(1000) } };
  assert.equal(parseFilter(`code=${'*a'.repeat(100)}*b`)(slow), false);
});

/** A file a day, ten events each. */
async function tenDays(directory: string): Promise<void> {
  let nowUnixMs = START_UNIX_MS;
  const retention = { bytesMax: 2 ** 30, ageMsMax: 10 * DAY_MS - 1 };
  const { trail } = await openTrail(directory, { nowUnixMs: () => nowUnixMs, retention });
  for (let day = 0; day < 10; day++) {
    for (let n = 0; n < 10; n++)
      trail.record({ kind: `day.${n % 2 === 0 ? 'even' : 'odd'}`, fields: { day, n } });
    await trail.flush();
    nowUnixMs += DAY_MS;
  }
  await trail.close();
}

test('a trail is read by time, kind and number, always in order', async (t) => {
  const directory = scratchDirectory(t);
  await tenDays(directory);
  const read = async (query: Parameters<typeof linesOf>[1]): Promise<string[]> =>
    (await linesOf(directory, query)).map(
      ({ kind, fields }) => `${String(fields['day'] ?? kind)}/${String(fields['n'] ?? '')}`,
    );
  const filter = parseFilter('day.*');
  assert.equal((await read({})).length, 110);
  assert.equal((await read({ filter })).length, 100);
  const newest = { from: 'newest', lines: 3 } as const;
  const oldest = { from: 'oldest', lines: 3 } as const;
  const odd = parseFilter('kind=day.odd');
  assert.deepEqual(await read({ limit: newest }), ['9/7', '9/8', '9/9']);
  assert.deepEqual(await read({ filter: odd, limit: newest }), ['9/5', '9/7', '9/9']);
  assert.deepEqual(await read({ filter, limit: oldest }), ['0/0', '0/1', '0/2']);
  const sinceUnixMs = START_UNIX_MS + 8 * DAY_MS;
  assert.equal((await read({ filter, sinceUnixMs })).length, 20);
  assert.deepEqual(await read({ filter, sinceUnixMs, limit: oldest }), ['8/0', '8/1', '8/2']);
  const many = { from: 'newest', lines: 37 } as const;
  assert.deepEqual(await read({ filter, limit: many }), (await read({ filter })).slice(-37));
});

test('following shows what is there, then what comes, over the ends of files', async (t) => {
  const directory = scratchDirectory(t);
  const { trail } = await openTrail(directory, { fileBytesMax: 1000 });
  const seen: number[] = [];
  const controller = new AbortController();
  trail.record({ kind: 'test.event', fields: { n: 0 } });
  await trail.flush();
  const following = (async () => {
    const query = { follow: true, filter: parseFilter('test.*') };
    for await (const chunk of readTrail(trail, query, controller.signal)) {
      for (const text of chunk.split('\n').slice(0, -1)) {
        seen.push((JSON.parse(text) as { fields: { n: number } }).fields.n);
      }
      if (seen.length === 50) controller.abort();
    }
  })();
  for (let n = 1; n < 50; n++) {
    trail.record({ kind: 'test.event', fields: { n } });
    if (n % 3 === 0) await trail.flush();
  }
  await trail.flush();
  await following;
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, n) => n),
  );
  await trail.close();
});
