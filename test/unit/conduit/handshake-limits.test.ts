import assert from 'node:assert/strict';
import { test } from 'node:test';

import { HandshakeGate } from '../../../src/conduit/handshake-limits';

test('an address may have so many unfinished handshakes, and everyone together so many', () => {
  const gate = new HandshakeGate({ perAddress: 2, total: 3 });
  assert.equal(gate.enter('a'), true);
  assert.equal(gate.enter('a'), true);
  assert.equal(gate.enter('a'), false);
  assert.equal(gate.enter('b'), true);
  assert.equal(gate.enter('c'), false);
  gate.leave('a');
  assert.equal(gate.enter('c'), true);
  assert.equal(gate.enter('a'), false);
});

test('leaving without having entered opens nothing', () => {
  const gate = new HandshakeGate({ perAddress: 1, total: 1 });
  gate.leave('a');
  assert.equal(gate.enter('a'), true);
  gate.leave('b');
  assert.equal(gate.enter('b'), false);
});
