/** `cfs admin meta ...`: looking at the replicated tree. */
import { type Command, Option } from 'commander';
import type { Query } from './agent-client';
import { usageError } from './cli-error';
import { addConsistencyCheck } from './consistency-commands';
import { CliContext, type CommonOptions, withAgentOptions } from './context';
import { formatCount } from './format';
import type { CliIo } from './io';
import { asObject, bytesAt, type JsonObject, numberAt, textAt } from './json';
import { renderInode, renderNameLine } from './meta-view';
import type { SetExitCode } from './program';
import { renderPairs } from './table';

interface PathOptions extends CommonOptions {
  readonly base64?: boolean;
}

interface LookupOptions extends PathOptions {
  readonly detailed?: boolean;
}

interface DumpOptions extends CommonOptions {
  readonly localIds?: boolean;
}

/** Names asked for at once: what is kept while a slow reader, such as a pager, takes its time. */
const PAGE_NAMES = 20_000;
const BASE64_OPTION = [
  '--base64',
  'the path is given as base64, for names that are not UTF-8',
] as const;

/** A path argument as the query parameter `name` or `name_base64`. */
export function pathQuery(name: string, argument: string, isBase64: boolean): Query {
  const path = isBase64 ? Buffer.from(argument, 'base64').toString('latin1') : argument;
  if (!path.startsWith('/')) {
    const hint = isBase64 ? 'base64 of an absolute path' : 'an absolute path such as /a/b';
    throw usageError(`${JSON.stringify(argument)}: expected ${hint}`);
  }
  return { [isBase64 ? `${name}_base64` : name]: argument };
}

async function lookup(context: CliContext<LookupOptions>, argument: string): Promise<void> {
  const isBase64 = context.options.base64 === true;
  const isInode = !isBase64 && /^[0-9]+$/.test(argument);
  if (!isInode && !isBase64 && !argument.startsWith('/')) {
    throw usageError(`${JSON.stringify(argument)}: expected an inode number or an absolute path`);
  }
  const query = isInode ? { inode: argument } : pathQuery('path', argument, isBase64);
  const inode = await context.client.json('GET', '/meta/lookup', query);
  if (context.json) return context.printJson(inode);
  return context.print(renderInode(inode, context.options.detailed === true, context.style));
}

/** Pages until the last; each is read whole before it is printed, at whatever speed that goes. */
async function printNames(
  context: CliContext,
  route: string,
  query: Query,
  member: 'path' | 'name',
): Promise<void> {
  let after: Query = {};
  for (;;) {
    const lines: string[] = [];
    for await (const line of context.client.lines('GET', route, {
      ...query,
      ...after,
      max: PAGE_NAMES,
    })) {
      lines.push(line);
    }
    const last = lines.at(-1);
    if (last === undefined) return;
    await context.print(
      context.json
        ? `${lines.join('\n')}\n`
        : lines.map((line) => renderNameLine(parseLine(line), member)).join(''),
    );
    if (lines.length < PAGE_NAMES) return;
    after = {
      after_base64: (bytesAt(parseLine(last), member) ?? Buffer.alloc(0)).toString('base64'),
    };
  }
}

function parseLine(line: string): JsonObject {
  return asObject(JSON.parse(line));
}

interface DigestOptions extends CommonOptions {
  readonly verify?: boolean;
}

async function showDigest(context: CliContext<DigestOptions>): Promise<void> {
  const rescan = context.options.verify;
  const digest = await context.client.json('GET', '/meta/digest', { rescan });
  if (context.json) return context.printJson(digest);
  const pairs: [string, string][] = [
    ['digest', textAt(digest, 'digest')],
    ['inodes', formatCount(numberAt(digest, 'inodes'))],
    ['names', formatCount(numberAt(digest, 'names'))],
  ];
  return context.print(renderPairs(pairs, context.style));
}

export function addMetaCommands(admin: Command, io: CliIo, setExitCode: SetExitCode): void {
  const meta = admin.command('meta').description('look at the replicated tree');

  withAgentOptions(meta.command('lookup'))
    .description('one inode, by its number or one of its paths')
    .argument('<inode-or-path>', 'an inode number, or an absolute path')
    .addOption(new Option(...BASE64_OPTION))
    .option('--detailed', 'everything that is known')
    .action((argument: string, options: LookupOptions) =>
      lookup(new CliContext(io, options), argument),
    );

  withAgentOptions(meta.command('ls'))
    .description('the names in a directory')
    .argument('<path>', 'an absolute path')
    .addOption(new Option(...BASE64_OPTION))
    .action((argument: string, options: PathOptions) =>
      printNames(
        new CliContext(io, options),
        '/meta/ls',
        pathQuery('path', argument, options.base64 === true),
        'name',
      ),
    );

  withAgentOptions(meta.command('dump'))
    .description('every name, sorted by the bytes of its path; two sites compare with cmp')
    .option('--local-ids', 'owners in the ids of this site, not of those that wrote them')
    .action((options: DumpOptions) =>
      printNames(
        new CliContext(io, options),
        '/meta/dump',
        { local_ids: options.localIds },
        'path',
      ),
    );

  withAgentOptions(meta.command('digest'))
    .description('a digest of the live state, equal on sites that hold the same')
    .option('--verify', 'look at everything as well, while nothing is written')
    .action((options: DigestOptions) => showDigest(new CliContext(io, options)));

  addConsistencyCheck(meta, io, setExitCode);
}
