/** Trails in a folder that is gone when the test ends, with a clock that the test moves. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { listFiles } from '../../../src/audit/files';
import { type AuditLine, parseLine } from '../../../src/audit/line';
import { readTrail, type TrailQuery } from '../../../src/audit/read';
import { AuditTrail, type TrailOptions } from '../../../src/audit/trail';
import { type VerifyReport, verifyTrail } from '../../../src/audit/verify';

export const START_UNIX_MS = Date.parse('2026-01-01T00:00:00Z');
export const DAY_MS = 86_400_000;

export function scratchDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'cfs-audit-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface Clock {
  nowUnixMs: number;
}

export interface OpenedTrail {
  readonly trail: AuditTrail;
  readonly errors: unknown[];
}

export async function openTrail(
  directory: string,
  change: Partial<TrailOptions> = {},
): Promise<OpenedTrail> {
  const errors: unknown[] = [];
  const trail = await AuditTrail.open({
    directory,
    identity: { site: 1, incarnation: 7n },
    fileBytesMax: 1024 * 1024,
    retention: { bytesMax: 1024 * 1024 * 1024, ageMsMax: 1000 * DAY_MS },
    nowUnixMs: () => START_UNIX_MS,
    onError: (error) => errors.push(error),
    ...change,
  });
  return { trail, errors };
}

/** A closed trail of one file: its file line, and `count` events "test.event". */
export async function makeTrail(directory: string, count: number): Promise<void> {
  const { trail } = await openTrail(directory);
  for (let n = 1; n <= count; n++) trail.record({ kind: 'test.event', fields: { n } });
  await trail.close();
}

export async function verify(directory: string): Promise<VerifyReport> {
  return verifyTrail(directory, await listFiles(directory));
}

export async function linesOf(directory: string, query: TrailQuery = {}): Promise<AuditLine[]> {
  const files = await listFiles(directory);
  const source = {
    directory,
    head: { seq: 0 },
    files: () => files,
    changed: () => Promise.resolve(false),
  };
  let text = '';
  for await (const chunk of readTrail(source, query, new AbortController().signal)) text += chunk;
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => parseLine(Buffer.from(line)))
    .filter((line) => line !== undefined);
}

/** Rewrites the lines of a file, each without its newline. */
export function editLines(path: string, edit: (lines: string[]) => string[]): void {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  writeFileSync(
    path,
    edit(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}
