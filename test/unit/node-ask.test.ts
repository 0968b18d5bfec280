import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked } from '../../src/conduit/types';
import { askPeer } from '../../src/node-ask';

const QUESTION = Uint8Array.of(1);

function ask(answer: () => Promise<Asked>, timeoutMs = 10_000): Promise<Uint8Array> {
  return askPeer({ peer: 2, session: () => ({ ask: answer }), timeoutMs }, QUESTION);
}

test('the answer is what the peer says', async () => {
  const answer = Uint8Array.of(2);
  assert.equal(await ask(() => Promise.resolve({ answer })), answer);
});

test('what a peer refuses keeps its code; one that is unknown does not pass for ours', async () => {
  const refused = (code: string): Promise<unknown> =>
    ask(() => Promise.resolve({ code, message: 'no' }));
  await assert.rejects(refused('CFS_UNSUPPORTED'), { code: 'CFS_UNSUPPORTED', message: 'no' });
  await assert.rejects(refused('CFS_OF_TOMORROW'), { code: 'CFS_MALFORMED', message: 'no' });
});

test('a peer that does not answer is not waited for without end', async () => {
  const never = new Promise<never>(() => undefined);
  const message = 'site 2 gave no answer within 5 ms';
  await assert.rejects(
    ask(() => never, 5),
    { code: 'CFS_QUEUE_FULL', message },
  );
});
