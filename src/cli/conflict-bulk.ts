/** `cfs admin replication conflicts ack|restore --filter`: many conflicts, one after the other. */
import { AgentError } from './agent-client';
import { ExitCode } from './cli-error';
import type { CliContext, CommonOptions } from './context';
import { formatCount, formatNouns } from './format';
import { asObject, textAt } from './json';
import type { SetExitCode } from './program';

export type How = 'ack' | 'restore';

export interface SettleOptions extends CommonOptions {
  readonly filter?: string;
  readonly keepGoing?: boolean;
}

interface Refusal {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

const CLEAR_LINE = '\r\u001b[K';
const PROGRESS_INTERVAL_MS = 100;
const VERBS = { ack: 'acknowledged', restore: 'restored' } as const;

/** Those that are open now, oldest first: what was written first is made again first. */
async function openIds(context: CliContext<SettleOptions>, filter: string): Promise<string[]> {
  const { client, io } = context;
  const query = { filter, open: true };
  const ids: string[] = [];
  for await (const line of client.lines('GET', '/replication/conflicts', query, io.interrupted)) {
    ids.push(textAt(asObject(JSON.parse(line)), 'id'));
  }
  return ids;
}

/** What has become of so many conflicts. */
class Settling {
  settled = 0;
  lastLsn = '0';
  readonly refusals: Refusal[] = [];
  #shownMs = -Infinity;

  constructor(
    readonly context: CliContext<SettleOptions>,
    readonly how: How,
    readonly matched: number,
  ) {}

  async settle(id: string): Promise<void> {
    const path = `/replication/conflicts/${this.how}`;
    try {
      this.lastLsn = textAt(await this.context.client.json('POST', path, { id }), 'lsn');
      this.settled++;
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      this.refusals.push({ id, code: error.code, message: error.message });
    }
  }

  /** On a terminal, now and then. */
  showProgress(): void {
    const { io } = this.context;
    if (!io.stderrIsTty || performance.now() - this.#shownMs < PROGRESS_INTERVAL_MS) return;
    this.#shownMs = performance.now();
    const done = formatCount(this.settled + this.refusals.length);
    io.stderr.write(`${CLEAR_LINE}${done} of ${formatCount(this.matched)} ${VERBS[this.how]}`);
  }

  async report(): Promise<void> {
    const { context, matched, settled, refusals, lastLsn } = this;
    if (context.io.stderrIsTty) context.io.stderr.write(CLEAR_LINE);
    if (context.json) {
      const result = { matched, settled, refused: refusals.length, last_lsn: lastLsn };
      return context.printJson({ ...result, errors: refusals });
    }
    for (const { id, code, message } of refusals) {
      await context.remark(`${id} refused: ${message} (${code})`);
    }
    const upTo = settled === 0 ? '' : `, LSN ${lastLsn}`;
    const verb = VERBS[this.how];
    const of = formatNouns(matched, 'open conflict');
    return context.print(`${formatCount(settled)} of ${of} ${verb}${upTo}\n`);
  }
}

/**
 * Settles all open conflicts that match. Stops at the first that is refused, unless it is to keep going;
 * exit status 1 if any was, or if it was interrupted.
 */
export async function settleAll(
  context: CliContext<SettleOptions>,
  how: How,
  filter: string,
  setExitCode: SetExitCode,
): Promise<void> {
  const ids = await openIds(context, filter);
  const settling = new Settling(context, how, ids.length);
  try {
    for (const id of ids) {
      if (context.io.interrupted.aborted) break;
      await settling.settle(id);
      if (settling.refusals.length > 0 && context.options.keepGoing !== true) break;
      settling.showProgress();
    }
  } finally {
    if (settling.settled < ids.length) setExitCode(ExitCode.failed);
    await settling.report();
  }
}
