/** Totals of one peer since the node was opened, over all its sessions. Counts and bytes are numbers. */

export interface SendCounters {
  frames: number;
  /** Before compaction: entries that the peer now needs no more. */
  entries: number;
  /** After compaction: entries that went over the wire. */
  entriesSent: number;
  /** Headers and payloads before compaction. */
  rawBytes: number;
  /** Frame bodies after compaction, before compression. */
  compactedBytes: number;
  /** Frames as sent. */
  sentBytes: number;
  /** Entries and frames that the peer has acked. */
  entriesAcked: number;
  framesAcked: number;
  /** Milliseconds during which acks were what sending waited for. */
  windowFullMs: number;
}

export interface ReceiveCounters {
  frames: number;
  /** Frames that were held already. */
  duplicates: number;
  entries: number;
  /** Of a newer schema: kept and forwarded, not merged. */
  unknownEntries: number;
  bytes: number;
  /** Frames that were refused, by stable code. */
  refusals: Map<string, number>;
}

export class PeerCounters {
  readonly send: SendCounters = {
    frames: 0,
    entries: 0,
    entriesSent: 0,
    rawBytes: 0,
    compactedBytes: 0,
    sentBytes: 0,
    entriesAcked: 0,
    framesAcked: 0,
    windowFullMs: 0,
  };
  readonly receive: ReceiveCounters = {
    frames: 0,
    duplicates: 0,
    entries: 0,
    unknownEntries: 0,
    bytes: 0,
    refusals: new Map(),
  };
  #ackRttMs: number | undefined;

  /** From sending a frame to the ack that it is durable there: smoothed over about eight frames. */
  get ackRttMs(): number | undefined {
    return this.#ackRttMs;
  }

  acked(rttMs: number): void {
    this.#ackRttMs =
      this.#ackRttMs === undefined ? rttMs : this.#ackRttMs + (rttMs - this.#ackRttMs) / 8;
  }

  refused(code: string): void {
    this.receive.refusals.set(code, (this.receive.refusals.get(code) ?? 0) + 1);
  }
}
