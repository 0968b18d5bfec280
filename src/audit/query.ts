/** Which lines of the trail are asked for. Pure. */
import { type QueryValue, parseTerms } from '../config/query';
import type { AuditLine, LineFields } from './line';

export type LineFilter = (line: AuditLine) => boolean;

/**
 * Terms as config/query.ts reads them. Keys are `kind` (which a bare pattern is of), `outcome`, `seq`,
 * `time`, `actor.NAME`, `fields.NAME`, or a bare name of either of the last two.
 */
export function parseFilter(text: string): LineFilter {
  return parseTerms(text, 'kind', valueAt);
}

function valueAt(line: AuditLine, key: string): QueryValue {
  switch (key) {
    case 'seq':
    case 'time':
    case 'kind':
    case 'outcome':
    case 'hash':
      return line[key];
    default:
  }
  if (key.startsWith('actor.')) return own(line.actor, key.slice('actor.'.length));
  if (key.startsWith('fields.')) return own(line.fields, key.slice('fields.'.length));
  return own(line.fields, key) ?? own(line.actor, key);
}

function own(object: LineFields, name: string): LineFields[string] | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
