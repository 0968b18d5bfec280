import { OpBatch, open } from '../../src';

/** Two sites in one process: what is written at the first is read at the second. */
export async function embed(configOfOslo: string, configOfBonn: string): Promise<string[]> {
  const oslo = await open(configOfOslo); // the path of a YAML file, or an object of its shape
  const bonn = await open(configOfBonn);
  const seen: string[] = [];
  bonn.on('applied', ({ site, lastLsn }) => seen.push(`bonn holds site ${site} to ${lastLsn}`));

  // Resolves when it is durable in Oslo. Operations are objects...
  const { inodes } = await oslo.append(
    [
      { op: 'mkdir', path: '/projects', mode: 0o755 },
      { op: 'create', path: '/projects/plan', mode: 0o640, uid: 1000, gid: 1000 },
    ],
    { wantInodes: true },
  );

  // ...or a batch, for those who need millions a second.
  const plan = inodes?.[1] ?? 0n;
  const batch = new OpBatch();
  for (let size = 1; size <= 1000; size++) {
    batch.write(plan, size, BigInt(Date.now()) * 1_000_000n, 0);
  }
  const { lastLsn } = await oslo.append(batch);

  await oslo.waitFor(2, lastLsn); // durable in Bonn, too
  const { size, nlink } = await bonn.lookup('/projects/plan');
  seen.push(`size ${size}, ${nlink} name`);

  for await (const { lsn, op } of oslo.tail({ fromLsn: lastLsn })) seen.push(`${lsn} ${op}`);

  await Promise.all([oslo.close(), bonn.close()]);
  return seen;
}
