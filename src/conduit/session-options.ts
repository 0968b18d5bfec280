/** What every session of a conduit shares, and what one session is told at its start. */
import type { PeekFrame } from './assembler';
import type { VerifyControl } from './control-decode';
import type { Environment, Logger } from './environment';
import type { HeartbeatOptions } from './heartbeat';
import type { Link } from './link';
import type { ClusterId, LocalStatus, PeerCounters, PeerStatus } from './types';

export interface SessionSettings {
  readonly clusterUuid: string;
  readonly cluster: ClusterId;
  readonly site: number;
  /** Drawn once for this process. */
  readonly instance: bigint;
  readonly software: string;
  readonly capabilities: readonly string[];
  readonly codecs: number;
  readonly entrySchemaMax: number;
  readonly frameBytesMax: number;
  readonly windowBytes: number;
  readonly windowFrames: number;
  readonly heartbeat: HeartbeatOptions;
  /** How long a drain that the peer began may take. */
  readonly drainTimeoutMs: number;
  readonly status: (peerSite: number) => LocalStatus;
  readonly peerStatus: (peerSite: number) => PeerStatus;
  readonly peekFrame: PeekFrame;
  readonly verifyControl: VerifyControl;
  readonly environment: Environment;
  readonly log: Logger;
}

export interface SessionStart {
  readonly link: Link;
  readonly dialled: boolean;
  readonly counters: PeerCounters;
  /** What is left of the time allowed for the handshake. */
  readonly handshakeMs: number;
}
