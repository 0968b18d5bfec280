/** Are two sites equal? Their dumps, line by line, and their digests. */
import type { AgentClient } from '../../src/cli/agent-client';
import { textAt } from '../../src/cli/json';
import type { Site } from './site';

export interface Comparison {
  readonly equal: boolean;
  readonly names: number;
  readonly digests: readonly [string, string];
  /** The first lines that differ; undefined if none do. */
  readonly difference?: readonly [string, string];
}

const NOTHING = '(no such line)';

async function digestOf(client: AgentClient): Promise<string> {
  return textAt(await client.json('GET', '/meta/digest'), 'digest');
}

/** Reads both dumps side by side; neither is held in memory. */
export async function compare(a: Site, b: Site): Promise<Comparison> {
  const digests = [await digestOf(a.client), await digestOf(b.client)] as const;
  const linesOfA = a.client.lines('GET', '/meta/dump', {});
  const linesOfB = b.client.lines('GET', '/meta/dump', {});
  for (let names = 0; ; names++) {
    const [fromA, fromB] = await Promise.all([linesOfA.next(), linesOfB.next()]);
    if (fromA.done === true && fromB.done === true) {
      return { equal: digests[0] === digests[1], names, digests };
    }
    const lineOfA = fromA.done === true ? NOTHING : fromA.value;
    const lineOfB = fromB.done === true ? NOTHING : fromB.value;
    if (lineOfA === lineOfB) continue;
    await Promise.all([linesOfA.return(undefined), linesOfB.return(undefined)]);
    return { equal: false, names, digests, difference: [lineOfA, lineOfB] };
  }
}
