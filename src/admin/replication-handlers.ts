/** The node as a whole: /health, /metrics, /replication/*, /tls/status. */
import type { AdminTarget } from './admin-target';
import { jsonReply, type Reply } from './reply';
import type { AdminRequest } from './request';
import {
  cursorsForm,
  healthForm,
  journalForm,
  lagDocument,
  quarantineForm,
  statusForm,
  tlsForm,
} from './status-form';

/** For an orchestrator: 503 only when a restart or another node is called for. */
export function orchestratorHealth(target: AdminTarget): Reply {
  const health = target.health();
  return jsonReply(healthForm(target.status(), health), health.state === 'DOWN' ? 503 : 200);
}

export function health(target: AdminTarget): Reply {
  return jsonReply(healthForm(target.status(), target.health()));
}

export async function metrics(target: AdminTarget): Promise<Reply> {
  return {
    kind: 'text',
    contentType: 'text/plain; version=0.0.4; charset=utf-8',
    body: await target.metricsText(),
  };
}

export function status(target: AdminTarget): Reply {
  return jsonReply(statusForm(target.status(), target.health()));
}

export function lag(target: AdminTarget): Reply {
  return jsonReply(lagDocument(target.status()));
}

export function cursors(target: AdminTarget): Reply {
  return jsonReply(cursorsForm(target.status()));
}

export function journal(target: AdminTarget): Reply {
  return jsonReply(journalForm(target.status()));
}

export async function collect(target: AdminTarget, request: AdminRequest): Promise<Reply> {
  const auditOnly = request.params.flag('audit_only');
  const aggressive = request.params.flag('aggressive');
  const collected = await target.collect({ aggressive, auditOnly });
  return jsonReply({
    audit_only: auditOnly,
    aggressive,
    segments: collected.segments,
    bytes: collected.bytes,
    held_by: collected.heldBy,
  });
}

export function quarantine(target: AdminTarget): Reply {
  return jsonReply(quarantineForm(target.status(), target.quarantine()));
}

/** The route requires the site. */
export function releaseQuarantine(target: AdminTarget, { params }: AdminRequest): Reply {
  const released = target.releaseQuarantine(params.integer('site') ?? 0);
  return jsonReply({
    site: released.site,
    name: released.name,
    accepted_hlc: released.acceptedHlc.toString(),
    accepted_unix_ms: released.acceptedUnixMs,
  });
}

/** The route requires the site. */
export async function evict(target: AdminTarget, { params }: AdminRequest): Promise<Reply> {
  const evicted = await target.evict(params.integer('site') ?? 0, { force: params.flag('force') });
  return jsonReply({
    site: evicted.site,
    incarnation: evicted.incarnation.toString(),
    lsn: evicted.lsn.toString(),
    waiting_for: [...evicted.waitingFor],
  });
}

/** The route requires the primary. */
export function rejoin(target: AdminTarget, { params }: AdminRequest): Reply {
  const primary = params.integer('primary') ?? 0;
  target.rejoin(primary, { force: params.flag('force') });
  return jsonReply({ primary });
}

export function tlsStatus(target: AdminTarget, request: AdminRequest): Reply {
  return jsonReply(tlsForm(target.tlsStatus(request.params.integer('warn_days'))));
}
