/** Input is cut into whole lines, numbered, whatever the pieces it comes in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LineBatcher, lineBatches } from '../../../src/cli/line-batches';

async function* pieces(...texts: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) {
    await new Promise(setImmediate);
    yield Buffer.from(text);
  }
}

async function batchesOf(input: AsyncIterable<Uint8Array>): Promise<[number, string][]> {
  const batches: [number, string][] = [];
  for await (const { firstLine, bytes } of lineBatches(input)) {
    batches.push([firstLine, bytes.toString()]);
  }
  return batches;
}

test('lines that are cut are put together, and the last needs no newline', async () => {
  const batches = await batchesOf(pieces('one\ntw', 'o\nthr', 'ee'));
  assert.equal(batches.map(([, text]) => text).join(''), 'one\ntwo\nthree');
  for (const [firstLine, text] of batches) {
    assert.equal(text.startsWith(['one', 'two', 'three'][firstLine - 1] ?? '?'), true);
  }
});

test('no input is no batch', async () => {
  assert.deepEqual(await batchesOf(pieces()), []);
});

test('whole lines go when the input pauses; half a line waits for its end', async () => {
  let release: () => void = () => undefined;
  const pause = new Promise<void>((resolve) => (release = resolve));
  async function* typed(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('first\nhal');
    await pause;
    yield Buffer.from('f\n');
  }
  const seen: [number, string][] = [];
  for await (const { firstLine, bytes } of lineBatches(typed())) {
    seen.push([firstLine, bytes.toString()]);
    release();
  }
  assert.deepEqual(seen, [
    [1, 'first\n'],
    [2, 'half\n'],
  ]);
});

test('a batch is about a megabyte', async () => {
  const line = `${'x'.repeat(99)}\n`;
  const batches = await batchesOf(pieces(...new Array<string>(40).fill(line.repeat(1000))));
  assert.ok(batches.length >= 3);
  for (const [, text] of batches) assert.ok(text.length < 1.2 * 1024 * 1024);
  assert.equal(batches.map(([, text]) => text).join(''), line.repeat(40_000));
});

test('of a line without end only enough is kept to see that it is too long', async () => {
  const megabyte = 'x'.repeat(1024 * 1024);
  const batches = await batchesOf(pieces('ok\n', megabyte, megabyte, megabyte, 'end\nnext\n'));
  const text = batches.map(([, part]) => part).join('');
  assert.deepEqual(
    text.split('\n').map((part) => part.length),
    [2, 1024 * 1024 + 1, 4, 0],
  );
  assert.ok(batches.every(([firstLine]) => firstLine <= 3));
});

test('any text cut anywhere comes out as it went in, with right numbers', () => {
  const text = fc.array(fc.constantFrom('a', 'bc', '\n', '\n\n', ''), { maxLength: 30 });
  fc.assert(
    fc.property(text, fc.array(fc.boolean(), { maxLength: 30 }), (parts, takes) => {
      const batcher = new LineBatcher();
      let out = '';
      let expectedLine = 1;
      const take = (): void => {
        const batch = batcher.take();
        if (batch === undefined) return;
        assert.equal(batch.firstLine, expectedLine);
        out += batch.bytes.toString();
        expectedLine += batch.bytes.toString().split('\n').length - 1;
      };
      parts.forEach((part, index) => {
        batcher.push(Buffer.from(part));
        if (takes[index] === true) take();
      });
      batcher.end();
      take();
      assert.equal(out, parts.join(''));
    }),
  );
});
