/**
 * A YAML file as plain data, with the place of every key. Keys are turned to the programs' spelling;
 * a key spelled any other way than the files' is kept as it is, to be reported as unknown.
 */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  type Document,
  type Node,
} from 'yaml';

import type { ConfigIssue } from './config-error';
import { toFileKey, toProgramKey } from './values';

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YamlSource {
  readonly data: unknown;
  /** Faults of the YAML itself; `data` is then not to be used. */
  readonly issues: readonly ConfigIssue[];
  /** Where the key at `path` stands, or else the nearest key above it. */
  placeOf(path: readonly PropertyKey[]): Place | undefined;
}

const ALIASES_DEPTH_MAX = 16;

export function readYaml(text: string): YamlSource {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
  const issues = document.errors.map((error): ConfigIssue => {
    const { line, col } = lineCounter.linePos(error.pos[0]);
    return { path: '', message: `not valid YAML: ${error.message}`, line, column: col };
  });
  const reader = new Reader(document, lineCounter);
  const data = issues.length > 0 ? undefined : reader.read(document.contents, [], 0);
  return { data, issues, placeOf: (path) => reader.placeOf(path) };
}

/** A key that a file must not use, however well it would suit a program. */
const FOREIGN_KEY_MARK = ' ';

/** The key as the file has it. */
export function originalKey(key: string): string {
  return key.startsWith(FOREIGN_KEY_MARK) ? key.slice(FOREIGN_KEY_MARK.length) : toFileKey(key);
}

class Reader {
  private readonly places = new Map<string, Place>();

  constructor(
    private readonly document: Document,
    private readonly lineCounter: LineCounter,
  ) {}

  read(node: unknown, path: readonly PropertyKey[], aliases: number): unknown {
    if (isAlias(node)) {
      if (aliases >= ALIASES_DEPTH_MAX) return undefined;
      return this.read(node.resolve(this.document), path, aliases + 1);
    }
    if (isMap(node)) {
      const entries = node.items.map((pair) => {
        const key = programKey(String(isScalar(pair.key) ? pair.key.value : pair.key));
        const keyPath = [...path, key];
        this.remember(keyPath, pair.key);
        return [key, this.read(pair.value, keyPath, aliases)] as const;
      });
      return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
    }
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const itemPath = [...path, index];
        this.remember(itemPath, item);
        return this.read(item, itemPath, aliases);
      });
    }
    // An empty value ("peers:") is a key left out.
    return isScalar(node) ? (node.value ?? undefined) : undefined;
  }

  placeOf(path: readonly PropertyKey[]): Place | undefined {
    for (let length = path.length; length > 0; length--) {
      const place = this.places.get(placeKey(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return undefined;
  }

  private remember(path: readonly PropertyKey[], node: unknown): void {
    const offset = (node as Node | null)?.range?.[0];
    if (offset === undefined) return;
    const { line, col } = this.lineCounter.linePos(offset);
    this.places.set(placeKey(path), { line, column: col });
  }
}

function programKey(key: string): string {
  const turned = toProgramKey(key);
  return toFileKey(turned) === key ? turned : `${FOREIGN_KEY_MARK}${key}`;
}

function placeKey(path: readonly PropertyKey[]): string {
  return path.map(String).join('/');
}
