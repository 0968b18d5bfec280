/** Asking a peer a question, whatever sessions with it come and go meanwhile. */
import type { Asked, Session } from './conduit/types';

/** How long a session that ends before the answer is there may take to come back. */
const RECONNECT_TIMEOUT_MS = 5_000;
const RECONNECT_POLL_MS = 20;

/**
 * Questions change nothing, so one that a session did not live to see answered is asked in the next.
 * `session`: the one that is up. Never rejects of itself.
 */
export async function askPeer(
  session: () => Pick<Session, 'ask'> | undefined,
  peer: number,
  question: Uint8Array,
  signal?: AbortSignal,
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
