/** The audit trail: /replication/audit and its verification. */
import type { VerifyReport } from '../audit/verify';
import type { AdminTarget } from './admin-target';
import type { JsonObject } from './json-form';
import { jsonReply, linesReply, type Reply } from './reply';
import type { AdminRequest } from './request';

export function audit(target: AdminTarget, { params, signal }: AdminRequest): Reply {
  return linesReply(
    target.auditLines({
      since: params.text('since'),
      filter: params.text('filter'),
      tail: params.integer('tail'),
      oldest: params.flag('oldest'),
      follow: params.flag('follow'),
      signal,
    }),
  );
}

function reportForm({
  files,
  lines,
  bytes,
  first,
  last,
  faults,
  anchors,
}: VerifyReport): JsonObject {
  return {
    whole: faults.length === 0,
    files,
    lines,
    bytes,
    first: first === undefined ? null : { ...first },
    last: last === undefined ? null : { ...last },
    faults: faults.map((fault) => ({ ...fault })),
    anchors: anchors.map((anchor) => ({ ...anchor })),
  };
}

export async function verifyAudit(target: AdminTarget, { params }: AdminRequest): Promise<Reply> {
  return jsonReply(reportForm(await target.verifyAudit(params.text('anchor'))));
}
