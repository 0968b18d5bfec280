/** Totals of one peer; `PeerCounters` says what each means. */
import { isOrderly, isRefusal, type EndCode, type UseCode } from './errors';
import type { PeerCounters } from './types';

export function newCounters(): PeerCounters {
  return {
    framesOut: 0,
    framesIn: 0,
    entriesOut: 0,
    entriesIn: 0,
    bytesOut: 0,
    bytesIn: 0,
    controlsOut: 0,
    controlsIn: 0,
    dials: 0,
    sessions: 0,
    reconnects: 0,
    errors: 0,
    refusals: new Map(),
  };
}

/** A dial or a session came to this end. */
export function countEnd(counters: PeerCounters, code: EndCode | UseCode): void {
  if (isRefusal(code)) counters.refusals.set(code, (counters.refusals.get(code) ?? 0) + 1);
  if (!isOrderly(code)) counters.errors += 1;
}
