/** `cfs admin replication quarantine`: what of the peers is stamped too far in the future. */
import type { Command } from 'commander';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import { formatBytes, formatCount, formatDuration, formatTime } from './format';
import type { CliIo } from './io';
import { type JsonObject, numberAt, objectsAt, optionalNumberAt, textAt } from './json';
import { parseSite } from './site-argument';
import type { Style } from './style';
import { renderTable } from './table';

/** A difference of two clocks. */
export function skewText(object: JsonObject, member: string): string {
  const ms = optionalNumberAt(object, member);
  if (ms === undefined) return '-';
  return `${ms < 0 ? '-' : '+'}${formatDuration(Math.abs(ms))}`;
}

function renderQuarantine(quarantine: JsonObject, style: Style): string {
  const peers = objectsAt(quarantine, 'peers');
  if (peers.length === 0) return 'nothing is held back\n';
  const table = renderTable(
    [
      { title: 'PEER' },
      { title: 'SINCE' },
      { title: 'STAMPED AHEAD BY', align: 'right' },
      { title: 'ITS CLOCK', align: 'right' },
      { title: 'FRAMES', align: 'right' },
      { title: 'SIZE', align: 'right' },
      { title: 'ENTRIES OF SITE', align: 'right' },
    ],
    peers.map((peer) => [
      `${textAt(peer, 'site')} (${textAt(peer, 'name')})`,
      formatTime(numberAt(peer, 'since_unix_ms')),
      formatDuration(numberAt(peer, 'ahead_ms')),
      skewText(peer, 'clock_skew_ms'),
      formatCount(numberAt(peer, 'frames')),
      formatBytes(numberAt(peer, 'bytes')),
      textAt(peer, 'of_site'),
    ]),
    style,
  );
  return `${table}the drift limit is ${formatDuration(numberAt(quarantine, 'drift_limit_ms'))}\n`;
}

async function list(context: CliContext): Promise<void> {
  const quarantine = await context.client.json('GET', '/replication/quarantine');
  if (context.json) return context.printJson(quarantine);
  return context.print(renderQuarantine(quarantine, context.style));
}

async function release(context: CliContext, site: number): Promise<void> {
  const path = '/replication/quarantine/release';
  const released = await context.client.json('POST', path, { site });
  if (context.json) return context.printJson(released);
  const upTo = formatTime(numberAt(released, 'accepted_unix_ms'));
  return context.print(
    `${site} (${textAt(released, 'name')}): accepted what is stamped up to ${upTo}\n`,
  );
}

export function addQuarantineCommands(replication: Command, io: CliIo): void {
  const quarantine = replication
    .command('quarantine')
    .description("what peers sent that is stamped too far ahead of this site's clock, and waits");

  withAgentOptions(quarantine.command('list'))
    .description('from whom, how much, and how far ahead')
    .action((options: CommonOptions) => list(new CliContext(io, options)));

  withAgentOptions(quarantine.command('release'))
    .description('take what waits of a peer, and what it has written by now')
    .argument('<site>', 'the number of the peer', parseSite)
    .action((site: number, options: CommonOptions) => release(new CliContext(io, options), site));
}
