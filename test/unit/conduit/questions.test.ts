/** Questions about the peer's state: answered in parts as there is room, bounded, and never left hanging. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ConduitError } from '../../../src/conduit/errors';
import type { AnswerMessage, OutgoingMessage } from '../../../src/conduit/messages';
import { ANSWER_BYTES_MAX, BODY_BYTES_MAX, QUESTIONS_MAX } from '../../../src/conduit/protocol';
import { COMPARE_CAPABILITY, Questions } from '../../../src/conduit/questions';
import { Cleanup, Sessions, endpointOf, startConduit } from './fixtures';

const BODY = Uint8Array.of(1, 2, 3);

interface Setting {
  answer?: (body: Uint8Array) => Promise<Uint8Array> | undefined;
  agreed?: boolean;
}

/** Questions of a session with site 2 that has room for `room` messages, and what they sent. */
function make({ answer = () => undefined, agreed = true }: Setting = {}): {
  questions: Questions;
  sent: OutgoingMessage[];
  give: (room: number) => void;
} {
  const sent: OutgoingMessage[] = [];
  let room = Infinity;
  const questions = new Questions({
    link: { remote: { clusterUuid: '', site: 2, address: 'memory' }, hasRoom: () => room > 0 },
    send: (message) => {
      room -= 1;
      sent.push(message);
    },
    agreed: () => agreed,
    answer,
  });
  return {
    questions,
    sent,
    give: (more) => {
      room = more;
      questions.serve();
    },
  };
}

function part(id: number, bytesTotal: number, offset: number, bytes: number): AnswerMessage {
  return { kind: 'answer', id, bytesTotal, offset, body: new Uint8Array(bytes).fill(offset) };
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('an answer is put together from its parts', async () => {
  const { questions, sent } = make();
  const asked = questions.ask(BODY);
  assert.deepEqual(sent, [{ kind: 'question', id: 1, body: BODY }]);
  questions.onMessage(part(1, 5, 0, 2));
  questions.onMessage(part(1, 5, 2, 3));
  assert.deepEqual(await asked, { answer: Buffer.from([0, 0, 2, 2, 2]) });
});

test('a refused question says why', async () => {
  const { questions } = make();
  const asked = questions.ask(BODY);
  const error = { code: 'CFS_MALFORMED', message: 'what was wrong' };
  questions.onMessage({ ...part(1, 0, 0, 0), error });
  assert.deepEqual(await asked, error);
});

test('a long answer goes in parts as there is room', async () => {
  const answer = new Uint8Array(2 * BODY_BYTES_MAX + 7);
  const { questions, sent, give } = make({ answer: () => Promise.resolve(answer) });
  give(0);
  questions.onMessage({ kind: 'question', id: 9, body: BODY });
  await settle();
  assert.equal(sent.length, 0);
  give(2);
  assert.equal(sent.length, 2);
  give(5);
  const parts = sent.map((message) => (message.kind === 'answer' ? message : assert.fail()));
  assert.deepEqual(
    parts.map(({ id, offset, bytesTotal, body }) => [id, offset, bytesTotal, body.length]),
    [
      [9, 0, answer.length, BODY_BYTES_MAX],
      [9, BODY_BYTES_MAX, answer.length, BODY_BYTES_MAX],
      [9, 2 * BODY_BYTES_MAX, answer.length, 7],
    ],
  );
});

test('an answer that fails, or is too long, is refused with a code', async () => {
  const failure = Object.assign(new Error('no such thing'), { code: 'CFS_TOO_LARGE' });
  const answers = [
    Promise.reject(failure),
    Promise.resolve(new Uint8Array(ANSWER_BYTES_MAX + 1)),
    undefined,
  ];
  const codes = ['CFS_TOO_LARGE', 'CFS_TOO_LARGE', 'CFS_CLOSED'];
  for (const [index, answer] of answers.entries()) {
    const { questions, sent } = make({ answer: () => answer });
    questions.onMessage({ kind: 'question', id: 1, body: BODY });
    await settle();
    assert.equal(sent.length, 1);
    assert.ok(sent[0]?.kind === 'answer');
    assert.equal(sent[0].error?.code, codes[index]);
  }
});

test('what does not fit what was asked ends the session', async () => {
  const faults: AnswerMessage[] = [
    part(7, 1, 0, 1), // no such question
    part(1, 4, 1, 1), // not from the start
    part(1, 4, 0, 5), // longer than it said
    part(1, 4, 0, 0), // does not get on
  ];
  for (const fault of faults) {
    const { questions } = make();
    void questions.ask(BODY);
    assert.throws(
      () => questions.onMessage(fault),
      (error) => error instanceof ConduitError && error.code === 'malformed',
    );
  }
  const { questions } = make({ agreed: false });
  assert.throws(() => questions.onMessage({ kind: 'question', id: 1, body: BODY }), ConduitError);
  assert.deepEqual(await questions.ask(BODY), {
    code: 'CFS_UNSUPPORTED',
    message: 'site 2 runs a version that cannot compare states',
  });
});

test('so many questions at once, and no more', async () => {
  const never = new Promise<Uint8Array>(() => undefined);
  const { questions } = make({ answer: () => never });
  for (let id = 1; id <= QUESTIONS_MAX; id++) {
    void questions.ask(BODY);
    questions.onMessage({ kind: 'question', id, body: BODY });
  }
  assert.throws(
    () => questions.onMessage({ kind: 'question', id: 99, body: BODY }),
    (error) => error instanceof ConduitError && error.code === 'out_of_order',
  );
  const refused = await questions.ask(BODY);
  assert.ok('code' in refused);
  assert.equal(refused.code, 'CFS_QUEUE_FULL');
});

test('the end of the session answers what is open', async () => {
  const { questions } = make();
  const asked = questions.ask(BODY);
  questions.end('it was cut');
  const closed = { code: 'CFS_CLOSED', message: 'the session with site 2 ended: it was cut' };
  assert.deepEqual(await asked, closed);
  const later = await questions.ask(BODY);
  assert.ok('code' in later);
  assert.equal(later.code, 'CFS_CLOSED');
});

const cleanup = new Cleanup();
after(() => cleanup.run());

test('two conduits ask each other over TLS', async () => {
  const capabilities = [COMPARE_CAPABILITY];
  const one = cleanup.add(
    await startConduit(1, { capabilities, peers: [{ site: 2, endpoints: [] }] }),
  );
  const ones = new Sessions(one);
  const peers = [{ site: 1, endpoints: [endpointOf(one)] }];
  const two = cleanup.add(await startConduit(2, { capabilities, peers }));
  two.on('session', (session) => {
    session.attach({
      onFrame: () => undefined,
      onAck: () => undefined,
      onClose: () => undefined,
      onQuestion: (body) => Promise.resolve(new Uint8Array(3_000_000).fill(body[0] ?? 0)),
    });
  });
  const { session } = await ones.up();
  const asked = await Promise.all([5, 6].map((byte) => session.ask(Uint8Array.of(byte))));
  for (const [index, one] of asked.entries()) {
    assert.ok('answer' in one);
    assert.deepEqual([one.answer.length, one.answer.at(-1)], [3_000_000, 5 + index]);
  }
});
