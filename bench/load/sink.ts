/** A site that only receives: it measures itself, and notes when what came was durable. */
import { UsageMeter, engineNumbers, runEmbedded, sharedClockUs } from './embedded';

/** Up to `lsn`, everything was durable and merged at `atUs` of the shared clock. */
export interface AppliedMark {
  readonly lsn: number;
  readonly atUs: number;
}

void runEmbedded((node) => {
  const meter = new UsageMeter();
  let applied: AppliedMark[] = [];
  node.on('applied', ({ lastLsn }) => {
    applied.push({ lsn: Number(lastLsn), atUs: sharedClockUs() });
  });
  return {
    start: () => {
      applied = [];
      meter.start();
      return {};
    },
    usage: () => meter.usage(),
    applied: () => applied,
    engine: () => engineNumbers(node),
  };
});
