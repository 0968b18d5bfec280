import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError, parseBenchArguments } from '../../../bench/options';

const known = ['crc', 'replicate', 'all'];

test('names and --json are read, and everything else is left to the bench', () => {
  assert.deepEqual(parseBenchArguments(['replicate', '--json'], known), {
    names: ['replicate'],
    json: true,
    help: false,
  });
});

test('counts may be grouped with underscores', () => {
  const { entries, inodes } = parseBenchArguments(
    ['replicate', '--entries', '1_000_000', '--inodes=1000'],
    known,
  );
  assert.deepEqual({ entries, inodes }, { entries: 1_000_000, inodes: 1000 });
});

test('several names are run in the order given', () => {
  assert.deepEqual(parseBenchArguments(['replicate', 'crc'], known).names, ['replicate', 'crc']);
});

const refusals: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['a name that there is not', ['nope'], /no bench "nope"/],
  ['no name', ['--json'], /no name given/],
  ['an option that there is not', ['crc', '--fast'], /--fast/],
  ['a count that is none', ['crc', '--entries', '1e99'], /--entries 1e99: expected a whole number/],
  ['a count of zero', ['crc', '--inodes', '0'], /--inodes 0: expected/],
  ['a codec that there is not', ['crc', '--codec', 'gzip'], /--codec gzip: expected auto, none/],
];

for (const [what, argv, message] of refusals) {
  test(`${what} is refused, and the message says what was expected`, () => {
    assert.throws(
      () => parseBenchArguments(argv, known),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
    );
  });
}

test('--help needs no name', () => {
  assert.equal(parseBenchArguments(['--help'], known).help, true);
});
