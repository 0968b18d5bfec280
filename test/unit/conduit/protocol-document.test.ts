import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { verifyControl } from '../../../bindings';
import { MessageAssembler } from '../../../src/conduit/assembler';
import { decodeControl } from '../../../src/conduit/control-decode';
import { REFUSE_CODES } from '../../../src/conduit/errors';
import type { IncomingMessage } from '../../../src/conduit/messages';
import { helloOf, peekFakeFrame } from './fixtures';

const DOCUMENT = readFileSync('docs/conduit-protocol.md', 'utf8');

test('the examples of the document decode to what it says of them', () => {
  const blocks = [...DOCUMENT.matchAll(/```hex\n([^`]*)```/g)].map(([, hex = '']) =>
    Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'),
  );
  const decoded: IncomingMessage[] = [];
  const assembler = new MessageAssembler(peekFakeFrame, {
    onControl: (bytes) => decoded.push(decodeControl(bytes, verifyControl)),
    admitFrame: () => assert.fail('no example is a frame'),
    onFrame: () => assert.fail('no example is a frame'),
  });
  for (const block of blocks) assembler.push(block);
  const origin = { site: 1, incarnation: 0x1122334455667788n };
  assert.deepEqual(decoded, [
    { kind: 'drainDone' },
    { kind: 'refuse', code: 'busy', message: 'too many' },
    {
      kind: 'ack',
      cursors: [{ origin, lsn: 42n, shards: [{ shard: 7, seq: 40n }] }],
      creditBytesTotal: 16 * 1024 * 1024,
      creditFramesTotal: 1024,
    },
    {
      kind: 'hello',
      hello: helloOf(2, { software: 'cfs-repl 0.1.0', capabilities: ['forward'] }),
    },
  ]);
});

test('the document lists every refusal with its number', () => {
  const rows = [...DOCUMENT.matchAll(/^\| (\d+) +\| ([A-Z]\w+) +\|/gm)].map(
    ([, number, name = '']) => [
      name.replaceAll(/(?<!^)([A-Z])/g, '_$1').toLowerCase(),
      Number(number),
    ],
  );
  assert.deepEqual(Object.fromEntries(rows), { ...REFUSE_CODES });
});
