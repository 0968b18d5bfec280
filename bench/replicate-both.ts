/**
 * Both sites change the same inodes at once, each as fast as it can: every entry is journaled at both,
 * and a change that loses to one made without knowledge of it is a conflict, recorded and replicated as
 * well. At the end both must show the same.
 */
import type { RunResult, SourceTask } from './load/source';
import { type Bench, rounded } from './support/measurement';
import { Sites } from './support/sites';
import { APPENDS_IN_FLIGHT, BATCH_ENTRIES } from './support/two-sites';

const ENTRIES = 2_000_000;
const INODES = 100_000;

interface Contents {
  readonly dump: string;
  readonly names: number;
  readonly conflicts: number;
}

export const replicateBoth: Bench = async function* (context) {
  const { entries = ENTRIES, inodes = INODES, codec = 'auto' } = context.options;
  const sites = await Sites.make(2, context.directory, { codec });
  try {
    const task: SourceTask = {
      inodes,
      entries: Math.ceil(entries / 2),
      entriesPerSecond: 0,
      batchEntries: BATCH_ENTRIES,
      appendsInFlight: APPENDS_IN_FLIGHT,
    };
    const [one, two] = [await sites.start('source', 1, task), await sites.start('source', 2, task)];
    context.say(`making ${inodes.toLocaleString('en-US')} inodes at both sites`);
    await one.ask('prepare');
    await two.ask('share');
    context.say(`${entries.toLocaleString('en-US')} entries, half of them at each site`);
    const startMs = performance.now();
    const runs = await Promise.all([one.ask<RunResult>('run'), two.ask<RunResult>('run')]);
    const seconds = (performance.now() - startMs) / 1000;
    const [a, b] = [await one.ask<Contents>('contents'), await two.ask<Contents>('contents')];
    if (a.dump !== b.dump) throw new Error('the sites show different trees');
    yield {
      bench: 'replicate-both',
      value: rounded((2 * task.entries) / seconds),
      unit: 'entries/s',
      params: {
        entries: 2 * task.entries,
        inodes,
        seconds: rounded(seconds),
        cpu_s: rounded(runs.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)),
        conflicts: Math.max(a.conflicts, b.conflicts),
        dumps: 'equal',
      },
    };
  } finally {
    sites.destroy();
  }
};
