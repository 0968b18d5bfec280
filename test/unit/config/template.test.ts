import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { loadConfig, parseConfig, renderTemplate, type ConfigInput } from '../../../src/config';
import { ID_RANGES_MAX } from '../../../src/config/id-map';
import * as schema from '../../../src/config/schema';
import { least, writeConfig } from './fixtures';

test('what the template renders loads as what was given', (context) => {
  const values: ConfigInput = {
    ...least,
    listen: { port: 9600 },
    peers: [{ site: 2, name: 'oslo', endpoints: ['127.0.0.1:9500'], codec: 'lz4' }],
    journal: { segmentBytes: '16MiB' },
    log: { level: 'debug' },
  };
  const file = writeConfig(context, renderTemplate(values));
  assert.deepEqual(loadConfig(file), parseConfig(values, dirname(file)));
});

test('every commented key is the default: uncommenting all of them changes nothing', (context) => {
  const text = renderTemplate({ ...least, peers: [] });
  const uncommented = text.replace(/^( *)# ([a-z_]+: \S.*)$/gm, '$1$2');
  assert.notEqual(uncommented, text);
  const file = writeConfig(context, uncommented);
  assert.deepEqual(loadConfig(file), parseConfig(least, dirname(file)));
});

test('the example of a peer can be uncommented as it stands', (context) => {
  const text = renderTemplate(least);
  const example = /^# peers:\n(# {3}.*\n)+/m.exec(text)?.[0] ?? '';
  const uncommented = text.replace(example, example.replace(/^# /gm, ''));
  const { peers } = loadConfig(writeConfig(context, uncommented));
  const endpoints = [{ host: 'oslo.example.net', port: 9500 }];
  assert.deepEqual(peers, [{ site: 2, name: 'oslo', endpoints, codec: 'auto', enabled: true }]);
});

test('no line is wider than an editor, and a comment stands above every key', () => {
  const lines = renderTemplate(least).split('\n');
  for (const [index, line] of lines.entries()) {
    assert.ok(line.length <= 100, line);
    const isKey = /^ *(# *(- )?)?[a-z_]+:( \S|$)/.test(line);
    if (isKey) assert.match(lines[index - 1] ?? '', /^ *# /, `above: ${line}`);
  }
});

test('bounds agree with those of the core', () => {
  const file = join(__dirname, '../../../../native/core/base/limits.h');
  const limits = readFileSync(file, 'utf8');
  const limit = (name: string): number => {
    const expression = new RegExp(`${name} = ([^;]+);`).exec(limits)?.[1] ?? assert.fail(name);
    const factors = expression.replaceAll(/ull\b/g, '').split('*').map(Number);
    return factors.reduce((product, factor) => product * factor, 1);
  };
  assert.equal(schema.SHARDS_MAX, limit('kShardsMax'));
  assert.equal(ID_RANGES_MAX, limit('kIdRangesMax'));
  assert.equal(schema.SEGMENT_BYTES_MIN, limit('kSegmentBytesMin'));
  assert.equal(schema.SEGMENT_BYTES_MAX, limit('kSegmentBytesMax'));
  assert.equal(schema.FRAME_BYTES_MAX, limit('kFrameRawBytesMax') + limit('kFrameHeaderBytes'));
});
