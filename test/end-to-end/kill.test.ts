/** Agents in their own processes, killed without warning in the middle of their work. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Agent, Cluster, levelled } from './support/cluster';

const ROUNDS = 25;
const LINES_A_REQUEST = 400;

/** Appends directories until the agent stops answering; answers how many names were acked. */
async function writeUntilItDies(agent: Agent, prefix: string): Promise<number> {
  let acked = 0;
  for (;;) {
    const lines: string[] = [];
    for (let i = acked; i < acked + LINES_A_REQUEST; i++) {
      lines.push(JSON.stringify({ op: 'mkdir', path: `/${prefix}-${i}` }));
    }
    const { status } = await agent.request('POST', '/journal/append', lines.join('\n'));
    if (status !== 200) return acked;
    acked += LINES_A_REQUEST;
  }
}

test(`kill -9 of either agent under load, ${ROUNDS} rounds: nothing acked is lost, both are equal`, async (t) => {
  const cluster = await Cluster.make(t, 2);
  const agents = [await cluster.spawn(1), await cluster.spawn(2)] as [Agent, Agent];
  const expected: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const victim = (round % 2) as 0 | 1;
    const other = (1 - victim) as 0 | 1;
    const names = [`r${round}-victim`, `r${round}-other`] as const;
    const dying = writeUntilItDies(agents[victim], names[0]);
    const lines = [JSON.stringify({ op: 'mkdir', path: `/${names[1]}-0` })];
    await new Promise((resolve) => setTimeout(resolve, 20 + ((37 * round) % 200)));
    await agents[other].request('POST', '/journal/append', lines.join('\n'));
    await agents[victim].kill('SIGKILL');
    const acked = await dying;
    for (let i = 0; i < acked; i++) expected.push(`/${names[0]}-${i}`);
    expected.push(`/${names[1]}-0`);
    agents[victim] = await cluster.spawn(victim + 1);
    await levelled(...agents);
    assert.equal(await agents[0].dump(), await agents[1].dump(), `after round ${round}`);
  }
  const shown = await agents[0].names();
  const lost = expected.filter((name) => !shown.has(name));
  assert.deepEqual(lost, []);
  t.diagnostic(
    `${ROUNDS} kills, dumps equal after each, ${expected.length} names acked, ${shown.size} there`,
  );
});

test('SIGTERM stops an agent in good order, and it goes on where it was', async (t) => {
  const cluster = await Cluster.make(t, 2);
  const first = await cluster.spawn(1);
  await first.request('POST', '/journal/append', '{"op":"mkdir","path":"/kept"}');
  await first.kill('SIGTERM');
  assert.equal(first.child.exitCode, 0);
  const again = await cluster.spawn(1);
  assert.deepEqual([...(await again.names())], ['/kept']);
});
