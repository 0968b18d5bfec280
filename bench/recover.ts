/** A journal without a checkpoint is read again after its process was killed. */
import { type Bench, rounded } from './support/measurement';
import { Sites } from './support/sites';

const ENTRIES = 5_000_000;
const INODES = 100_000;
const BATCH_ENTRIES = 4096;
const APPENDS_IN_FLIGHT = 8;
/** More journal than there will be: no checkpoint shortens the way. */
const NEVER_BYTES = 1024 ** 4;

export const recover: Bench = async function* (context) {
  const { entries = ENTRIES, inodes = INODES } = context.options;
  const sites = await Sites.make(1, context.directory, {
    checkpoint: { intervalBytes: NEVER_BYTES },
  });
  try {
    context.say(`writing a journal of ${entries.toLocaleString('en-US')} entries`);
    const source = await sites.start('source', 1, {
      inodes,
      entries,
      entriesPerSecond: 0,
      batchEntries: BATCH_ENTRIES,
      appendsInFlight: APPENDS_IN_FLIGHT,
    });
    await source.ask('prepare');
    await source.ask('run');
    await source.kill();
    context.say('opening it again');
    const reopened = await sites.start('sink', 1);
    const engine = await reopened.ask<Record<string, number>>('engine');
    const { recoveredEntries = NaN, recoveryNs = NaN, journalBytes = NaN } = engine;
    yield {
      bench: 'recover',
      value: rounded((recoveredEntries / recoveryNs) * 1e9),
      unit: 'entries/s',
      params: {
        entries: recoveredEntries,
        entry_bytes: 128,
        inodes,
        seconds: rounded(recoveryNs / 1e9),
        journal_bytes: journalBytes,
      },
    };
  } finally {
    sites.destroy();
  }
};
