/**
 * Keeps a stranger from filling the trail, and pushing out what is older, by knocking all day: of events
 * that are alike, the first few of a minute are recorded as they come, the rest as one with their number.
 */
import type { AuditEvent } from './line';

/** Of one kind and key, in one window. */
export const BURST_EVENTS = 10;
export const WINDOW_MS = 60_000;
/** Keys at once; events of further ones share one key a kind. */
const KEYS_MAX = 1024;

interface Window {
  readonly startedMs: number;
  readonly last: AuditEvent;
  readonly count: number;
}

export class RepeatGate {
  readonly #windows = new Map<string, Window>();

  /** True if it is to be recorded now; otherwise it is in what `due` returns later. */
  admit(event: AuditEvent, key: string, nowMs: number): boolean {
    const full = `${event.kind} ${key}`;
    const known = this.#windows.has(full) || this.#windows.size < KEYS_MAX;
    const slot = known ? full : event.kind;
    const window = this.#windows.get(slot);
    const count = (window?.count ?? 0) + 1;
    this.#windows.set(slot, { startedMs: window?.startedMs ?? nowMs, last: event, count });
    return count <= BURST_EVENTS;
  }

  /** Windows that are over, if there was more in them than was recorded: the last such event. */
  due(nowMs: number): AuditEvent[] {
    const events: AuditEvent[] = [];
    for (const [slot, { startedMs, last, count }] of this.#windows) {
      if (nowMs - startedMs < WINDOW_MS) continue;
      this.#windows.delete(slot);
      const repeats = count - BURST_EVENTS;
      if (repeats > 0) events.push({ ...last, fields: { ...last.fields, repeats } });
    }
    return events;
  }
}
