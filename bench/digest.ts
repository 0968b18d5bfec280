/**
 * Are two sites equal? What it costs a merge to keep the digest current, and how long a comparison of two
 * processes takes over mutual TLS: of equal sites, and of sites one of whose inodes was damaged.
 */
import { damageMode } from '../test/end-to-end/support/damage';
import { coreBench } from './core-bench';
import type { Comparisons } from './load/source';
import {
  type Bench,
  type BenchContext,
  type Measurement,
  median,
  rounded,
} from './support/measurement';
import { Sites } from './support/sites';

const INODES = 1_000_000;
const CHECK_MS_MOST = 50;
const FIND_MS_MOST = 200;

interface Made {
  readonly first: number;
}

export const digest: Bench = async function* (context) {
  yield* coreBench('digest')(context);
  yield* comparisons(context, context.options.inodes ?? INODES);
};

async function* comparisons(
  context: BenchContext,
  inodes: number,
): AsyncGenerator<Measurement, void> {
  const sites = await Sites.make(2, context.directory);
  try {
    const sink = await sites.start('sink', 2);
    const source = await sites.start('source', 1, { inodes, entries: 0 });
    context.say(`making ${inodes.toLocaleString('en-US')} inodes at both sites`);
    const { first } = await source.ask<Made>('prepare');
    context.say('comparing equal sites');
    const what = 'check of equal sites';
    yield measurement(what, inodes, CHECK_MS_MOST, await source.ask<Comparisons>('compare'));
    await sink.end();
    damageMode(`${sites.directory}/data-2`, BigInt(first), 0o1234);
    await sites.start('sink', 2);
    context.say('comparing sites that differ in one inode');
    const found = await source.ask<Comparisons>('compare');
    if (found.inodesDiffering !== 1) {
      throw new Error(`${found.inodesDiffering} inodes were found to differ, expected 1`);
    }
    yield measurement('one differing inode found', inodes, FIND_MS_MOST, found);
  } finally {
    sites.destroy();
  }
}

function measurement(
  what: string,
  inodes: number,
  msMost: number,
  { ms, exchanges }: Comparisons,
): Measurement {
  return {
    bench: 'digest',
    value: rounded(median(ms)),
    unit: 'ms',
    params: { what, inodes, exchanges, slowest_ms: rounded(Math.max(...ms)), at_most_ms: msMost },
  };
}
