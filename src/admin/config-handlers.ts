/** The configuration of a running agent: /replication/config, /replication/id-maps. */
import type { IdRange, OwnerMap } from '../../bindings';
import type { KeyChange } from '../config';
import type { AdminTarget } from './admin-target';
import type { JsonObject } from './json-form';
import { jsonReply, type Reply } from './reply';

export function config(target: AdminTarget): Reply {
  const { file, config: inForce } = target.config();
  return jsonReply({ file, config: inForce });
}

export async function reloadConfig(target: AdminTarget): Promise<Reply> {
  const { changed, needsRestart } = await target.reloadConfig();
  const form = ({ key, from, to }: KeyChange): JsonObject => ({ key, from, to });
  return jsonReply({ changed: changed.map(form), needs_restart: needsRestart.map(form) });
}

export function idMaps(target: AdminTarget): Reply {
  const sites = target.idMaps().map(({ site, name, in: taken, theirOut, out }) => ({
    site,
    ...(name === undefined ? {} : { name }),
    ...(taken === undefined ? {} : { in: ownerMapForm(taken) }),
    ...(theirOut === undefined ? {} : { their_out: ownerMapForm(theirOut) }),
    ...(out === undefined ? {} : { out: ownerMapForm(out) }),
  }));
  return jsonReply({ sites });
}

function ownerMapForm({ uid, gid, defaultUid, defaultGid }: OwnerMap): JsonObject {
  const form = ({ from, to, count }: IdRange): JsonObject => ({ from, to, count });
  return {
    uid: uid.map(form),
    gid: gid.map(form),
    ...(defaultUid === undefined ? {} : { default_uid: defaultUid }),
    ...(defaultGid === undefined ? {} : { default_gid: defaultGid }),
  };
}
