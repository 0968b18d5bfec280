/** Maps of ids as programs give them. What they do is tested at the engine: test/native/engine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ID_MAX, InvalidArgumentError, type OwnerMap } from '../../../bindings';
import { openEngine, replicate } from './fixtures';

const range = (from: number, to: number, count = 1): OwnerMap => ({
  uid: [{ from, to, count }],
  gid: [{ from, to, count }],
});

test('maps hold for what is there, both ways in turn, until there are others', async (t) => {
  const [one, two] = [await openEngine(t, 1), await openEngine(t, 2)];
  await one.append({ op: 'create', path: '/f', uid: ID_MAX, gid: 9 });
  await replicate(one, two);
  const owner = async (): Promise<number[]> => {
    const { uid, gid } = await two.lookupPath('/f');
    return [uid, gid];
  };
  assert.deepEqual(await owner(), [ID_MAX, 9]);
  two.setIdMaps([{ site: 1, out: range(ID_MAX, 5), in: { ...range(5, 6), defaultGid: 0 } }]);
  assert.deepEqual(await owner(), [6, 0]);
  const [local] = await two.dump(undefined, 1, { localIds: true });
  assert.deepEqual([local?.info.uid, local?.info.gid], [6, 0]);
  assert.deepEqual(await two.dump(undefined, 1), await one.dump(undefined, 1));
  two.setIdMaps([]);
  assert.deepEqual(await owner(), [ID_MAX, 9]);
});

test('what is no map is refused, and the one in force stays', async (t) => {
  const engine = await openEngine(t, 1);
  const bad: readonly [unknown, RegExp][] = [
    [[{ site: 1 }], /for site 1, which is this one/],
    [[{ site: 2 }, { site: 2 }], /for site 2, which has one already/],
    [[{ site: 0 }], /site/],
    [[{ site: 2, in: range(-1, 0) }], /in\.uid\[0\]\.from/],
    [[{ site: 2, out: range(0, 2 ** 32 - 1) }], /out\.uid\[0\]\.to/],
    [[{ site: 2, in: range(0, 0, 0) }], /in\.uid\[0\]\.count/],
    [[{ site: 2, in: range(ID_MAX, 0, 2) }], /none past 4294967294/],
    [[{ site: 2, in: { ...range(0, 0), defaultUid: 1.5 } }], /in\.uid/],
    [
      [{ site: 2, in: { uid: [...range(5, 0, 5).uid, ...range(9, 0).uid], gid: [] } }],
      /the ids 5 to 9 and 9 to 9 overlap/,
    ],
    [[7], /maps/],
  ];
  for (const [maps, message] of bad) {
    assert.throws(
      () => engine.setIdMaps(maps as never),
      (error) => error instanceof InvalidArgumentError && message.test(error.message),
      JSON.stringify(maps),
    );
  }
});
