import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CodecName } from '../../../bindings';
import { CodecChooser, type LinkSample, type SealSample } from '../../../src/sync/codec-chooser';

const ALL: ReadonlySet<CodecName> = new Set<CodecName>(['none', 'lz4', 'zstd']);
const MB = 1e6;

const sample = (busy: number, bytesPerSecond: number, idleCores: number): LinkSample => ({
  busy,
  bytesPerSecond,
  rawBytesPerSecond: 2.5 * bytesPerSecond,
  idleCores,
});
const ample = sample(0.1, 100 * MB, 1);
const slowWay = sample(1, 10 * MB, 1);
const fastFullWay = sample(1, 1500 * MB, 1);
const noCpu = sample(0.2, 500 * MB, 0);

/** A 1 MB frame sealed in `sealMs` to `1 / ratio` of its size. */
const seal = (codec: CodecName, ratio: number, sealMs: number): SealSample => ({
  codec,
  rawBytes: MB,
  storedBytes: MB / ratio,
  sealMs,
});

const table: readonly {
  what: string;
  allowed?: ReadonlySet<CodecName>;
  seals?: readonly SealSample[];
  link: LinkSample;
  chosen: CodecName;
}[] = [
  { what: 'with enough of everything: lz4', link: ample, chosen: 'lz4' },
  { what: 'on a slow link with idle cores: zstd', link: slowWay, chosen: 'zstd' },
  {
    what: 'on a fast link that stands full: what seals fastest',
    link: fastFullWay,
    chosen: 'none',
  },
  {
    what: 'on a slow link without CPU for zstd, which is told by how slow lz4 is: lz4',
    seals: [seal('lz4', 2.5, 50)],
    link: slowWay,
    chosen: 'lz4',
  },
  {
    what: 'on a slow link where zstd gains next to nothing over lz4: lz4',
    seals: [seal('lz4', 2.5, 1.6), seal('zstd', 2.6, 4)],
    link: slowWay,
    chosen: 'lz4',
  },
  {
    what: 'for incompressible data: none, on any link',
    seals: [seal('lz4', 1.01, 1.6)],
    link: ample,
    chosen: 'none',
  },
  {
    what: 'for incompressible data: none, on a slow link too',
    seals: [seal('lz4', 1.0, 1.6)],
    link: slowWay,
    chosen: 'none',
  },
  {
    what: 'without CPU, where compressing costs more than it spares: none',
    seals: [seal('lz4', 1.3, 2)],
    link: noCpu,
    chosen: 'none',
  },
  {
    what: 'without CPU, where compressing spares more than it costs: lz4',
    seals: [seal('lz4', 8, 0.8)],
    link: noCpu,
    chosen: 'lz4',
  },
  {
    what: 'never what the peer cannot read',
    allowed: new Set<CodecName>(['none', 'lz4']),
    link: slowWay,
    chosen: 'lz4',
  },
  {
    what: 'none for a peer that reads nothing else',
    allowed: new Set<CodecName>(['none']),
    link: slowWay,
    chosen: 'none',
  },
];

for (const { what, allowed = ALL, seals = [], link, chosen } of table) {
  test(`chooses ${what}`, () => {
    const chooser = new CodecChooser(allowed);
    for (const sample of seals) chooser.sealed(sample);
    assert.equal(chooser.review(link, 1000), chosen);
  });
}

test('a choice stands for five seconds', () => {
  const chooser = new CodecChooser(ALL);
  assert.equal(chooser.review(slowWay, 0), 'zstd');
  assert.equal(chooser.review(ample, 4999), 'zstd');
  assert.equal(chooser.review(ample, 5000), 'lz4');
});

test('on a full way a codec is on trial for five seconds, and stays if entries moved faster', () => {
  const chooser = new CodecChooser(ALL);
  assert.equal(chooser.review(slowWay, 0), 'zstd');
  assert.equal(chooser.review(slowWay, 4999), 'zstd');
  const faster = { ...slowWay, rawBytesPerSecond: slowWay.rawBytesPerSecond * 1.4 };
  assert.equal(chooser.review(faster, 5000), 'zstd');
  assert.equal(chooser.review(faster, 20_000), 'zstd');
});

test('a codec that moved nothing faster goes, and is not tried again for a minute', () => {
  const chooser = new CodecChooser(ALL);
  assert.equal(chooser.review(slowWay, 0), 'zstd');
  assert.equal(chooser.review(slowWay, 5000), 'lz4', 'the peer is slow, not the link');
  assert.equal(chooser.review(slowWay, 64_999), 'lz4');
  assert.equal(chooser.review(slowWay, 65_000), 'zstd');
});

test('a small gain changes nothing', () => {
  const chooser = new CodecChooser(ALL);
  chooser.sealed(seal('lz4', 2.5, 1.6));
  chooser.sealed(seal('zstd', 2.9, 4));
  assert.equal(chooser.review(slowWay, 0), 'lz4');
});

test('what was given up for its ratio is tried again, one frame every 30 s', () => {
  const chooser = new CodecChooser(ALL);
  chooser.sealed(seal('lz4', 1, 1.6));
  assert.equal(chooser.review(ample, 0), 'none');
  assert.equal(chooser.next(29_999), 'none');
  assert.equal(chooser.next(30_000), 'lz4');
  assert.equal(chooser.next(30_001), 'none');
  for (let i = 0; i < 20; i++) chooser.sealed(seal('lz4', 3, 1.6));
  assert.equal(chooser.review(ample, 31_000), 'lz4');
});

test('small frames and frames from the seal cache do not mislead it', () => {
  const chooser = new CodecChooser(ALL);
  chooser.sealed({ codec: 'lz4', rawBytes: 200, storedBytes: 300, sealMs: 50 });
  chooser.sealed(seal('lz4', 2.5, 0));
  assert.equal(chooser.review(ample, 0), 'lz4');
  assert.equal(chooser.report().ratios.lz4, 2.5);
});
