import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  startHandshake,
  stepHandshake,
  type HandshakeEvent,
  type HandshakeState,
  type HandshakeStep,
} from '../../../src/conduit/handshake';
import type { IncomingMessage } from '../../../src/conduit/messages';
import type { PeerHello } from '../../../src/conduit/types';
import { helloOf } from './fixtures';

const OURS = helloOf(1, { capabilities: ['forward', 'probe'], codecs: 0b011 });
const THEIRS = helloOf(2, { capabilities: ['other', 'forward'], codecs: 0b110 });
const READY: IncomingMessage = {
  kind: 'ready',
  protocol: 1,
  capabilities: ['forward'],
  codecs: 0b011,
};

function message(value: IncomingMessage): HandshakeEvent {
  return { type: 'message', message: value };
}

function greeted(): HandshakeState {
  return stepHandshake(startHandshake(OURS, 2), message({ kind: 'hello', hello: THEIRS })).state;
}

/** What a step did, in a word. */
function outcome({ state, actions }: HandshakeStep): string {
  const done = actions.map((action) =>
    action.type === 'refuse' || action.type === 'refused'
      ? `${action.type} ${action.code}`
      : action.type,
  );
  return `${state.phase}: ${done.join(' ')}`;
}

test('Hello is answered with what both sides can do', () => {
  const step = stepHandshake(startHandshake(OURS, 2), message({ kind: 'hello', hello: THEIRS }));
  assert.equal(outcome(step), 'agreeing: sendReady');
  const [action] = step.actions;
  assert.ok(action?.type === 'sendReady');
  assert.deepEqual(action.ready, {
    kind: 'ready',
    protocol: 1,
    capabilities: ['forward'],
    // "none" (bit 0) can always be read, whatever they said.
    codecs: 0b011,
  });
});

test('Ready that says the same opens the session', () => {
  const step = stepHandshake(greeted(), message(READY));
  assert.equal(outcome(step), 'open: open');
  const [action] = step.actions;
  assert.ok(action?.type === 'open');
  assert.deepEqual(action.hello, THEIRS);
  assert.deepEqual(action.agreed, {
    protocol: 1,
    capabilities: new Set(['forward']),
    codecs: 0b011,
  });
});

test('every phase, every event', () => {
  const hello: HandshakeEvent = message({ kind: 'hello', hello: THEIRS });
  const ack: HandshakeEvent = message({
    kind: 'ack',
    cursors: [],
    creditBytesTotal: 0,
    creditFramesTotal: 0,
  });
  const refuse: HandshakeEvent = message({ kind: 'refuse', code: 'busy', message: '' });
  const phases = { greeting: startHandshake(OURS, 2), agreeing: greeted() };
  const table: [keyof typeof phases, HandshakeEvent, string][] = [
    ['greeting', hello, 'agreeing: sendReady'],
    ['greeting', message(READY), 'ended: refuse out_of_order'],
    ['greeting', refuse, 'ended: refused busy'],
    ['greeting', ack, 'ended: refuse out_of_order'],
    ['greeting', message({ kind: 'unknown' }), 'ended: refuse out_of_order'],
    ['greeting', { type: 'timeout' }, 'ended: refuse handshake_timeout'],
    ['agreeing', hello, 'ended: refuse out_of_order'],
    ['agreeing', message(READY), 'open: open'],
    ['agreeing', refuse, 'ended: refused busy'],
    ['agreeing', ack, 'ended: refuse out_of_order'],
    ['agreeing', { type: 'timeout' }, 'ended: refuse handshake_timeout'],
  ];
  for (const [phase, event, expected] of table) {
    const name = event.type === 'message' ? event.message.kind : event.type;
    assert.equal(outcome(stepHandshake(phases[phase], event)), expected, `${phase}, ${name}`);
  }
});

test('a Hello is checked in the documented order', () => {
  const table: [Partial<PeerHello>, string][] = [
    [{ cluster: { hi: 9n, lo: 9n } }, 'refuse wrong_cluster'],
    [{ origin: { site: 3, incarnation: 1n } }, 'refuse wrong_site'],
    [{ protocolMin: 2, protocolMax: 3 }, 'refuse version'],
    [{ protocolMin: 0, protocolMax: 0 }, 'refuse version'],
    [{ protocolMin: 1, protocolMax: 9 }, 'sendReady'],
    [{ windowFrames: 0 }, 'refuse malformed'],
    [{ frameBytesMax: 1000 }, 'refuse malformed'],
    [{ windowBytes: 1024 }, 'refuse malformed'],
    [{ cluster: { hi: 9n, lo: 9n }, protocolMin: 2, windowFrames: 0 }, 'refuse wrong_cluster'],
  ];
  for (const [change, expected] of table) {
    const hello = { ...THEIRS, ...change };
    const step = stepHandshake(startHandshake(OURS, 2), message({ kind: 'hello', hello }));
    const found = outcome(step).split(': ')[1];
    assert.equal(found, expected, Object.keys(change).join(' '));
  }
});

test('a Ready that says anything else is refused', () => {
  const table: Partial<IncomingMessage>[] = [
    { protocol: 2 },
    { capabilities: [] },
    { capabilities: ['forward', 'probe'] },
    { codecs: 1 },
  ];
  for (const change of table) {
    const ready = { ...READY, ...change } as IncomingMessage;
    assert.equal(
      outcome(stepHandshake(greeted(), message(ready))),
      'ended: refuse malformed',
      JSON.stringify(change),
    );
  }
});
