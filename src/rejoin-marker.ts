/**
 * How far the way back of a site is: the file `rejoin.json` of its data directory, from when it is asked
 * for until all is done. Each phase may be begun again after a crash.
 *
 * | phase     | what is there                                    | what comes                                       |
 * | --------- | ------------------------------------------------ | ------------------------------------------------ |
 * | set-aside | the old journal, still in its place              | it is moved; a new incarnation begins            |
 * | snapshot  | an empty one                                     | a checkpoint of the primary is taken over        |
 * | unsent    | what the primary held, or its checkpoint to take | what the old journal had not sent goes on record |
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeError, setAside } from '../bindings';
import { removeFileDurably, writeFileDurably } from './durable-file';

const FILE = 'rejoin.json';
const PHASES = ['set-aside', 'snapshot', 'unsent'] as const;

export interface RejoinMarker {
  readonly phase: (typeof PHASES)[number];
  /** The site that everything is taken from. */
  readonly primary: number;
  /** The incarnation whose journal may have what was not sent. */
  readonly previous: bigint;
  /** The last that was set aside: later than `previous` if it was evicted on its way back. */
  readonly last: bigint;
}

/** Where the journal of an incarnation is kept, below the data directory. */
export function setAsideFolder(incarnation: bigint): string {
  return join('set-aside', incarnation.toString(16).padStart(16, '0'));
}

export function writeMarker(dataDir: string, { phase, primary, ...of }: RejoinMarker): void {
  const [previous, last] = [of.previous.toString(), of.last.toString()];
  const text = JSON.stringify({ phase, primary, previous, last });
  writeFileDurably(dataDir, FILE, `${text}\n`);
}

export function removeMarker(dataDir: string): void {
  removeFileDurably(dataDir, FILE);
}

/**
 * Before the journal is opened: moves the old one out of the way if that is due. Undefined when the site
 * is not on its way back. Rejects with LockedError when a process has the directory, DataError when the
 * file is not as this program writes it.
 */
export async function prepareRejoin(dataDir: string): Promise<RejoinMarker | undefined> {
  const marker = readMarker(dataDir);
  if (marker?.phase !== 'set-aside') return marker;
  await setAside(dataDir, join(dataDir, setAsideFolder(marker.last)));
  const next: RejoinMarker = { ...marker, phase: 'snapshot' };
  writeMarker(dataDir, next);
  return next;
}

function readMarker(dataDir: string): RejoinMarker | undefined {
  const path = join(dataDir, FILE);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const marker = parseMarker(text);
  if (marker !== undefined) return marker;
  throw makeError('CFS_CORRUPT', `${path} is damaged: it does not say how far the way back is`);
}

function parseMarker(text: string): RejoinMarker | undefined {
  try {
    const { phase, primary, previous, last } = JSON.parse(text) as Record<string, unknown>;
    const known = PHASES.find((one) => one === phase);
    if (known === undefined || typeof primary !== 'number') return undefined;
    if (typeof previous !== 'string' || typeof last !== 'string') return undefined;
    return { phase: known, primary, previous: BigInt(previous), last: BigInt(last) };
  } catch {
    return undefined;
  }
}
