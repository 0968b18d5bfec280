/**
 * The ordered end of a session; docs/conduit-protocol.md, "Drain".
 *
 * | phase | drain (ours) | peerDrain | settled | peerDone | deadline |
 * | --- | --- | --- | --- | --- | --- |
 * | open | sendDrain -> draining | sendDrain, startDeadline -> settling | | out of order | |
 * | draining | | -> settling | | out of order | close |
 * | settling | | out of order | sendDone -> finished | remembered | close |
 * | finished | | out of order | | close | close |
 *
 * A drain of ours comes with its own deadline; a drain that the peer began gets the usual one (startDeadline).
 * `settled` says that every received frame is durable and released; it is asked on entering `settling`
 * and told whenever it becomes true.
 */

export type DrainPhase = 'open' | 'draining' | 'settling' | 'finished' | 'closed';

export interface DrainState {
  readonly phase: DrainPhase;
  readonly peerDone: boolean;
}

export type DrainEvent = 'drain' | 'peerDrain' | 'settled' | 'peerDone' | 'deadline';

export type DrainAction =
  'sendDrain' | 'sendDone' | 'startDeadline' | 'closeDrained' | 'closeLate' | 'outOfOrder';

export interface DrainStep {
  readonly state: DrainState;
  readonly actions: readonly DrainAction[];
}

type Row = Partial<Record<DrainEvent, (state: DrainState) => DrainStep>>;

const late = (state: DrainState): DrainStep => to(state, 'closed', ['closeLate']);
const outOfOrder = (state: DrainState): DrainStep => to(state, 'closed', ['outOfOrder']);

const TRANSITIONS: Record<DrainPhase, Row> = {
  open: {
    drain: (state) => to(state, 'draining', ['sendDrain']),
    peerDrain: (state) => to(state, 'settling', ['sendDrain', 'startDeadline']),
    peerDone: outOfOrder,
  },
  draining: {
    peerDrain: (state) => to(state, 'settling', []),
    peerDone: outOfOrder,
    deadline: late,
  },
  settling: {
    peerDrain: outOfOrder,
    settled: (state) =>
      state.peerDone
        ? to(state, 'closed', ['sendDone', 'closeDrained'])
        : to(state, 'finished', ['sendDone']),
    peerDone: (state) => ({ state: { ...state, peerDone: true }, actions: [] }),
    deadline: late,
  },
  finished: {
    peerDrain: outOfOrder,
    peerDone: (state) => to(state, 'closed', ['closeDrained']),
    deadline: late,
  },
  closed: {},
};

export const DRAIN_START: DrainState = { phase: 'open', peerDone: false };

export function stepDrain(state: DrainState, event: DrainEvent): DrainStep {
  return TRANSITIONS[state.phase][event]?.(state) ?? { state, actions: [] };
}

function to(state: DrainState, phase: DrainPhase, actions: readonly DrainAction[]): DrainStep {
  return { state: { ...state, phase }, actions };
}
