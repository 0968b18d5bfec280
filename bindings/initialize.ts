/** Gives the addon what it makes JavaScript's own things with. Imported for that, once a thread. */
import { formatUuid } from './arguments';
import { AppendError, makeError } from './errors';
import { native } from './native';
import { giveSlab } from './slab';
import type { AppendResult } from './types';

native.initialize({
  makeError,
  formatUuid,
  settleAppend(
    slab,
    firstLsn,
    lastLsn,
    appended,
    duplicates,
    unchanged,
    refused,
    inodes,
    errors,
    code,
    message,
  ) {
    giveSlab(slab);
    const result: AppendResult = {
      firstLsn,
      lastLsn,
      appended,
      duplicates,
      unchanged,
      refused,
      errors: errors ?? [],
    };
    if (inodes !== undefined) result.inodes = inodes;
    if (code === undefined) return result;
    return new AppendError(makeError(code, message ?? ''), result);
  },
});
