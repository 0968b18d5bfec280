/** What every command has in hand: where to write, which agent to ask, and in which form to answer. */
import type { Command } from 'commander';
import { AgentClient } from './agent-client';
import type { CliIo } from './io';
import { write } from './io';
import { type LocateOptions, locateSocket } from './locate';
import { type Style, styleOf } from './style';

export interface CommonOptions extends LocateOptions {
  readonly json?: boolean;
}

export class CliContext<Options extends CommonOptions = CommonOptions> {
  readonly style: Style;
  #client: AgentClient | undefined;

  constructor(
    readonly io: CliIo,
    readonly options: Options,
  ) {
    this.style = styleOf(io);
  }

  get json(): boolean {
    return this.options.json === true;
  }

  /** The agent that the options, or the environment, name. */
  get client(): AgentClient {
    this.#client ??= new AgentClient(locateSocket(this.options, this.io));
    return this.#client;
  }

  print(text: string): Promise<void> {
    return write(this.io.stdout, text);
  }

  printJson(value: unknown): Promise<void> {
    return this.print(`${JSON.stringify(value)}\n`);
  }

  /** A line beside the output: progress, remarks, what was refused. */
  remark(text: string): Promise<void> {
    return write(this.io.stderr, `${text}\n`);
  }
}

/** `--json`, `--config` and `--socket`: every command that asks an agent takes them. */
export function withAgentOptions(command: Command): Command {
  return withJsonOption(command)
    .option('--config <file>', 'find the agent by its configuration (or CFS_CONFIG)')
    .option('--socket <path>', 'find the agent by its admin socket (or CFS_SOCKET)');
}

export function withJsonOption(command: Command): Command {
  return command.option('--json', 'print JSON, for programs');
}
