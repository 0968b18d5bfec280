import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MessageAssembler } from '../../../src/conduit/assembler';
import { ConduitError } from '../../../src/conduit/errors';
import { KIND_CONTROL, KIND_FRAME, encodePrefix } from '../../../src/conduit/protocol';
import type { FrameInfo } from '../../../src/conduit/types';
import { makeFrame, peekFakeFrame } from './fixtures';

interface Sink {
  readonly assembler: MessageAssembler;
  readonly messages: string[];
  readonly admitted: FrameInfo[];
}

function makeSink(admit: (info: FrameInfo) => void = () => undefined): Sink {
  const messages: string[] = [];
  const admitted: FrameInfo[] = [];
  const assembler = new MessageAssembler(peekFakeFrame, {
    onControl: (bytes) => messages.push(`control ${Buffer.from(bytes).toString('hex')}`),
    admitFrame: (info) => {
      admit(info);
      admitted.push(info);
    },
    onFrame: (frame, info) => {
      assert.equal(frame.buffer.byteLength, frame.length, 'a frame is its own allocation');
      messages.push(`frame ${info.firstLsn} ${frame.toString('hex')}`);
    },
  });
  return { assembler, messages, admitted };
}

function framed(kind: typeof KIND_CONTROL | typeof KIND_FRAME, body: Buffer): Buffer {
  return Buffer.concat([encodePrefix(kind, body.length), body]);
}

const CONTROL = Buffer.from('0102030405060708090a', 'hex');
const FRAME = makeFrame({ site: 2, lsn: 7n, bytes: 150 });
const EMPTY = makeFrame({ site: 2, lsn: 8n, bytes: 128 });
const STREAM = Buffer.concat([
  framed(KIND_CONTROL, CONTROL),
  framed(KIND_FRAME, FRAME),
  framed(KIND_FRAME, EMPTY),
  framed(KIND_CONTROL, CONTROL),
]);
const EXPECTED = [
  `control ${CONTROL.toString('hex')}`,
  `frame 7 ${FRAME.toString('hex')}`,
  `frame 8 ${EMPTY.toString('hex')}`,
  `control ${CONTROL.toString('hex')}`,
];

test('a stream in chunks of every size gives the same messages', () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const { assembler, messages } = makeSink();
    for (let at = 0; at < STREAM.length; at += size) {
      assembler.push(STREAM.subarray(at, at + size));
    }
    assert.deepEqual(messages, EXPECTED, `chunks of ${size}`);
  }
});

test('a stream cut in two at every byte gives nothing but whole messages', () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    const { assembler, messages } = makeSink();
    assembler.push(STREAM.subarray(0, cut));
    assert.deepEqual(messages, EXPECTED.slice(0, messages.length), `cut at ${cut}`);
    assembler.push(STREAM.subarray(cut));
    assert.deepEqual(messages, EXPECTED, `cut at ${cut}`);
  }
});

function codeOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ConduitError) return error.code;
    throw error;
  }
  return 'accepted';
}

test('a frame is refused on its header, before the body has come', () => {
  const lying = makeFrame({ site: 2, bytes: 200 });
  lying.writeUInt32LE(201, 4);
  const nonsense = Buffer.alloc(128);
  const table: [string, Buffer, string][] = [
    ['a header that is no header', nonsense, 'malformed'],
    ['a header of another length', lying, 'malformed'],
  ];
  for (const [name, frame, code] of table) {
    const { assembler } = makeSink();
    const head = framed(KIND_FRAME, frame).subarray(0, 8 + 128);
    assert.equal(
      codeOf(() => assembler.push(head)),
      code,
      name,
    );
  }
});

test('admission is asked before there is room for a frame, and is obeyed', () => {
  const { assembler, admitted } = makeSink(() => {
    throw new ConduitError('wrong_origin', 'no');
  });
  const head = framed(KIND_FRAME, makeFrame({ site: 2, bytes: 4 * 1024 * 1024 })).subarray(0, 136);
  const before = process.memoryUsage().arrayBuffers;
  assert.equal(
    codeOf(() => assembler.push(head)),
    'wrong_origin',
  );
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
  assert.equal(admitted.length, 0);
});

test('a length over the limit is refused with the prefix alone', () => {
  for (const kind of [KIND_CONTROL, KIND_FRAME] as const) {
    const { assembler } = makeSink();
    assert.equal(
      codeOf(() => assembler.push(encodePrefix(kind, 2 ** 32 - 1))),
      'too_large',
    );
  }
});
