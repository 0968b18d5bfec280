/** What is wrong with a configuration: every problem at once, each with its key, value and cure. */
import { closest, distance } from 'fastest-levenshtein';

export interface ConfigIssue {
  /** As the file spells it, such as `peers[0].endpoints[1]`; empty for the file as a whole. */
  readonly path: string;
  /** What was found and what was expected. */
  readonly message: string;
  /** Where, counted from 1; absent when there is no file or no place in it. */
  readonly line?: number;
  readonly column?: number;
}

export class ConfigError extends Error {
  readonly code = 'CFS_CONFIG';
  readonly issues: readonly ConfigIssue[];
  /** The file, or undefined when the configuration was given as an object. */
  readonly file: string | undefined;

  constructor(issues: readonly ConfigIssue[], file?: string) {
    super(issues.map((issue) => describeIssue(issue, file)).join('\n'));
    this.name = 'ConfigError';
    this.issues = issues;
    this.file = file;
  }
}

/** `site-a.yaml:3:12: listen.port: 95000 ...` */
function describeIssue(issue: ConfigIssue, file: string | undefined): string {
  const place = issue.line === undefined ? '' : `:${issue.line}:${issue.column ?? 1}`;
  const prefix = file === undefined ? '' : `${file}${place}: `;
  return `${prefix}${issue.path === '' ? '' : `${issue.path}: `}${issue.message}`;
}

const SHOWN_CHARACTERS_MAX = 80;

/** A value as an error message shows it. */
export function showValue(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  switch (typeof value) {
    case 'string':
      return cut(JSON.stringify(value));
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    default:
      return value === null || value === undefined ? 'nothing' : 'a group of keys';
  }
}

function cut(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
}

/** The known key that was probably meant, if any is near enough. */
export function nearestKey(key: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined;
  const nearest = closest(key, known);
  return distance(key, nearest) <= Math.max(2, Math.floor(key.length / 3)) ? nearest : undefined;
}
