/** Looking at the replicated tree: /meta/*. */
import type { NamedInode } from '../../bindings';
import type { AdminTarget } from './admin-target';
import { badRequest } from './api-error';
import { inodeForm, namedInodeLine } from './meta-form';
import { jsonReply, linesReply, type Reply } from './reply';
import type { AdminRequest } from './request';

/** Names in a page: about 3 ms of JSON, so that nothing else waits long. */
const PAGE_NAMES = 1024;

export async function lookup(target: AdminTarget, request: AdminRequest): Promise<Reply> {
  const inode = request.params.uint64('inode');
  const path = request.params.bytes('path');
  if ((inode === undefined) === (path === undefined)) {
    throw badRequest('expected one parameter of inode, path, path_base64');
  }
  const info =
    path === undefined ? await target.lookup(inode ?? 0n) : await target.lookupPath(path);
  return jsonReply(inodeForm(info));
}

/** Page after page until `max` names, the last page, or the client's end. */
async function* pages(
  request: AdminRequest,
  member: 'path' | 'name',
  read: (after: Uint8Array | undefined, max: number) => Promise<NamedInode[]>,
): AsyncGenerator<string> {
  let after: Uint8Array | undefined = request.params.bytes('after');
  let left = request.params.integer('max') ?? Infinity;
  while (left > 0 && !request.signal.aborted) {
    const wanted = Math.min(PAGE_NAMES, left);
    const page = await read(after, wanted);
    yield page.map((named) => namedInodeLine(named, member)).join('');
    const last = page.at(-1);
    if (last === undefined || page.length < wanted) return;
    after = last.path;
    left -= page.length;
  }
}

export function list(target: AdminTarget, request: AdminRequest): Reply {
  const path = request.params.requiredBytes('path');
  return linesReply(pages(request, 'name', (after, max) => target.list(path, after, max)));
}

export function dump(target: AdminTarget, request: AdminRequest): Reply {
  const localIds = request.params.flag('local_ids');
  return linesReply(pages(request, 'path', (after, max) => target.dump(after, max, localIds)));
}

export async function digest(target: AdminTarget, request: AdminRequest): Promise<Reply> {
  const found = await target.digest({ rescan: request.params.flag('rescan') });
  return jsonReply({
    digest: found.digest,
    inodes: Number(found.inodes),
    names: Number(found.names),
  });
}
