/** Asking a peer a question, whatever sessions with it come and go meanwhile. */
import { CFS_ERROR_CODES, type CfsErrorCode, makeError } from '../bindings';
import type { Asked, Session } from './conduit/types';

/** How long a session that ends before the answer is there may take to come back. */
const RECONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_POLL_MS = 20;

export interface Respondent {
  readonly peer: number;
  /** The session with it that is up. */
  readonly session: () => Pick<Session, 'ask'> | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Rejects with ClosedError where there is no session, BusyError when no answer comes in time, and with
 * what the peer says instead of an answer.
 */
export async function askPeer(respondent: Respondent, question: Uint8Array): Promise<Uint8Array> {
  const { peer, timeoutMs } = respondent;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Asked>((resolve) => {
    const message = `site ${peer} gave no answer within ${timeoutMs} ms`;
    timer = setTimeout(() => resolve({ code: 'CFS_QUEUE_FULL', message }), timeoutMs);
  });
  const asked = await Promise.race([askAcrossSessions(respondent, question), late]);
  clearTimeout(timer);
  if ('answer' in asked) return asked.answer;
  const code = CFS_ERROR_CODES.find((known) => known === asked.code) ?? 'CFS_MALFORMED';
  throw makeError(code satisfies CfsErrorCode, asked.message);
}

/** Questions change nothing, so one that a session did not live to see answered is asked in the next. */
async function askAcrossSessions(
  { peer, session, signal }: Respondent,
  question: Uint8Array,
): Promise<Asked> {
  const deadlineMs = performance.now() + RECONNECT_TIMEOUT_MS;
  let asked: Asked = { code: 'CFS_CLOSED', message: `site ${peer} is not connected` };
  let last = session();
  if (last !== undefined) asked = await last.ask(question);
  while (last !== undefined && 'code' in asked && asked.code === 'CFS_CLOSED') {
    if (performance.now() > deadlineMs || signal?.aborted === true) break;
    const next = session();
    if (next === undefined || next === last) {
      await new Promise((resolve) => setTimeout(resolve, RECONNECT_POLL_MS));
    } else {
      last = next;
      asked = await next.ask(question);
    }
  }
  return asked;
}
