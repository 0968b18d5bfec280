/** The ledger of conflicts: /replication/conflicts and what is decided about them. */
import type { AdminTarget } from './admin-target';
import type { JsonObject } from './json-form';
import { jsonReply, linesReply, type Reply } from './reply';
import type { AdminRequest } from './request';

export function conflicts(target: AdminTarget, { params, signal }: AdminRequest): Reply {
  return linesReply(
    target.conflictLines({
      since: params.text('since'),
      filter: params.text('filter'),
      open: params.flag('open'),
      signal,
    }),
  );
}

/** The route requires it. */
function idOf({ params }: AdminRequest): string {
  return params.text('id') ?? '';
}

export async function conflict(target: AdminTarget, request: AdminRequest): Promise<Reply> {
  return jsonReply((await target.conflict(idOf(request))) as JsonObject);
}

export async function acknowledge(target: AdminTarget, request: AdminRequest): Promise<Reply> {
  const id = idOf(request);
  return jsonReply({ id, lsn: String(await target.acknowledgeConflict(id)) });
}

export async function restore(target: AdminTarget, request: AdminRequest): Promise<Reply> {
  const id = idOf(request);
  return jsonReply({ id, lsn: String(await target.restoreConflict(id)) });
}
