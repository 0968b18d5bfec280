/** Keys of maps of user and group ids. */
import type { z } from 'zod';

import * as is from './keys';

// What the core says of the same things; a unit test compares them.
export const ID_MAX = 0xffff_fffe;
export const ID_RANGES_MAX = 1024;

const id = { min: 0, max: ID_MAX };

const range = is.withRule(
  is.group(
    {
      from: is.requiredNumber(id, { about: 'The first id to map.' }),
      to: is.requiredNumber(id, { about: 'What it becomes.' }),
      count: is.requiredNumber(
        { min: 1, max: ID_MAX + 1 },
        { about: 'How many ids, each becoming the next.' },
      ),
    },
    { about: 'Ids next to each other.' },
  ),
  ({ from, to, count }) => {
    const room = ID_MAX + 1 - Math.max(from, to);
    if (count <= room) return undefined;
    const message = `${count} ids go past ${ID_MAX}, the last there is: expected at most ${room}`;
    return { path: ['count'], message };
  },
);

type Range = z.output<typeof range>;

const describe = ({ from, count }: Range): string => `${from} to ${from + count - 1}`;

/** Of the first two that overlap, the one that comes later in the file is told of the other. */
function firstOverlap(
  name: string,
  ranges: readonly Range[],
): { path: PropertyKey[]; message: string } | undefined {
  const sorted = ranges.map((row, index) => ({ row, index }));
  sorted.sort((a, b) => a.row.from - b.row.from);
  for (const [at, next] of sorted.entries()) {
    const before = sorted[at - 1];
    if (before === undefined || before.row.from + before.row.count <= next.row.from) continue;
    const [first, second] = before.index < next.index ? [before, next] : [next, before];
    const message =
      `${describe(second.row)} overlaps ${name}[${first.index}], ${describe(first.row)}: ` +
      'expected each id in one range';
    return { path: [second.index], message };
  }
  return undefined;
}

function ranges(name: string, about: string): z.ZodPrefault<z.ZodArray<typeof range>> {
  const list = is.list(range, { min: 0, max: ID_RANGES_MAX }, { about });
  return is.optionalList(is.withRule(list, (rows) => firstOverlap(name, rows)));
}

const ownerKeys = {
  uid: ranges('uid', 'User ids.'),
  gid: ranges('gid', 'Group ids.'),
  defaultUid: is.optional(
    is.requiredNumber(id, { about: 'What user ids in no range become; left out, they stay.' }),
  ),
  defaultGid: is.optional(
    is.requiredNumber(id, { about: 'What group ids in no range become; left out, they stay.' }),
  ),
};

const taken = is.optional(
  is.group(ownerKeys, { about: "How the site's ids, as it shows them, are shown here." }),
);

export const peerIdMap = is.optional(
  is.group(
    {
      in: taken,
      out: is.optional(
        is.group(ownerKeys, {
          about: 'How our ids are shown to the peer, which maps them on by its own `in`.',
        }),
      ),
    },
    {
      about:
        'Which user and group ids of the peer are which of ours, if they differ: in: and out:, ' +
        'each with uid: and gid:, lists of {from: 1000, to: 2000, count: 100}, and with ' +
        'default_uid: and default_gid:, which ids in no range become.',
      live: true,
    },
  ),
);

/** For sites that are no peers, whose entries come through others. */
export const otherIdMaps = is.withRule(
  is.list(
    is.group(
      {
        site: is.requiredNumber(
          { min: 1, max: 65535 },
          { about: 'A site that is no peer.', example: 3 },
        ),
        in: taken,
      },
      { about: 'Ids of a site that is no peer.' },
    ),
    { min: 0, max: 1024 },
    { about: 'Maps of ids for sites that are no peers; see id_map of a peer.', live: true },
  ),
  (list) => {
    for (const [index, { site }] of list.entries()) {
      const first = list.findIndex((other) => other.site === site);
      if (first === index) continue;
      const message = `${site} is already that of id_maps[${first}]: expected one entry a site`;
      return { path: [index, 'site'], message };
    }
    return undefined;
  },
);
