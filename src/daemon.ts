#!/usr/bin/env node
/**
 * `cfs-repl`: one agent, for one site.
 *
 *   cfs-repl --config FILE        runs until SIGTERM or SIGINT
 *   cfs-repl init [--dir DIR]     writes a commented configuration, keys and certificates
 *   cfs-repl check --config FILE  says what is wrong with a configuration
 *
 * Exit status: 0 done or stopped in good order, 1 failed, 2 wrong usage or configuration.
 */
import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { ConfigError, loadConfig } from './config';
import { addInitCommand } from './daemon-init';
import { loadTlsMaterial } from './security/tls-material';
import { softwareVersion } from './telemetry/version';

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

interface ConfigOption {
  readonly config?: string;
}

function configFile({ config }: ConfigOption): string {
  const file = config ?? process.env['CFS_CONFIG'];
  if (file !== undefined && file !== '') return resolve(file);
  throw new ConfigError([
    { path: '', message: 'no configuration: expected --config FILE; `cfs-repl init` writes one' },
  ]);
}

function check(options: ConfigOption): void {
  const file = configFile(options);
  const config = loadConfig(file);
  loadTlsMaterial(config, new Date());
  const peers = config.peers.map((peer) => `${peer.site} (${peer.name})`).join(', ');
  process.stdout.write(
    `${file}: ok: site ${config.site.id} (${config.site.name}), peers: ${peers || 'none'}\n`,
  );
}

async function run(options: ConfigOption): Promise<void> {
  const file = configFile(options);
  const config = loadConfig(file);
  // The native core is loaded only by what runs a node.
  const { runDaemon } = await import('./daemon-run.js');
  process.exitCode = await runDaemon(file, config);
}

async function main(): Promise<void> {
  const program = new Command('cfs-repl')
    .description('Replicates file-system metadata between sites: the agent of one site.')
    .version(softwareVersion(), '-V, --version')
    .option('--config <file>', 'the configuration (or CFS_CONFIG)')
    .exitOverride()
    .action((options: ConfigOption) => run(options));
  addInitCommand(program);
  program
    .command('check')
    .description('check a configuration and its certificates')
    .option('--config <file>', 'the configuration (or CFS_CONFIG)')
    .action((_options: ConfigOption, command: Command) =>
      check(command.optsWithGlobals<ConfigOption>()),
    );
  await program.parseAsync();
}

main().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE;
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message.replace(/^/gm, 'cfs-repl: ')}\n`);
  process.exitCode = error instanceof ConfigError ? EXIT_USAGE : EXIT_FAILED;
});
