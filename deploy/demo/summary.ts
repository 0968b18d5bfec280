/** What the demo did, on one screen. */
import { formatBytes, formatCount, formatDuration, formatNouns } from '../../src/cli/format';
import type { Comparison } from './comparison';
import { quantile, type WireTotals } from './meter';

export interface Death {
  readonly site: string;
  /** From the start of the process until it answered, its journal recovered. */
  readonly restartMs: number;
  /** From then until each side had everything of the other but what was just being written. */
  readonly catchUpMs: number;
}

export interface Story {
  readonly tree: string;
  readonly importedNames: number;
  readonly importMs: number;
  /** From the start of the import until the second site had the last name, durable. */
  readonly importReplicatedMs: number;
  readonly churnEntries: number;
  readonly churnMs: number;
  readonly churnOps: number;
  readonly writers: number;
  readonly lagSamplesMs: readonly number[];
  readonly deaths: readonly Death[];
  readonly wire: WireTotals;
  readonly comparison: Comparison;
  readonly totalMs: number;
}

const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const BOLD = '\u001b[1m';
const PLAIN = '\u001b[0m';

function rate(count: number, ms: number): string {
  return `${formatCount(Math.round((count / Math.max(1, ms)) * 1000))}/s`;
}

function wireLine({
  bytes_raw: raw,
  bytes_compacted: compacted,
  bytes_compressed: sent,
}: WireTotals): string {
  const times = sent === 0 ? 1 : raw / sent;
  return (
    `${formatBytes(raw)} of entries, ${formatBytes(compacted)} compacted, ` +
    `${formatBytes(sent)} compressed (${times.toFixed(1)} times less)`
  );
}

function rowsOf(story: Story): [string, string][] {
  const { comparison, deaths, lagSamplesMs } = story;
  const [digest] = comparison.digests;
  return [
    [
      'imported',
      `${formatNouns(story.importedNames, 'name')} of ${story.tree} in ${formatDuration(story.importMs)} ` +
        `(${rate(story.importedNames, story.importMs)}), at both sites after ${formatDuration(story.importReplicatedMs)}`,
    ],
    [
      'changed',
      `${formatCount(story.churnEntries)} entries in ${formatDuration(story.churnMs)} ` +
        `(${rate(story.churnEntries, story.churnMs)}): ${story.churnOps} kinds of operation, ` +
        `${story.writers} writers on two sites`,
    ],
    [
      'lag',
      `p50 ${formatDuration(quantile(lagSamplesMs, 0.5))}, p99 ${formatDuration(quantile(lagSamplesMs, 0.99))} ` +
        `(${formatCount(lagSamplesMs.length)} looks at the age of the oldest entry not yet durable at both)`,
    ],
    ...deaths.map((death): [string, string] => [
      'kill -9',
      `${death.site} answered again ${formatDuration(death.restartMs)} after its restart ` +
        `and was level ${formatDuration(death.catchUpMs)} later`,
    ]),
    ['sent', wireLine(story.wire)],
    ['compared', `${formatCount(comparison.names)} names, digest ${digest}`],
  ];
}

export function renderStory(story: Story, coloured: boolean): string {
  const paint = (code: string, text: string): string =>
    coloured ? `${code}${text}${PLAIN}` : text;
  const { comparison } = story;
  const verdict = comparison.equal
    ? paint(GREEN, 'EQUAL: both sites hold the same, byte for byte')
    : paint(RED, 'NOT EQUAL');
  const rows = rowsOf(story).map(([name, text]) => `  ${paint(BOLD, name.padEnd(9))} ${text}`);
  const lines = ['', ...rows, '', `  ${verdict} (${formatDuration(story.totalMs)} in all)`, ''];
  if (comparison.difference !== undefined) {
    lines.push(
      `  first difference: ${comparison.difference[0]}`,
      `          and here: ${comparison.difference[1]}`,
      '',
    );
  } else if (!comparison.equal) {
    lines.push(`  digests differ: ${comparison.digests.join(' and ')}`, '');
  }
  return lines.map((line) => `${line}\n`).join('');
}
