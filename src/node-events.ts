/** What a node tells those who listen to it. */
import type { RecordedConflict } from '../bindings';
import type { RecordedError } from './telemetry/node-status';

/** A peer came up or went down. */
export interface PeerEvent {
  readonly site: number;
  readonly name: string;
  readonly up: boolean;
  /** Of a peer that went down: stable code and text. */
  readonly code?: string;
  readonly message?: string;
}

/** A frame of a peer is durable here and visible to lookups. */
export interface AppliedEvent {
  /** Whose entries they are. */
  readonly site: number;
  readonly incarnation: bigint;
  readonly firstLsn: bigint;
  readonly lastLsn: bigint;
  readonly entries: number;
  /** The greatest HLC among them: 52 bits of microseconds since the Unix epoch, 12 of counter. */
  readonly hlcMax: bigint;
}

/** Entries of a peer are held back, as they are stamped too far in the future; or no longer are. */
export interface QuarantineEvent {
  readonly site: number;
  readonly name: string;
  readonly held: boolean;
  /** When they are: the greatest stamp, ahead of this node's clock. */
  readonly aheadMs?: number;
}

export interface NodeEvents {
  peer: [event: PeerEvent];
  applied: [event: AppliedEvent];
  /** A change lost to one that was made without knowledge of it. Told at every site, once each. */
  conflict: [conflict: RecordedConflict];
  quarantine: [event: QuarantineEvent];
  /** The node is to be closed and opened again: see `Node.rejoin`. */
  reopen: [];
  /** Something went wrong that the node goes on from. Without a listener it is logged only. */
  error: [error: RecordedError];
}
