import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createLog, type LogOptions } from '../../../src/telemetry/log';

function captured(options: Omit<LogOptions, 'destination'>): {
  log: ReturnType<typeof createLog>;
  lines: () => Record<string, unknown>[];
} {
  const written: string[] = [];
  const log = createLog({ ...options, destination: { write: (line) => written.push(line) } });
  return { log, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('a line is one JSON object with level, time, site, component and message', () => {
  const { log, lines } = captured({ level: 'info', bindings: { site: 'munich' } });
  log.component('conduit').warn({ peer: 'oslo' }, 'peer is down');
  const [line] = lines();
  assert.equal(line?.['level'], 'warn');
  assert.equal(line['site'], 'munich');
  assert.equal(line['component'], 'conduit');
  assert.equal(line['peer'], 'oslo');
  assert.equal(line['msg'], 'peer is down');
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('64-bit numbers are logged with all their digits', () => {
  const written: string[] = [];
  const log = createLog({ level: 'info', destination: { write: (line) => written.push(line) } });
  log.component('sync').info({ lsn: 18446744073709551615n }, 'acked');
  assert.match(written.join(''), /"lsn":18446744073709551615/);
});

test('lines below the level are not written', () => {
  const { log, lines } = captured({ level: 'warn' });
  log.component('journal').info('opened');
  assert.deepEqual(lines(), []);
});

test('a change of level reaches loggers already handed out and those to come', () => {
  const { log, lines } = captured({ level: 'warn' });
  const early = log.component('journal');
  log.setLevel('debug');
  early.debug('one');
  log.component('sync').debug('two');
  assert.deepEqual(
    lines().map((line) => line['msg']),
    ['one', 'two'],
  );
});

test('two logs in one process know nothing of each other', () => {
  const first = captured({ level: 'info', bindings: { site: 'munich' } });
  const second = captured({ level: 'info', bindings: { site: 'oslo' } });
  first.log.setLevel('silent');
  first.log.component('node').error('unheard');
  second.log.component('node').info('heard');
  assert.deepEqual(first.lines(), []);
  assert.equal(second.lines()[0]?.['site'], 'oslo');
});
