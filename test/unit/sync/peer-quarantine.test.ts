import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type Held, PeerQuarantine } from '../../../src/sync/peer-quarantine';
import { hlcAtUnixMs, hlcToUnixMs } from '../../../bindings/hlc';
import { CALM_MS } from '../../../src/sync/quarantine';
import { FakeEngine, PEER, cursor } from './fakes';

const HOUR_MS = 3_600_000;

function start(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { wallUnixMs: 1_000_000, monoMs: 0, driftLimitMs: 500 };
  const engine = new FakeEngine();
  const alarms: Held[] = [];
  const clears: boolean[] = [];
  const quarantine = new PeerQuarantine({
    engine,
    clocks: {
      wallUnixMs: () => clock.wallUnixMs,
      monoMs: () => clock.monoMs,
      driftLimitMs: () => clock.driftLimitMs,
    },
    onAlarm: (held) => alarms.push(held),
    onClear: (released) => clears.push(released),
  });
  t.after(() => quarantine.close());
  const pass = (ms: number): void => {
    clock.wallUnixMs += ms;
    clock.monoMs += ms;
    t.mock.timers.tick(ms);
  };
  const stamp = (aheadMs: number, lastLsn = 1n) => ({
    ...PEER,
    lastLsn,
    hlcMax: hlcAtUnixMs(clock.wallUnixMs + aheadMs),
  });
  let resumed = 0;
  const resume = (): void => {
    resumed++;
  };
  return { clock, engine, alarms, clears, quarantine, pass, stamp, resume, resumed: () => resumed };
}

const NOTHING = { frames: 0, bytes: 0 };

test('what is in time is taken, and nothing is told', (t) => {
  const { quarantine, alarms, stamp, resume, resumed } = start(t);
  assert.equal(quarantine.admit(stamp(400), resume), true);
  assert.deepEqual([alarms.length, resumed()], [0, 0]);
  assert.deepEqual(quarantine.status(NOTHING), {
    alarm: false,
    framesTotal: 0,
    waiting: undefined,
  });
});

test('what is ahead is taken when the clock gets there; the alarm goes on for a minute', (t) => {
  const { clock, quarantine, alarms, clears, pass, stamp, resume, resumed } = start(t);
  assert.equal(quarantine.admit(stamp(2500), resume), false);
  assert.equal(alarms[0]?.aheadMs, 2500);
  const { waiting } = quarantine.status({ frames: 2, bytes: 99 });
  assert.equal(waiting?.sinceUnixMs, clock.wallUnixMs);
  assert.deepEqual([waiting.frames, waiting.bytes, waiting.site], [2, 99, PEER.site]);
  pass(1000);
  assert.equal(resumed(), 0);
  pass(999);
  assert.equal(resumed(), 0);
  pass(1);
  assert.equal(resumed(), 1);
  assert.equal(quarantine.status(NOTHING).alarm, true);
  assert.equal(quarantine.admit(stamp(2500), resume), false);
  assert.equal(alarms.length, 1, 'the same alarm');
  pass(1000);
  pass(1000);
  assert.equal(resumed(), 2);
  pass(CALM_MS);
  assert.deepEqual(clears, [false]);
  assert.deepEqual(quarantine.status(NOTHING), {
    alarm: false,
    framesTotal: 2,
    waiting: undefined,
  });
});

test('a clock that is put right is seen within a second', (t) => {
  const { clock, quarantine, pass, stamp, resume, resumed } = start(t);
  quarantine.admit(stamp(HOUR_MS), resume);
  clock.wallUnixMs += HOUR_MS;
  pass(1000);
  assert.equal(resumed(), 1);
});

test('a wider limit lets go at once', (t) => {
  const { clock, quarantine, stamp, resume, resumed } = start(t);
  quarantine.admit(stamp(HOUR_MS), resume);
  clock.driftLimitMs = 2 * HOUR_MS;
  quarantine.look();
  assert.equal(resumed(), 1);
});

test('a release takes all that waits and what the peer has written by its own clock', (t) => {
  const { clock, quarantine, clears, stamp, resume, resumed } = start(t);
  quarantine.admit(stamp(HOUR_MS), resume);
  // It waited for a minute, in which the peer went on writing.
  clock.wallUnixMs += 60_000;
  const accepted = quarantine.release(stamp(HOUR_MS - 59_000).hlcMax, HOUR_MS) ?? 0n;
  assert.equal(Math.floor(hlcToUnixMs(accepted)), clock.wallUnixMs + HOUR_MS + 500);
  assert.deepEqual([resumed(), clears], [1, [true]]);
  assert.equal(quarantine.admit(stamp(HOUR_MS), resume), true);
  assert.equal(quarantine.admit(stamp(HOUR_MS + 501), resume), false);
});

test('a release of a peer whose clock is right, but not its stamps, goes by what waits', (t) => {
  const { clock, quarantine, stamp, resume } = start(t);
  quarantine.admit(stamp(HOUR_MS), resume);
  const accepted = quarantine.release(stamp(2 * HOUR_MS).hlcMax, -5) ?? 0n;
  assert.equal(Math.floor(hlcToUnixMs(accepted)), clock.wallUnixMs + 2 * HOUR_MS + 500);
});

test('there is nothing to release when nothing waits, or no longer does', (t) => {
  const { quarantine, stamp, resume, resumed } = start(t);
  assert.equal(quarantine.release(0n, 0), undefined);
  quarantine.admit(stamp(HOUR_MS), resume);
  quarantine.drop();
  assert.equal(quarantine.release(0n, 0), undefined);
  assert.equal(resumed(), 0);
});

test('what is held here already is let through: it came another way', (t) => {
  const { engine, quarantine, alarms, pass, stamp, resume, resumed } = start(t);
  engine.others = [cursor(PEER, 5n)];
  assert.equal(quarantine.admit(stamp(HOUR_MS, 5n), resume), true);
  assert.equal(quarantine.admit(stamp(HOUR_MS, 6n), resume), false);
  assert.equal(alarms.length, 1);
  engine.others = [cursor(PEER, 6n)];
  pass(1000);
  assert.equal(resumed(), 1);
});

test('after the node is closed nothing is called', (t) => {
  const { quarantine, pass, stamp, resume, resumed } = start(t);
  quarantine.admit(stamp(2000), resume);
  quarantine.close();
  pass(5000);
  assert.equal(resumed(), 0);
});
