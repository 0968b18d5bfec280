/** The whole product at work: a source with the library inside, and a site that receives from it. */
import type { Usage } from '../load/embedded';
import type { AppliedMark } from '../load/sink';
import type { AppendMark, RunResult, SourceTask } from '../load/source';
import type { CodecChoice } from '../options';
import type { BenchContext } from './measurement';
import { type SiteProcess, Sites } from './sites';

/** As many entries as make a group commit of 512 KiB. */
export const BATCH_ENTRIES = 4096;
/** Enough that building, committing and sealing go on at the same time. */
export const APPENDS_IN_FLIGHT = 8;

export interface Work {
  readonly inodes: number;
  readonly entries: number;
  readonly codec?: CodecChoice;
  readonly entriesPerSecond?: number;
}

export interface ReplicateResult {
  readonly source: RunResult;
  readonly sink: Usage;
}

export class TwoSites {
  readonly #sites: Sites;
  readonly #source: SiteProcess;
  readonly #sink: SiteProcess;

  private constructor(sites: Sites, source: SiteProcess, sink: SiteProcess) {
    this.#sites = sites;
    this.#source = source;
    this.#sink = sink;
  }

  /** Both sites are up, and both hold the inodes. */
  static async start(context: BenchContext, work: Work): Promise<TwoSites> {
    const { codec = 'auto', entriesPerSecond = 0, inodes, entries } = work;
    const sites = await Sites.make(2, context.directory, { codec });
    try {
      const task: SourceTask = {
        inodes,
        entries,
        entriesPerSecond,
        batchEntries: BATCH_ENTRIES,
        appendsInFlight: APPENDS_IN_FLIGHT,
      };
      const sink = await sites.start('sink', 2);
      const source = await sites.start('source', 1, task);
      context.say(`making ${inodes.toLocaleString('en-US')} inodes at both sites`);
      await source.ask('prepare');
      return new TwoSites(sites, source, sink);
    } catch (error) {
      sites.destroy();
      throw error;
    }
  }

  /** From the first append until the second site has durably applied the last. */
  async replicate(): Promise<ReplicateResult> {
    await this.#sink.ask('start');
    const source = await this.#source.ask<RunResult>('run');
    return { source, sink: await this.#sink.ask<Usage>('usage') };
  }

  /** Appends at a steady rate; when each was called, and when the second site had how much. */
  async pace(): Promise<{ appends: AppendMark[]; applied: AppliedMark[]; sink: Usage }> {
    await this.#sink.ask('start');
    const appends = await this.#source.ask<AppendMark[]>('pace');
    const applied = await this.#sink.ask<AppliedMark[]>('applied');
    return { appends, applied, sink: await this.#sink.ask<Usage>('usage') };
  }

  destroy(): void {
    this.#sites.destroy();
  }
}

/** Runs `work` once on fresh sites. */
export async function replicateOnce(context: BenchContext, work: Work): Promise<ReplicateResult> {
  const sites = await TwoSites.start(context, work);
  try {
    const { entries } = work;
    context.say(`replicating ${entries.toLocaleString('en-US')} entries`);
    return await sites.replicate();
  } finally {
    sites.destroy();
  }
}
