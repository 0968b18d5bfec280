/** Whether nodes show the same tree. */
import assert from 'node:assert/strict';
import type { Node } from '../../../src';

const PAGE = 10_000;

/** Every visible name with all that is known of it, a line each, in byte order of the path. */
export async function dumpLines(node: Node): Promise<string[]> {
  const lines: string[] = [];
  let after: Uint8Array | undefined;
  for (;;) {
    const page = await node.dump(after, PAGE);
    for (const { path, info } of page) {
      const shown = { path: Buffer.from(path).toString('latin1'), ...info };
      lines.push(JSON.stringify(shown, (_, value: unknown) => readable(value)));
    }
    after = page.at(-1)?.path;
    if (page.length < PAGE) return lines;
  }
}

function readable(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  return value;
}

/** Equal dumps and equal digests. */
export async function assertSameTree(...nodes: readonly [Node, ...Node[]]): Promise<string[]> {
  const [first, ...others] = nodes;
  const expected = await dumpLines(first);
  const digest = await first.digest();
  for (const other of others) {
    const lines = await dumpLines(other);
    const differing = lines.findIndex((line, index) => line !== expected[index]);
    if (lines.length !== expected.length || differing >= 0) {
      assert.fail(
        `${other.config.site.name} shows ${lines.length} names, ${first.config.site.name} ` +
          `${expected.length}; first difference:\n${String(lines[differing])}\n${String(expected[differing])}`,
      );
    }
    assert.deepEqual(await other.digest(), digest);
  }
  return expected;
}

/** Bytes that should be UTF-8. */
export function textOf(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('utf8');
}
