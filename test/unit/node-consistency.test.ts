/** A node's comparison outlives a session: what one did not live to see answered is asked in the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../bindings';
import type { Asked } from '../../src/conduit/types';
import type { NodeAudit } from '../../src/node-audit';
import { NodeConsistency } from '../../src/node-consistency';

const CLOSED: Asked = { code: 'CFS_CLOSED', message: 'the session with site 2 ended: it was cut' };

interface FakeSession {
  ask(): Promise<Asked>;
}

/** One exchange with whatever session is up then. */
function make(session: () => FakeSession | undefined): NodeConsistency {
  const step = (question?: Uint8Array): object => ({ question, status: {}, differences: [] });
  const comparison = {
    start: () => Promise.resolve(step(Uint8Array.of(1))),
    next: () => Promise.resolve(step()),
  };
  return new NodeConsistency({
    engine: { compare: () => comparison } as unknown as Engine,
    audit: {} as unknown as NodeAudit,
    session,
    refusal: () => 'this journal has been rolled back',
  });
}

test('a question is asked again in the session that follows', async () => {
  const second: FakeSession = { ask: () => Promise.resolve({ answer: Uint8Array.of(2) }) };
  let current: FakeSession | undefined;
  const first: FakeSession = {
    ask: () => {
      current = undefined;
      setTimeout(() => (current = second), 30);
      return Promise.resolve(CLOSED);
    },
  };
  current = first;
  const report = await make(() => current).check(2, {});
  assert.equal(report.peer, 2);
});

test('any other refusal is the end of it, and so is a peer that is away', async () => {
  const refusing: FakeSession = {
    ask: () => Promise.resolve({ code: 'CFS_UNSUPPORTED', message: 'too old' }),
  };
  await assert.rejects(make(() => refusing).check(2, {}), { code: 'CFS_UNSUPPORTED' });
  const message = 'site 2 is not connected';
  await assert.rejects(make(() => undefined).check(2, {}), { code: 'CFS_CLOSED', message });
});

test('a node that may not write compares and does not mend', async () => {
  const session: FakeSession = { ask: () => Promise.resolve({ answer: Uint8Array.of(2) }) };
  const node = make(() => session);
  await assert.rejects(node.resync(2, {}), { code: 'CFS_STOPPED' });
  assert.equal((await node.resync(2, { dryRun: true })).peer, 2);
});
