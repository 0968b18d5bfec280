/** What this node says of itself in the first message to a peer. */
import { fitHelloCursors } from './control-encode';
import { PROTOCOL_MAX, PROTOCOL_MIN } from './protocol';
import type { SessionSettings } from './session-options';
import type { PeerHello } from './types';

export function makeHello(settings: SessionSettings, peerSite: number): PeerHello {
  const status = settings.status(peerSite);
  return {
    protocolMin: PROTOCOL_MIN,
    protocolMax: PROTOCOL_MAX,
    software: settings.software,
    cluster: settings.cluster,
    origin: { site: settings.site, incarnation: status.incarnation },
    instance: settings.instance,
    epoch: status.epoch,
    capabilities: settings.capabilities,
    codecs: settings.codecs,
    entrySchemaMax: settings.entrySchemaMax,
    frameBytesMax: settings.frameBytesMax,
    windowBytes: settings.windowBytes,
    windowFrames: settings.windowFrames,
    cursors: fitHelloCursors(status.cursors),
    forgotten: status.forgotten ?? [],
  };
}
