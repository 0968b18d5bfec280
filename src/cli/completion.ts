/**
 * Completion for bash, zsh and fish. The scripts ask `cfs __complete WORDS...` for what may come next,
 * so they never fall behind the commands.
 */
import type { Command } from 'commander';
import { usageError } from './cli-error';
import type { CliIo } from './io';
import { write } from './io';

const COMPLETE = '__complete';

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_cfs() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  mapfile -t COMPREPLY < <(cfs ${COMPLETE} -- "\${words[@]}" 2>/dev/null)
  [[ \${#COMPREPLY[@]} -gt 0 ]] || compopt -o default
}
complete -F _cfs cfs
`,
  zsh: `#compdef cfs
_cfs() {
  local -a found
  found=("\${(@f)$(cfs ${COMPLETE} -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _cfs cfs
`,
  fish: `function __cfs_complete
  set -l words (commandline -opc) (commandline -ct)
  cfs ${COMPLETE} -- $words[2..-1] 2>/dev/null
end
complete -c cfs -a '(__cfs_complete)'
`,
};

/** What may stand in place of the last word. */
export function completions(program: Command, words: readonly string[]): string[] {
  const typed = words.at(-1) ?? '';
  let command = program;
  for (const word of words.slice(0, -1)) {
    command = command.commands.find((child) => child.name() === word) ?? command;
  }
  const names = command.commands.map((child) => child.name()).filter((name) => name !== COMPLETE);
  const flags = command.options.map((option) => option.long ?? '').filter((flag) => flag !== '');
  const candidates = typed.startsWith('-') ? [...flags, '--help'] : names;
  return candidates.filter((candidate) => candidate.startsWith(typed)).sort();
}

export function addCompletionCommands(program: Command, io: CliIo): void {
  program
    .command('completion')
    .description('print the completion script of a shell: bash, zsh or fish')
    .argument('<shell>', 'such as: source <(cfs completion bash)')
    .action(async (shell: string) => {
      const script = SCRIPTS[shell];
      if (script === undefined) {
        throw usageError(`shell "${shell}": expected ${Object.keys(SCRIPTS).join(', ')}`);
      }
      await write(io.stdout, script);
    });

  program
    .command(COMPLETE, { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const found = completions(program, words);
      await write(io.stdout, found.map((word) => `${word}\n`).join(''));
    });
}
