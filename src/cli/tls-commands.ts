/** `cfs admin tls ...`: certificates. `init` needs no agent, and `status` can do without one. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { tlsForm } from '../admin/status-form';
import { loadConfig } from '../config';
import { initTls, type TlsInitResult, type TlsInitSite } from '../security/tls-init';
import { tlsStatus } from '../security/tls-status';
import { CliError, ExitCode } from './cli-error';
import { CliContext, type CommonOptions, withAgentOptions, withJsonOption } from './context';
import type { CliIo } from './io';
import { asObject, type JsonObject, numberAt, objectsAt, textAt } from './json';
import type { SetExitCode } from './program';
import type { Style } from './style';
import { renderTable } from './table';

interface InitOptions extends CommonOptions {
  readonly dir: string;
  readonly cluster?: string;
  readonly site: readonly TlsInitSite[];
  readonly days?: number;
  readonly caDays?: number;
  readonly force?: boolean;
}

interface StatusOptions extends CommonOptions {
  readonly warnDays?: number;
}

const WARN_DAYS_MAX = 36500;

/** "1" or "1:oslo.example.net,10.0.0.1"; collected, as --site may be given several times. */
function collectSite(text: string, previous: readonly TlsInitSite[]): TlsInitSite[] {
  const [, id, hosts] = /^([0-9]{1,5})(?::(.+))?$/.exec(text) ?? [];
  if (id === undefined) {
    throw new InvalidArgumentError('Expected ID or ID:HOST,HOST..., such as 1:oslo.example.net.');
  }
  const site = { id: Number(id), ...(hosts === undefined ? {} : { hosts: hosts.split(',') }) };
  return [...previous, site];
}

function parseDays(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value <= WARN_DAYS_MAX) return value;
  throw new InvalidArgumentError(`Expected whole days, at most ${WARN_DAYS_MAX}.`);
}

function renderInit(result: TlsInitResult): string {
  const { authority } = result;
  const lines = [
    `cluster ${result.clusterUuid}`,
    `authority ${authority.certificate} (${authority.made ? 'made' : 'was there'})`,
    ...result.sites.map((site) => `site ${site.id} ${site.certificate}, ${site.key}`),
    '',
    `Give each site ${authority.certificate} and its own certificate and key.`,
    `Keep ${authority.key} off the sites, and safe: it can make certificates for any site.`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}

async function init(context: CliContext<InitOptions>): Promise<void> {
  const { options, io } = context;
  const result = await initTls({
    directory: resolve(io.cwd, options.dir),
    sites: options.site,
    now: new Date(),
    force: options.force === true,
    ...(options.cluster === undefined ? {} : { clusterUuid: options.cluster }),
    ...(options.days === undefined ? {} : { validityDays: options.days }),
    ...(options.caDays === undefined ? {} : { authorityValidityDays: options.caDays }),
  }).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      throw new CliError(ExitCode.failed, error.code, error.message);
    }
    throw error;
  });
  if (!context.json) return context.print(renderInit(result));
  return context.printJson({
    cluster: result.clusterUuid,
    authority: result.authority,
    sites: result.sites,
  });
}

/** The agent's view, or the files' own when no agent runs and the configuration is known. */
async function readStatus(context: CliContext<StatusOptions>): Promise<JsonObject> {
  const { options, io } = context;
  try {
    return await context.client.json('GET', '/tls/status', { warn_days: options.warnDays });
  } catch (error) {
    const file = options.config ?? io.env['CFS_CONFIG'];
    const unreachable = error instanceof CliError && error.exitCode === ExitCode.unreachable;
    if (!unreachable || file === undefined || options.socket !== undefined) throw error;
    const { tls } = loadConfig(resolve(io.cwd, file));
    return asObject(tlsForm(tlsStatus(tls, new Date(), options.warnDays ?? tls.expiryWarnDays)));
  }
}

function problemsOf(certificate: JsonObject): string[] {
  const problems = certificate['problems'];
  return Array.isArray(problems) ? problems.map(String) : [];
}

function renderStatus(status: JsonObject, style: Style): string {
  const rows = objectsAt(status, 'certificates').map((certificate) => {
    const problems = problemsOf(certificate);
    const site = textAt(certificate, 'site');
    return [
      textAt(certificate, 'role') + (site === '' ? '' : ` ${site}`),
      textAt(certificate, 'valid_to').slice(0, 10),
      String(numberAt(certificate, 'days_left')),
      textAt(certificate, 'key_type'),
      textAt(certificate, 'file'),
      problems.length === 0 ? style.good('ok') : style.bad(problems.join('; ')),
    ];
  });
  const table = renderTable(
    [
      { title: 'CERTIFICATE' },
      { title: 'VALID TO' },
      { title: 'DAYS', align: 'right' },
      { title: 'KEY' },
      { title: 'FILE' },
      { title: 'STATE' },
    ],
    rows,
    style,
  );
  const unreadable = objectsAt(status, 'unreadable').map(
    (item) => `${style.bad('unusable')} ${textAt(item, 'file')}: ${textAt(item, 'reason')}\n`,
  );
  return table + unreadable.join('');
}

async function showStatus(
  context: CliContext<StatusOptions>,
  setExitCode: SetExitCode,
): Promise<void> {
  const status = await readStatus(context);
  const certificates = objectsAt(status, 'certificates');
  const unusable = objectsAt(status, 'unreadable').length > 0;
  if (unusable || certificates.some((certificate) => problemsOf(certificate).length > 0)) {
    setExitCode(ExitCode.unhealthy);
  }
  if (context.json) return context.printJson(status);
  return context.print(renderStatus(status, context.style));
}

export function addTlsCommands(admin: Command, io: CliIo, setExitCode: SetExitCode): void {
  const tls = admin.command('tls').description('certificates of the sites');

  withJsonOption(tls.command('init'))
    .description('make an authority and site certificates, or certificates of further sites')
    .requiredOption('--dir <directory>', 'where keys and certificates go; made when missing')
    .requiredOption('--site <id[:host,...]>', 'a site, and what it is reached by', collectSite, [])
    .option('--cluster <uuid>', 'the cluster; may be left out when the authority is there')
    .option('--days <n>', "validity of the sites' certificates (825)", parseDays)
    .option('--ca-days <n>', "validity of the authority's certificate (3650)", parseDays)
    .option('--force', "replace sites' keys and certificates that are there")
    .action((options: InitOptions) => init(new CliContext(io, options)));

  withAgentOptions(tls.command('status'))
    .description('certificates and their problems; exit status 4 if there are any')
    .option('--warn-days <n>', "fewer days left are a problem (the configuration's)", parseDays)
    .action((options: StatusOptions) => showStatus(new CliContext(io, options), setExitCode));
}
