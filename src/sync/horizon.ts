/**
 * What every site has seen, with nothing left on its way that was written before it had: the horizon of
 * causal stability. What was gone by then may be forgotten. docs/convergence.md, "Forgetting".
 *
 * Two steps. A snapshot of what each site says it holds; and when this node holds all that is in it, so
 * that whatever comes later was written by someone who had seen what they have in common, that is the
 * horizon.
 */
import { common, covers } from './cursors';
import type { WireCursor } from './session-port';

type Reports = ReadonlyMap<number, readonly WireCursor[]>;

export class Horizon {
  #snapshot: Reports | undefined;

  /**
   * `reports`: of all sites that there are, what each held at one moment; this node's own is `held`.
   * The next horizon, when the last snapshot has become one.
   */
  step(held: readonly WireCursor[], reports: Reports): WireCursor[] | undefined {
    const snapshot = this.#snapshot;
    if (snapshot === undefined || !hasAll(snapshot, reports)) {
      this.#snapshot = reports;
      return undefined;
    }
    for (const report of snapshot.values()) if (!covers(held, report)) return undefined;
    this.#snapshot = reports;
    const horizon = common([...snapshot.values()]);
    return horizon.length > 0 ? horizon : undefined;
  }
}

/** A site that has come since was not asked. */
function hasAll(snapshot: Reports, reports: Reports): boolean {
  for (const site of reports.keys()) if (!snapshot.has(site)) return false;
  return true;
}
