/** Which agent a command is for. */
import { resolve } from 'node:path';
import { ConfigError, loadConfig } from '../config';
import { CliError, ExitCode, usageError } from './cli-error';
import type { CliIo } from './io';

export interface LocateOptions {
  readonly socket?: string;
  readonly config?: string;
}

/**
 * The agent's Unix socket: --socket, else of --config, else CFS_SOCKET, else of CFS_CONFIG.
 * Throws CliError when none is given or the configuration does not load.
 */
export function locateSocket(options: LocateOptions, io: CliIo): string {
  if (options.socket !== undefined) return resolve(io.cwd, options.socket);
  if (options.config !== undefined) return socketOfConfig(resolve(io.cwd, options.config));
  const socket = io.env['CFS_SOCKET'];
  if (socket !== undefined && socket !== '') return resolve(io.cwd, socket);
  const config = io.env['CFS_CONFIG'];
  if (config !== undefined && config !== '') return socketOfConfig(resolve(io.cwd, config));
  throw usageError(
    'which agent? Give --config FILE or --socket PATH, or set CFS_CONFIG or CFS_SOCKET',
  );
}

function socketOfConfig(file: string): string {
  try {
    return loadConfig(file).admin.socket;
  } catch (error) {
    if (error instanceof ConfigError) {
      throw new CliError(ExitCode.usage, error.code, error.message);
    }
    throw error;
  }
}
