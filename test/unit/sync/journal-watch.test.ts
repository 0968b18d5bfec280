import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CfsError, makeError } from '../../../bindings';
import { JournalWatch } from '../../../src/sync/journal-watch';

test('a stopped journal, a full disk and room again are told once each', (t) => {
  let status: { stopped: CfsError | undefined; diskFull: boolean } = {
    stopped: undefined,
    diskFull: false,
  };
  const told: string[] = [];
  const watch = new JournalWatch({
    status: () => status,
    intervalMs: 3_600_000,
    onTrouble: (code) => told.push(code),
    onRoom: () => told.push('room'),
  });
  t.after(() => watch.stop());
  const look = (change: Partial<typeof status>): void => {
    status = { ...status, ...change };
    watch.look();
    watch.look();
  };
  look({});
  assert.deepEqual(told, []);
  look({ diskFull: true });
  look({ diskFull: false });
  look({ diskFull: true });
  look({ stopped: makeError('CFS_IO', 'fdatasync failed') });
  assert.deepEqual(told, ['CFS_DISK_FULL', 'room', 'CFS_DISK_FULL', 'CFS_IO']);
});
