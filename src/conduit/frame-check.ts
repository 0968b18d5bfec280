/** Whether a session may carry a frame, by what its header says. */
import { ConduitError } from './errors';
import type { FrameInfo } from './types';

export interface FrameRules {
  readonly clusterUuid: string;
  readonly frameBytesMax: number;
  readonly peerSite: number;
  /** Frames of other sites may come as well. */
  readonly forward: boolean;
}

/** Throws ConduitError "too_large", "wrong_cluster" or "wrong_origin". */
export function checkFrame(info: FrameInfo, rules: FrameRules): void {
  if (info.totalBytes > rules.frameBytesMax) {
    const message = `frame of ${info.totalBytes} bytes, at most ${rules.frameBytesMax} are taken`;
    throw new ConduitError('too_large', message);
  }
  const { site, clusterUuid } = info;
  if (clusterUuid !== rules.clusterUuid) {
    throw new ConduitError('wrong_cluster', `frame of cluster ${clusterUuid}`);
  }
  if (site !== rules.peerSite && !rules.forward) {
    const message = `frame of site ${site} in a session with site ${rules.peerSite}`;
    throw new ConduitError('wrong_origin', message);
  }
}
