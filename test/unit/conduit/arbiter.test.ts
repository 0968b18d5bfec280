import assert from 'node:assert/strict';
import { test } from 'node:test';

import { arbitrate, type Contender } from '../../../src/conduit/arbiter';

const LOW = 1;
const HIGH = 2;
const SAME = 11n;
const OTHER = 12n;

test('the table of "One session a pair"', () => {
  const table: {
    local: number;
    standing: Contender | undefined;
    candidate: Contender;
    verdict: string;
  }[] = [
    {
      local: LOW,
      standing: undefined,
      candidate: { instance: SAME, dialled: true },
      verdict: 'candidate',
    },
    ...[LOW, HIGH].flatMap((local) =>
      [true, false].flatMap((dialled) => [
        // The same dialler: the newer.
        {
          local,
          standing: { instance: SAME, dialled },
          candidate: { instance: SAME, dialled },
          verdict: 'candidate',
        },
        // Another process: the standing one, whoever dialled.
        {
          local,
          standing: { instance: SAME, dialled },
          candidate: { instance: OTHER, dialled: !dialled },
          verdict: 'site_in_use',
        },
        {
          local,
          standing: { instance: SAME, dialled },
          candidate: { instance: OTHER, dialled },
          verdict: 'site_in_use',
        },
      ]),
    ),
    // Different diallers: the lower site's dial.
    {
      local: LOW,
      standing: { instance: SAME, dialled: false },
      candidate: { instance: SAME, dialled: true },
      verdict: 'candidate',
    },
    {
      local: LOW,
      standing: { instance: SAME, dialled: true },
      candidate: { instance: SAME, dialled: false },
      verdict: 'duplicate',
    },
    {
      local: HIGH,
      standing: { instance: SAME, dialled: true },
      candidate: { instance: SAME, dialled: false },
      verdict: 'candidate',
    },
    {
      local: HIGH,
      standing: { instance: SAME, dialled: false },
      candidate: { instance: SAME, dialled: true },
      verdict: 'duplicate',
    },
  ];
  for (const { local, standing, candidate, verdict } of table) {
    const result = arbitrate(local, local === LOW ? HIGH : LOW, standing, candidate);
    const found = result.survives === 'candidate' ? 'candidate' : result.code;
    const print = (c: Contender | undefined): string =>
      c === undefined ? 'none' : `${c.instance}/${c.dialled ? 'dialled' : 'accepted'}`;
    assert.equal(found, verdict, `site ${local}: ${print(standing)} against ${print(candidate)}`);
  }
});

test('both sides keep the same one of two crossed dials, in whatever order each sees them', () => {
  const survivor = (local: number, first: boolean): string => {
    const peer = local === LOW ? HIGH : LOW;
    const verdict = arbitrate(
      local,
      peer,
      { instance: SAME, dialled: first },
      { instance: SAME, dialled: !first },
    );
    const dialled = verdict.survives === 'candidate' ? !first : first;
    return `dialled by ${dialled ? local : peer}`;
  };
  for (const local of [LOW, HIGH]) {
    for (const first of [true, false]) assert.equal(survivor(local, first), `dialled by ${LOW}`);
  }
});
