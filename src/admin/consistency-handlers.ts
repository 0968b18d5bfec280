/** Comparing with peers and mending what differs: /meta/consistency-check, /replication/resync. */
import type {
  ComparisonStatus,
  InodeDifference,
  RegisterDifference,
  RegisterValue,
} from '../../bindings';
import type { ConsistencyReport } from '../node-consistency';
import type { AdminTarget } from './admin-target';
import { badRequest, toApiError } from './api-error';
import { type JsonObject, type JsonValue, type MutableJsonObject, putBytes } from './json-form';
import { linesReply, type Reply } from './reply';
import type { AdminRequest } from './request';

const PROGRESS_INTERVAL_MS = 200;
const SITE_MAX = 65535;

function valueForm(value: RegisterValue | undefined): JsonValue {
  if (value === undefined) return null;
  const { hlc, site, incarnation, lsn } = value;
  return {
    value: value.value,
    hlc: hlc.toString(),
    site,
    incarnation: incarnation.toString(),
    lsn: lsn.toString(),
  };
}

function registerForm(difference: RegisterDifference): JsonObject {
  const { register, key, link, here, there, mendAt, repaired } = difference;
  const object: MutableJsonObject = { register };
  if (key !== undefined) putBytes(object, 'key', key);
  if (link !== undefined) {
    const { site, incarnation, lsn } = link;
    object['link'] = { site, incarnation: incarnation.toString(), lsn: lsn.toString() };
  }
  return { ...object, here: valueForm(here), there: valueForm(there), mend_at: mendAt, repaired };
}

function differenceForm(difference: InodeDifference): JsonObject {
  const object: MutableJsonObject = { inode: difference.inode.toString() };
  if (difference.path !== undefined) putBytes(object, 'path', difference.path);
  return {
    ...object,
    live_here: difference.liveHere,
    live_there: difference.liveThere,
    too_large: difference.tooLarge,
    registers: difference.registers.map(registerForm),
  };
}

function progressForm(peer: number, status: ComparisonStatus): JsonObject {
  return {
    peer,
    exchanges: status.exchanges,
    inodes_here: status.inodesHere,
    inodes_there: status.inodesThere,
    inodes_listed: status.inodesListed,
    inodes_compared: status.inodesCompared,
    inodes_in_flight: status.inodesInFlight,
    inodes_differing: status.inodesDiffering,
    registers_differing: status.registersDiffering,
    registers_repaired: status.registersRepaired,
  };
}

function reportForm(report: ConsistencyReport): JsonObject {
  const { peer, equal, common, differences, inodesDiffering } = report;
  return {
    ...progressForm(peer, report),
    equal,
    as_of: common.map(({ site, incarnation, lsn }) => ({
      site,
      incarnation: incarnation.toString(),
      lsn: lsn.toString(),
    })),
    differences: differences.map(differenceForm),
    differences_omitted: inodesDiffering - differences.length,
  };
}

type OnProgress = (peer: number, status: ComparisonStatus) => void;

/** Lines `{"progress":{...}}` while it runs, and one `{"result":{...}}` in the end. */
async function* progressLines(
  run: (onProgress: OnProgress) => Promise<JsonObject>,
): AsyncGenerator<string> {
  let latest: JsonObject | undefined;
  let result: JsonObject | undefined;
  let failure: unknown;
  let ended = false as boolean;
  const running = run((peer, status) => {
    latest = progressForm(peer, status);
  })
    .then((form) => {
      result = form;
    })
    .catch((error: unknown) => {
      failure = error;
    })
    .finally(() => {
      ended = true;
    });
  for (;;) {
    let timer: NodeJS.Timeout | undefined;
    const pause = new Promise((resolve) => {
      timer = setTimeout(resolve, PROGRESS_INTERVAL_MS);
    });
    await Promise.race([running, pause]);
    clearTimeout(timer);
    if (ended) break;
    if (latest !== undefined) yield `${JSON.stringify({ progress: latest })}\n`;
  }
  if (result === undefined) throw toApiError(failure);
  yield `${JSON.stringify({ result })}\n`;
}

async function checkOne(
  target: AdminTarget,
  peer: number,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<JsonObject> {
  const progress = (status: ComparisonStatus): void => onProgress(peer, status);
  return reportForm(await target.consistencyCheck(peer, { signal, onProgress: progress }));
}

/** Of all peers, one that cannot be asked does not keep the others from being compared. */
async function checkAll(
  target: AdminTarget,
  signal: AbortSignal,
  onProgress: OnProgress,
): Promise<JsonObject> {
  const peers: JsonObject[] = [];
  for (const { site } of target.status().peers) {
    try {
      peers.push(await checkOne(target, site, signal, onProgress));
    } catch (failure) {
      const { code, message } = toApiError(failure);
      peers.push({ peer: site, error: { code, message } });
    }
  }
  return { peers };
}

export function consistencyCheck(target: AdminTarget, { params, signal }: AdminRequest): Reply {
  const peer = params.integer('peer');
  return linesReply(
    progressLines(async (onProgress) =>
      peer === undefined
        ? checkAll(target, signal, onProgress)
        : { peers: [await checkOne(target, peer, signal, onProgress)] },
    ),
  );
}

export function resync(target: AdminTarget, { params, signal }: AdminRequest): Reply {
  const peer = params.integer('peer') ?? 0; // the route requires it
  const inode = params.uint64('inode');
  const all = params.flag('all');
  const dryRun = params.flag('dry_run');
  if ((inode === undefined) !== all) throw badRequest('expected one parameter of inode, all');
  return linesReply(
    progressLines(async (onProgress) => {
      const report = await target.resync(peer, {
        dryRun,
        signal,
        onProgress: (status) => onProgress(peer, status),
        ...(inode === undefined ? {} : { inode }),
      });
      return { ...reportForm(report), dry_run: dryRun };
    }),
  );
}

export const PEER_PARAM = {
  name: 'peer',
  kind: 'integer',
  min: 1,
  max: SITE_MAX,
} as const;
