/**
 * One peer's quarantine, over all its sessions: drives the state machine (quarantine.ts), which
 * decides, for whoever takes that peer's frames.
 */
import type { Engine, OriginCursor } from '../../bindings';
import { hlcAtUnixMs, hlcToUnixMs } from '../../bindings/hlc';
import type { QuarantineStatus } from '../telemetry/node-status';
import { lsnOf } from './cursors';
import {
  QUARANTINE_START,
  type QuarantineEvent,
  type QuarantineNow,
  type QuarantineState,
  beyondMs,
  stepQuarantine,
} from './quarantine';
import type { FrameStamp } from './session-port';

/** Time, as it comes in from outside. */
export interface Clocks {
  readonly wallUnixMs: () => number;
  readonly monoMs: () => number;
  /** How far ahead of the wall clock a stamp may be. May change. */
  readonly driftLimitMs: () => number;
}

/** What is held back, when the alarm goes. */
export interface Held {
  readonly stamp: FrameStamp;
  /** Of its greatest stamp, ahead of this node's wall clock. */
  readonly aheadMs: number;
  readonly driftLimitMs: number;
}

export interface PeerQuarantineOptions {
  readonly engine: Pick<Engine, 'held'>;
  readonly clocks: Clocks;
  readonly onAlarm: (held: Held) => void;
  /** Nothing is held back any more: an operator accepted it, or a minute has passed without any. */
  readonly onClear: (released: boolean) => void;
}

interface Holding {
  readonly stamp: FrameStamp;
  readonly sinceUnixMs: number;
  readonly resume: () => void;
}

export class PeerQuarantine {
  readonly #options: PeerQuarantineOptions;
  #state: QuarantineState = QUARANTINE_START;
  #holding: Holding | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PeerQuarantineOptions) {
    this.#options = options;
  }

  /**
   * Whether the next frame may be taken now. If not, `resume` is called once when it may be, and until
   * then, or `drop`, no other frame is asked about.
   */
  admit(stamp: FrameStamp, resume: () => void): boolean {
    const now = this.#now();
    if (beyondMs(this.#state, stamp.hlcMax, now) > 0 && this.#isKnown(stamp)) return true;
    this.#holding = { stamp, sinceUnixMs: now.wallUnixMs, resume };
    const taken = this.#drive({ type: 'frame', hlcMax: stamp.hlcMax });
    if (taken) this.#holding = undefined;
    return taken;
  }

  /** The frame that is held is no longer here: its session is over. */
  drop(): void {
    this.#holding = undefined;
    this.#drive({ type: 'drop' });
  }

  /** The limit may have changed. */
  look(): void {
    if (this.#drive({ type: 'look' })) this.#resume();
  }

  /**
   * Accepts what the peer has sent and will have written by now, up to the stamp that is returned:
   * `waitingHlc`, or the peer's own time if that is later, and the limit on top. Undefined if nothing
   * is held back.
   */
  release(waitingHlc: bigint, peerSkewMs: number): bigint | undefined {
    if (this.#holding === undefined) return undefined;
    const { wallUnixMs, driftLimitMs } = this.#now();
    const peerUnixMs = wallUnixMs + Math.max(0, peerSkewMs);
    const hlc = hlcAtUnixMs(Math.max(hlcToUnixMs(waitingHlc), peerUnixMs) + driftLimitMs);
    if (this.#drive({ type: 'release', hlc })) this.#resume();
    return hlc;
  }

  /** `waiting`: what its receiver keeps, this frame first. */
  status(waiting: { readonly frames: number; readonly bytes: number }): QuarantineStatus {
    const { phase, framesTotal } = this.#state;
    const holding = this.#holding;
    return {
      alarm: phase !== 'clear',
      framesTotal,
      waiting: holding && {
        ...waiting,
        site: holding.stamp.site,
        hlc: holding.stamp.hlcMax,
        aheadMs: hlcToUnixMs(holding.stamp.hlcMax) - this.#options.clocks.wallUnixMs(),
        sinceUnixMs: holding.sinceUnixMs,
      },
    };
  }

  /** Nothing is called any more. */
  close(): void {
    clearTimeout(this.#timer);
    this.#holding = undefined;
  }

  /** True if the frame that was held, or has come, is to be taken. */
  #drive(event: QuarantineEvent): boolean {
    const { state, actions } = stepQuarantine(this.#state, event, this.#now());
    this.#state = state;
    for (const action of actions) {
      switch (action.type) {
        case 'take':
          break;
        case 'look':
          this.#lookIn(action.inMs);
          break;
        case 'alarm':
          if (this.#holding !== undefined) this.#options.onAlarm(this.#describe(this.#holding));
          break;
        case 'clear':
          this.#options.onClear(event.type === 'release');
          break;
      }
    }
    return actions.some(({ type }) => type === 'take');
  }

  #resume(): void {
    const holding = this.#holding;
    this.#holding = undefined;
    holding?.resume();
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#onTimer(), ms).unref();
  }

  #onTimer(): void {
    const holding = this.#holding;
    // It may have come another way meanwhile: then it is a duplicate.
    if (holding !== undefined && this.#isKnown(holding.stamp)) {
      this.#drive({ type: 'drop' });
      this.#resume();
    } else {
      this.look();
    }
  }

  #isKnown({ site, incarnation, lastLsn }: FrameStamp): boolean {
    const held: readonly OriginCursor[] = this.#options.engine.held();
    return lsnOf(held, { site, incarnation }) >= lastLsn;
  }

  #describe({ stamp }: Holding): Held {
    const { wallUnixMs, driftLimitMs } = this.#now();
    return { stamp, aheadMs: hlcToUnixMs(stamp.hlcMax) - wallUnixMs, driftLimitMs };
  }

  #now(): QuarantineNow {
    const { wallUnixMs, monoMs, driftLimitMs } = this.#options.clocks;
    return { wallUnixMs: wallUnixMs(), monoMs: monoMs(), driftLimitMs: driftLimitMs() };
  }
}
