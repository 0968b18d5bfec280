/** Where a node's errors go: its audit trail, its log, and the list that its status shows. */
import type { NodeAudit } from './node-audit';
import type { Log } from './telemetry/log';
import type { RecordedError } from './telemetry/node-status';

const RECENT_MAX = 64;

export class NodeErrors {
  readonly #audit: NodeAudit;
  readonly #log: Log;
  readonly #recent: RecordedError[] = [];

  constructor(audit: NodeAudit, log: Log) {
    this.#audit = audit;
    this.#log = log;
  }

  /** The latest, newest first. */
  get recent(): RecordedError[] {
    return [...this.#recent];
  }

  note(
    code: string,
    message: string,
    peerSite: number | undefined,
    peerName: string | undefined,
  ): RecordedError {
    const unixMs = Date.now();
    const peer = peerSite === undefined ? {} : { peer: peerSite };
    const error: RecordedError = { unixMs, code, message, ...peer };
    this.#audit.error(error);
    this.#recent.unshift(error);
    this.#recent.length = Math.min(this.#recent.length, RECENT_MAX);
    this.#log.component('sync').warn({ code, peer: peerName }, message);
    return error;
  }
}
