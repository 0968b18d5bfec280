/**
 * Which of two sessions with one site survives. Both sides ask the same question and come to the same
 * answer; docs/conduit-protocol.md, "One session a pair".
 *
 * | instance | dialled by | survives |
 * | --- | --- | --- |
 * | different | | the standing one (the other is a second process with that identity, or a restart that retries) |
 * | same | the same side | the newer |
 * | same | different sides | the one dialled by the lower site id |
 */

export interface Contender {
  /** The peer process, from its Hello. */
  readonly instance: bigint;
  /** True if this side dialled. */
  readonly dialled: boolean;
}

export type Verdict =
  | { readonly survives: 'candidate' }
  | { readonly survives: 'standing'; readonly code: 'duplicate' | 'site_in_use' };

export function arbitrate(
  localSite: number,
  peerSite: number,
  standing: Contender | undefined,
  candidate: Contender,
): Verdict {
  if (standing === undefined) return { survives: 'candidate' };
  if (standing.instance !== candidate.instance) {
    return { survives: 'standing', code: 'site_in_use' };
  }
  if (standing.dialled === candidate.dialled) return { survives: 'candidate' };
  const dialler = candidate.dialled ? localSite : peerSite;
  return dialler === Math.min(localSite, peerSite)
    ? { survives: 'candidate' }
    : { survives: 'standing', code: 'duplicate' };
}
