/** Every benchmark by name, in the order in which `all` runs them. */
import { appendLatency } from './append-latency';
import { coreBench } from './core-bench';
import { digest } from './digest';
import { eventLoop } from './event-loop';
import { lag } from './lag';
import { memory } from './memory';
import { peers } from './peers/peers';
import { recover } from './recover';
import { replicate } from './replicate';
import { replicateBoth } from './replicate-both';
import { scale } from './scale';
import type { Bench } from './support/measurement';

export const benches: ReadonlyMap<string, Bench> = new Map([
  ['crc', coreBench('crc')],
  ['codec', coreBench('codec')],
  ['compact', coreBench('compact')],
  ['conflict', coreBench('conflict')],
  ['wal', coreBench('wal')],
  ['digest', digest],
  ['append-latency', appendLatency],
  ['replicate', replicate],
  ['replicate-both', replicateBoth],
  ['lag', lag],
  ['recover', recover],
  ['memory', memory],
  ['scale', scale],
  ['event-loop', eventLoop],
  ['peers', peers],
]);
