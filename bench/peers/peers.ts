/** Systems that replicate, each doing the same job beside us; those that are not installed are named. */
import type { Bench } from '../support/measurement';
import type { Job } from './job';
import { redisPeer } from './redis';

const ENTRIES = 500_000;
const KEYS = 100_000;
const VALUE_BYTES = 128;

export const peers: Bench = async function* (context) {
  const { entries = ENTRIES, inodes: keys = KEYS } = context.options;
  const job: Job = { entries, keys, valueBytes: VALUE_BYTES };
  for (const peer of [redisPeer]) yield* peer(job)(context);
};
