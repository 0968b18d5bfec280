/** `cfs admin replication config` and `id-maps`: what the agent goes by, and taking over what changed. */
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import type { CliIo } from './io';
import { type JsonObject, asObject, numberAt, objectsAt, textAt } from './json';
import type { Style } from './style';
import { renderTable } from './table';

interface ConfigOptions extends CommonOptions {
  readonly reload?: boolean;
}

async function show(context: CliContext<ConfigOptions>): Promise<void> {
  const answer = await context.client.json('GET', '/replication/config');
  if (context.json) return context.printJson(answer);
  const title = `# ${textAt(answer, 'file')}, as it is in force\n`;
  return context.print(title + stringify(asObject(answer['config'])));
}

function renderChanges(changes: readonly JsonObject[]): string {
  return changes
    .map((row) => `${textAt(row, 'key')}: ${textAt(row, 'from')} -> ${textAt(row, 'to')}\n`)
    .join('');
}

async function reload(context: CliContext<ConfigOptions>): Promise<void> {
  const answer = await context.client.json('POST', '/replication/config/reload');
  if (context.json) return context.printJson(answer);
  const changed = objectsAt(answer, 'changed');
  const waiting = objectsAt(answer, 'needs_restart');
  const taken = changed.length === 0 ? 'nothing to take over\n' : 'taken over:\n';
  const left = waiting.length === 0 ? '' : 'changed, but needs a restart:\n';
  return context.print(taken + renderChanges(changed) + left + renderChanges(waiting));
}

/** The rows of one map: `uid 1000-1099 -> 2000-2099`, `uid others -> 65534`. */
function mapRows(site: string, way: string, map: JsonObject): string[][] {
  const span = (first: number, count: number): string =>
    count === 1 ? String(first) : `${first}-${first + count - 1}`;
  return ['uid', 'gid'].flatMap((kind) => {
    const rows = objectsAt(map, kind).map((range) => {
      const count = numberAt(range, 'count');
      const [from, to] = [numberAt(range, 'from'), numberAt(range, 'to')];
      return [site, way, kind, span(from, count), span(to, count)];
    });
    const fallback = map[`default_${kind}`];
    return fallback === undefined
      ? rows
      : [...rows, [site, way, kind, 'others', String(numberAt(map, `default_${kind}`))]];
  });
}

const WAYS = [
  ['their_out', 'as they show them'],
  ['in', 'as we take them'],
  ['out', 'as we show ours'],
] as const;

function renderIdMaps(answer: JsonObject, style: Style): string {
  const rows = objectsAt(answer, 'sites').flatMap((site) => {
    const name = site['name'] === undefined ? '' : ` (${textAt(site, 'name')})`;
    const who = `${numberAt(site, 'site')}${name}`;
    return WAYS.flatMap(([member, way]) => {
      return site[member] === undefined ? [] : mapRows(who, way, asObject(site[member]));
    });
  });
  if (rows.length === 0) return 'no maps: ids are shown as the sites that wrote them have them\n';
  const columns = ['site', 'way', 'kind', 'from', 'to'].map((title) => ({ title }));
  return renderTable(columns, rows, style);
}

async function showIdMaps(context: CliContext): Promise<void> {
  const answer = await context.client.json('GET', '/replication/id-maps');
  if (context.json) return context.printJson(answer);
  return context.print(renderIdMaps(answer, context.style));
}

export function addConfigCommands(replication: Command, io: CliIo): void {
  withAgentOptions(replication.command('config'))
    .description('the configuration in force, or with --reload what the file has now')
    .option('--reload', 'read the file again and take over its live keys')
    .action((options: ConfigOptions) => {
      const context = new CliContext(io, options);
      return options.reload === true ? reload(context) : show(context);
    });

  withAgentOptions(replication.command('id-maps'))
    .description('which user and group ids of other sites are which of ours')
    .action((options: CommonOptions) => showIdMaps(new CliContext(io, options)));
}
