/** Systems that replicate, each doing the same job beside us; those that are not installed are named. */
import type { Bench } from '../support/measurement';
import { etcdPeer } from './etcd';
import type { Job } from './job';
import { natsPeer } from './nats';
import { postgresqlPeer } from './postgresql';
import { redisPeer } from './redis';

const ENTRIES = 500_000;
const KEYS = 100_000;
const VALUE_BYTES = 128;

export const peers: Bench = async function* (context) {
  const { entries = ENTRIES, inodes: keys = KEYS } = context.options;
  const job: Job = { entries, keys, valueBytes: VALUE_BYTES };
  const failures: unknown[] = [];
  for (const peer of [redisPeer, postgresqlPeer, natsPeer, etcdPeer]) {
    try {
      yield* peer(job)(context);
    } catch (error) {
      context.say(error instanceof Error ? error.message : String(error));
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} systems failed`);
};
