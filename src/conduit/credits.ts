/**
 * Flow control in bytes and frames. Grants are totals since the session began, so a repeated or late
 * message changes nothing.
 *
 * Sender: | event | effect |
 * | --- | --- |
 * | sent(bytes) | sent += bytes; overrun if that passes what was granted |
 * | grant(totals) | granted = the greater of both |
 *
 * Receiver: | event | effect |
 * | --- | --- |
 * | received(bytes) | received += bytes; overrun if that passes what was granted |
 * | released(bytes, frames) | released +=; announce if a quarter of the window is due |
 * | announced | granted = released + window |
 */

export interface Amount {
  readonly bytes: number;
  readonly frames: number;
}

export interface SenderCredit {
  readonly granted: Amount;
  readonly sent: Amount;
}

export interface ReceiverCredit {
  readonly window: Amount;
  readonly granted: Amount;
  readonly received: Amount;
  readonly released: Amount;
}

const ZERO: Amount = { bytes: 0, frames: 0 };

export function startSender(window: Amount): SenderCredit {
  return { granted: window, sent: ZERO };
}

export function mayTake(granted: Amount, taken: Amount, bytes: number): boolean {
  return taken.bytes + bytes <= granted.bytes && taken.frames + 1 <= granted.frames;
}

/** undefined if the credit does not allow it. */
export function afterSent(state: SenderCredit, bytes: number): SenderCredit | undefined {
  if (!mayTake(state.granted, state.sent, bytes)) return undefined;
  return { ...state, sent: add(state.sent, { bytes, frames: 1 }) };
}

export function afterGrant(state: SenderCredit, total: Amount): SenderCredit {
  return {
    ...state,
    granted: {
      bytes: Math.max(state.granted.bytes, total.bytes),
      frames: Math.max(state.granted.frames, total.frames),
    },
  };
}

export function startReceiver(window: Amount): ReceiverCredit {
  return { window, granted: window, received: ZERO, released: ZERO };
}

/** undefined if the peer sent more than was granted. */
export function afterReceived(state: ReceiverCredit, bytes: number): ReceiverCredit | undefined {
  if (!mayTake(state.granted, state.received, bytes)) return undefined;
  return { ...state, received: add(state.received, { bytes, frames: 1 }) };
}

/** undefined if more is released than was received: an error of the caller. */
export function afterReleased(state: ReceiverCredit, amount: Amount): ReceiverCredit | undefined {
  const released = add(state.released, amount);
  if (released.bytes > state.received.bytes || released.frames > state.received.frames) {
    return undefined;
  }
  return { ...state, released };
}

export function afterAnnounced(state: ReceiverCredit): ReceiverCredit {
  return { ...state, granted: add(state.released, state.window) };
}

/** What the peer does not know yet. */
export function due(state: ReceiverCredit): Amount {
  const total = add(state.released, state.window);
  return {
    bytes: total.bytes - state.granted.bytes,
    frames: total.frames - state.granted.frames,
  };
}

/** True if the peer should hear of its credit at once. */
export function mustAnnounce(state: ReceiverCredit): boolean {
  const unannounced = due(state);
  return (
    unannounced.bytes * 4 >= state.window.bytes || unannounced.frames * 4 >= state.window.frames
  );
}

/** True if every received frame has been released. */
export function isSettled(state: ReceiverCredit): boolean {
  return state.released.frames === state.received.frames;
}

function add(a: Amount, b: Amount): Amount {
  return { bytes: a.bytes + b.bytes, frames: a.frames + b.frames };
}
