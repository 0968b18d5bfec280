import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpBatch } from '../../../bindings';
import { AppendError, type AppendOptions, type AppendResult, makeError } from '../../../bindings';
import { type AppendLinesOptions, appendLines } from '../../../src/journal/append-lines';
import { settle } from '../sync/fakes';

const EMPTY: AppendResult = {
  firstLsn: 0n,
  lastLsn: 0n,
  appended: 0,
  duplicates: 0,
  unchanged: 0,
  refused: 0,
  errors: [],
};

/** Takes every operation but those whose number, over all batches, is in `bad`. */
class FakeJournal {
  readonly batches: number[] = [];
  taken = 0;
  seen = 0;
  queueFullTimes = 0;
  stopped = false;
  gate: Promise<void> = Promise.resolve();

  constructor(readonly bad: ReadonlySet<number> = new Set()) {}

  async append(batch: OpBatch, { keepGoing }: AppendOptions): Promise<AppendResult> {
    if (this.queueFullTimes-- > 0) throw makeError('CFS_QUEUE_FULL', 'full');
    if (this.stopped) throw makeError('CFS_STOPPED', 'the journal stopped');
    const count = batch.count;
    batch.reset();
    await this.gate;
    this.batches.push(count);
    const result = { ...EMPTY, errors: [] as AppendResult['errors'] };
    for (let index = 0; index < count; index++) {
      if (!this.bad.has(this.seen++)) {
        result.appended++;
        this.taken++;
        result.firstLsn ||= BigInt(this.taken);
        result.lastLsn = BigInt(this.taken);
        continue;
      }
      const error = makeError('CFS_EXISTS', 'it is there');
      result.refused++;
      result.errors.push({ index, error });
      if (keepGoing !== true) throw new AppendError(error, result);
    }
    return result;
  }
}

async function* chunks(...parts: readonly (string | Buffer)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    await settle();
    yield Buffer.from(part);
  }
}

const mkdir = (name: string): string => `{"op":"mkdir","path":"/${name}"}`;

function run(
  journal: FakeJournal,
  parts: readonly (string | Buffer)[],
  options: AppendLinesOptions = {},
) {
  return appendLines(chunks(...parts), journal, options);
}

test('appends every line and tells how many', async () => {
  const journal = new FakeJournal();
  const result = await run(journal, [`${mkdir('a')}\n\n${mkdir('b')}\r\n`, mkdir('c')]);
  assert.deepEqual({ ...result }, { ...EMPTY, lines: 4, appended: 3, firstLsn: 1n, lastLsn: 3n });
});

test('nothing is read further than a batch ahead of a journal that waits', async () => {
  const journal = new FakeJournal();
  let open = (): void => undefined;
  journal.gate = new Promise((resolve) => (open = resolve));
  let pulled = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (; pulled < 50; pulled++) {
      await settle();
      yield Buffer.from(`${Array.from({ length: 1000 }, (_, i) => mkdir(String(i))).join('\n')}\n`);
    }
  }
  const running = appendLines(endless(), journal);
  for (let i = 0; i < 100; i++) await settle();
  assert.ok(pulled < 8, `${pulled} chunks were read`);
  open();
  assert.equal((await running).appended, 50_000);
});

const faults: readonly [string, string | Buffer, RegExp][] = [
  ['bad JSON', '{"op":', /^not JSON: /],
  ['bad UTF-8', Buffer.from([0x22, 0xff, 0x22]), /expected UTF-8/],
  ['a line that is too long', 'x'.repeat(5000), /at most 4096 bytes/],
  ['an unknown op', '{"op":"chmod"}', /expected one of create/],
  ['a name that is none', '{"op":"mkdir","path":"/.."}', /other than "\." and "\.\."/],
];

for (const [what, line, message] of faults) {
  test(`${what} stops it there, with the line before applied and its number told`, async () => {
    const journal = new FakeJournal();
    const parts = [`${mkdir('a')}\n`, line, `\n${mkdir('b')}\n`];
    const result = await run(journal, parts, { lineBytesMax: 4096 });
    assert.deepEqual([result.appended, result.refused, result.lines], [1, 1, 2]);
    assert.equal(result.errors[0]?.line, 2);
    assert.match(result.errors[0].message, message);
    assert.equal(journal.taken, 1);
  });

  test(`${what} is skipped and counted when it keeps going`, async () => {
    const journal = new FakeJournal();
    const parts = [`${mkdir('a')}\n`, line, `\n${mkdir('b')}\n`];
    const result = await run(journal, parts, { lineBytesMax: 4096, keepGoing: true });
    assert.deepEqual([result.appended, result.refused, result.lines], [2, 1, 3]);
    assert.equal(result.errors[0]?.line, 2);
  });
}

test('an operation that the engine refuses stops it at its line', async () => {
  const journal = new FakeJournal(new Set([1]));
  const result = await run(journal, [`${mkdir('a')}\n\n${mkdir('b')}\n${mkdir('c')}\n`]);
  assert.deepEqual([result.appended, result.refused, result.lines], [1, 1, 3]);
  assert.deepEqual(result.errors, [{ line: 3, code: 'CFS_EXISTS', message: 'it is there' }]);
});

test('of two bad lines the first is told, whoever found it', async () => {
  const journal = new FakeJournal(new Set([0]));
  const result = await run(journal, [`${mkdir('a')}\nnot json\n`]);
  assert.deepEqual([result.refused, result.errors[0]?.line], [1, 1]);
  assert.equal(journal.taken, 0);
});

test('keeping going, refused operations are told by their lines', async () => {
  const journal = new FakeJournal(new Set([0, 2]));
  const text = `${mkdir('a')}\n${mkdir('b')}\n${mkdir('c')}\n`;
  const result = await run(journal, [text], { keepGoing: true, firstLine: 10 });
  assert.deepEqual([result.appended, result.refused, result.lines], [1, 2, 3]);
  assert.deepEqual(
    result.errors.map(({ line }) => line),
    [10, 12],
  );
});

test('a full queue is waited for; a stopped journal ends it', async () => {
  const journal = new FakeJournal();
  journal.queueFullTimes = 3;
  assert.equal((await run(journal, [mkdir('a')])).appended, 1);
  journal.stopped = true;
  await assert.rejects(run(journal, [mkdir('b')]), { code: 'CFS_STOPPED' });
});

test('a journal that fails while the input is still coming is no success', async () => {
  for (const more of ['', `${mkdir('b')}\n`, '{"op":']) {
    const journal = new FakeJournal();
    journal.stopped = true;
    async function* input(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${mkdir('a')}\n`);
      for (let i = 0; i < 10; i++) await settle(); // it has failed by now, and nobody has asked
      yield Buffer.from(more);
    }
    await assert.rejects(appendLines(input(), journal), { code: 'CFS_STOPPED' }, more);
  }
});

test('an aborted signal ends it with its reason', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(run(new FakeJournal(), [mkdir('a')], { signal }), /enough/);
});
