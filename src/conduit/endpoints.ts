/**
 * Which of a peer's endpoints to dial.
 *
 * | event | next endpoint | round over |
 * | --- | --- | --- |
 * | failed | the one after, from the first again after the last | when each has failed since the last success |
 * | succeeded | the same: what worked is tried first | |
 */

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface EndpointsState {
  readonly index: number;
  readonly failuresInRound: number;
}

export interface EndpointsStep {
  readonly state: EndpointsState;
  /** True if every endpoint has failed: time to back off before the next round. */
  readonly roundOver: boolean;
}

export const ENDPOINTS_START: EndpointsState = { index: 0, failuresInRound: 0 };

export function stepEndpoints(
  state: EndpointsState,
  event: 'failed' | 'succeeded',
  endpointCount: number,
): EndpointsStep {
  if (event === 'succeeded') {
    return { state: { ...state, failuresInRound: 0 }, roundOver: false };
  }
  const failuresInRound = state.failuresInRound + 1;
  const roundOver = failuresInRound >= endpointCount;
  return {
    state: {
      index: (state.index + 1) % endpointCount,
      failuresInRound: roundOver ? 0 : failuresInRound,
    },
    roundOver,
  };
}
