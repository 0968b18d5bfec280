/**
 * Whether this node's journal is what its peers know as it.
 *
 * A data directory that is put back to an older copy numbers its next entries as it numbered those that
 * it lost. The handshake tells, by LSN and by the HLC of the entry there, and then nothing more is
 * accepted, so that no number ever names two entries that replicate:
 *
 * | standing    | what a peer told                         | what follows                                     |
 * | ----------- | ---------------------------------------- | ------------------------------------------------ |
 * | sound       |                                          | everything                                       |
 * | rolled-back | it holds more of this journal            | the peer compares what is here with what it has  |
 * | retired     | ... and it is the same as far as it goes | the next opening goes on as a new incarnation    |
 * | diverged    | it has other entries under its numbers   | nothing, also after a restart: an operator's case |
 * | evicted     | an eviction has closed it                | nothing, also after a restart, until it rejoins   |
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Engine, type OriginCursor, makeError } from '../bindings';
import type { Session } from './conduit/types';
import { writeFileDurably } from './durable-file';
import { fromWire, lsnOf } from './sync/cursors';
import type { SyncSession, WireOrigin } from './sync/session-port';

type Standing = 'sound' | 'rolled-back' | 'retired' | 'diverged' | 'evicted';

/** Standings that outlast a restart, by the file of the data directory that says so. */
const LASTING = [
  ['diverged', 'refused'],
  ['evicted', 'evicted'],
] as const;

export interface StandingOptions {
  readonly engine: Pick<Engine, 'held' | 'retireIncarnation'>;
  readonly dataDir: string;
  /** This node's own journal. */
  readonly origin: WireOrigin;
  /** `code` is CFS_ROLLED_BACK, CFS_DIVERGED or CFS_EVICTED: to be counted, logged and shown. */
  readonly onTrouble: (peerSite: number, code: string, message: string) => void;
  readonly onError: (error: unknown) => void;
}

export class JournalStanding {
  readonly #options: StandingOptions;
  #standing: Standing;
  #refusal: string | undefined;

  constructor(options: StandingOptions) {
    this.#options = options;
    this.#standing = 'sound';
    for (const [standing, file] of LASTING) {
      const refusal = readRefusal(join(options.dataDir, file));
      if (refusal !== undefined) [this.#standing, this.#refusal] = [standing, refusal];
    }
  }

  get isEvicted(): boolean {
    return this.#standing === 'evicted';
  }

  /** Why everything may not be taken from a peer anew; undefined if it may. */
  refusalToRejoin(force: boolean): Error | undefined {
    if (this.#standing === 'diverged') return makeError('CFS_STOPPED', this.#refusal ?? '');
    if (this.#standing === 'evicted' || force) return undefined;
    const message =
      'this site was not evicted, so nothing needs to be set aside; force it if that is wanted all the same';
    return makeError('CFS_INVALID_ARGUMENT', message);
  }

  /** Why nothing is accepted; undefined when all is well. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /** Looks at a session that came up. True: it is dealt with, and nothing goes over it. */
  bars(session: Session): boolean {
    const ahead = lsnOf(fromWire(session.hello.cursors), this.#options.origin);
    const own = lsnOf(this.#options.engine.held(), this.#options.origin);
    const isFinal = this.#standing !== 'sound' && this.#standing !== 'rolled-back';
    if (ahead > own && !isFinal) {
      this.#onRolledBack(session, ahead, own);
      return true;
    }
    if (this.#refusal === undefined) return false;
    session.attach({ onFrame: ignore, onAck: ignore, onClose: ignore });
    session.close('internal', this.#refusal);
    return true;
  }

  /**
   * The peer has other entries than this node under the same numbers: of this journal, which is then the
   * one that was put back; of the peer's own, which is told so; or of a third site's, which neither can
   * mend. False: the session is closed.
   */
  onForks(session: SyncSession, forks: readonly OriginCursor[]): boolean {
    const { peerSite } = session;
    const own = forks.find(({ site }) => site === this.#options.origin.site);
    if (own !== undefined) {
      this.onDiverged(peerSite, own.lsn);
      session.close('internal', this.#refusal ?? '');
      return false;
    }
    const theirs = forks.find(({ site }) => site === peerSite);
    for (const { site, lsn } of theirs === undefined ? forks : [theirs]) {
      const message =
        `site ${peerSite} has another entry at LSN ${lsn} of site ${site}'s journal than this node: ` +
        'that journal was put back to an older copy and written to since';
      this.#options.onTrouble(peerSite, 'CFS_DIVERGED', message);
      if (theirs !== undefined) session.close('diverged', message);
    }
    return theirs === undefined;
  }

  /** Both histories stay where they are; this one goes no further, now and after a restart. */
  onDiverged(peerSite: number, lsn: bigint | undefined): void {
    if (this.#standing === 'diverged') return;
    const where = lsn === undefined ? '' : ` at LSN ${lsn}`;
    this.#standing = 'diverged';
    this.#refusal =
      `site ${peerSite} has another entry${where} under this journal's name: the data directory was ` +
      'put back to an older copy and written to since. Nothing is accepted or sent. Keep the ' +
      'directory and save what was written with cfs journal tail; then start with an empty one, which ' +
      'gets everything back from the peers';
    writeFileDurably(this.#options.dataDir, 'refused', `${this.#refusal}\n`);
    this.#options.onTrouble(peerSite, 'CFS_DIVERGED', this.#refusal);
  }

  /** A site has closed this journal: `peerSite` says so, or wrote the entry that is held here. */
  onEvicted(peerSite: number): void {
    if (this.#standing === 'evicted' || this.#standing === 'diverged') return;
    this.#standing = 'evicted';
    this.#refusal =
      `this site was evicted, as site ${peerSite} tells: the others go on without it. Nothing is accepted or ` +
      'sent. It comes back, with what it had not sent as conflicts, by: cfs admin replication rejoin ' +
      `--primary ${peerSite}`;
    writeFileDurably(this.#options.dataDir, 'evicted', `${this.#refusal}\n`);
    this.#options.onTrouble(peerSite, 'CFS_EVICTED', this.#refusal);
  }

  /**
   * This journal's next numbers are taken. If it has given some of them already, the peer, which
   * compares, refuses the session; if not, the peer sends what is missing, and there is nothing more to
   * know.
   */
  #onRolledBack(session: Session, ahead: bigint, own: bigint): void {
    const message =
      `site ${session.peerSite} holds this node's journal up to LSN ${ahead}, but here it ends at ` +
      `${own}: the data directory was put back to an older copy. Nothing is accepted until the agent is ` +
      'restarted: it then goes on as a new incarnation and gets back what is missing';
    const isNew = this.#standing === 'sound';
    this.#standing = 'rolled-back';
    this.#refusal = message;
    if (isNew) this.#options.onTrouble(session.peerSite, 'CFS_ROLLED_BACK', message);
    const onFrame = (): void => {
      if (this.#standing === 'rolled-back') this.#retire();
      session.close('internal', message);
    };
    session.attach({ onFrame, onAck: ignore, onClose: ignore });
  }

  #retire(): void {
    this.#standing = 'retired';
    this.#options.engine.retireIncarnation().catch(this.#options.onError);
  }
}

const ignore = (): undefined => undefined;

// The files `refused` and `evicted` of a data directory: one line of text for the operator.

/** Undefined when the directory may be written to, as nearly all may. */
function readRefusal(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
