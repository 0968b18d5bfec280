/**
 * Is the trail whole? Each line's number follows that of the line before, and its hash is that of
 * everything before it; so a line that was changed, removed, added or moved is found where it stands.
 *
 * What a chain cannot tell by itself is whether lines were cut off at its end: that takes a head known
 * from elsewhere, such as the writer's own or one that a peer keeps as an anchor.
 */
import { join } from 'node:path';
import { type TrailFile, fileName, readLines } from './files';
import {
  ANCHOR_KIND,
  type AuditLine,
  type ChainHead,
  DELETED_KIND,
  FILE_KIND,
  GENESIS,
  expectedHash,
  parseLine,
} from './line';

/** Something is not as it was written. */
export interface Fault {
  readonly file: string;
  /** In the file, counted from 1. */
  readonly line: number;
  /** What is wrong, and what was expected. */
  readonly message: string;
}

/** A head of this trail that is known from elsewhere. */
export interface KnownHead extends ChainHead {
  /** Completes "as ... says". */
  readonly source: string;
}

/** The newest head that a peer said its own trail has. */
export interface PeerAnchor extends ChainHead {
  readonly site: number;
  /** When it was written down here, and in which line of this trail. */
  readonly time: string;
  readonly line: number;
  /** How many of that peer's are in the trail. */
  readonly count: number;
}

export interface VerifyReport {
  readonly files: number;
  readonly lines: number;
  readonly bytes: number;
  readonly first: { readonly seq: number; readonly time: string } | undefined;
  readonly last: { readonly seq: number; readonly time: string; readonly hash: string } | undefined;
  /** Empty if the trail is whole. In the order of the trail, the first FAULTS_MAX of them. */
  readonly faults: readonly Fault[];
  /** By site. */
  readonly anchors: readonly PeerAnchor[];
}

const FAULTS_MAX = 100;

/** How far a chain has been checked. Without a hash, the next line's is taken on trust. */
export interface ChainState {
  readonly seq: number;
  readonly hash: string | undefined;
}

export interface CheckedLine {
  readonly state: ChainState;
  readonly line: AuditLine | undefined;
  /** What is wrong with it, if anything is. */
  readonly fault: string | undefined;
}

/** One line. After a fault, the chain is taken up again from what the line says of itself. Pure. */
export function checkLine(state: ChainState, bytes: Buffer): CheckedLine {
  const expectedSeq = state.seq + 1;
  const line = parseLine(bytes);
  if (line === undefined) {
    return {
      state: { seq: expectedSeq, hash: undefined },
      line,
      fault: `this is no line of a trail: expected event ${expectedSeq} as JSON that ends with its hash`,
    };
  }
  const next = { seq: line.seq, hash: line.hash };
  if (line.seq !== expectedSeq) {
    const fault = `this is event ${line.seq}: expected event ${expectedSeq}, which is missing or moved`;
    return { state: next, line, fault };
  }
  const hash = state.hash === undefined ? line.hash : expectedHash(state.hash, bytes);
  const fault =
    hash === line.hash
      ? undefined
      : `event ${line.seq} has the hash ${line.hash}: expected ${hash}; it or the line before was changed`;
  return { state: next, line, fault };
}

/** Where the first file of a trail takes up the chain: what is older was deleted. */
interface Beginning {
  readonly file: string;
  readonly seq: number;
  readonly previous: string;
}

class TrailCheck {
  #state: ChainState = GENESIS;
  #beginning: Beginning | undefined;
  #isDeletionTold = false;
  #first: AuditLine | undefined;
  #last: AuditLine | undefined;
  #lines = 0;
  #bytes = 0;
  #files = 0;
  #place = { file: fileName(1), line: 1 };
  readonly #faults: Fault[] = [];
  readonly #anchors = new Map<number, PeerAnchor>();
  readonly #known: readonly KnownHead[];

  constructor(known: readonly KnownHead[]) {
    this.#known = known;
  }

  startFile(file: TrailFile): void {
    this.#place = { file: file.name, line: 1 };
    this.#files++;
    this.#bytes += file.bytes;
    if (file.bytes === 0) this.#note(`the file is empty: expected its ${FILE_KIND} line`);
  }

  take(bytes: Buffer, number: number, torn: boolean, firstSeq: number): void {
    this.#place = { ...this.#place, line: number };
    this.#lines++;
    if (number === 1 && this.#files === 1 && firstSeq !== 1) this.#begin(bytes, firstSeq);
    const { state, line, fault } = checkLine(this.#state, bytes);
    const before = this.#state;
    this.#state = state;
    if (fault !== undefined) this.#note(fault);
    else if (torn) this.#note(`event ${state.seq} is cut short: expected a newline behind it`);
    if (line === undefined) return;
    if (number === 1) this.#checkFileLine(line, before, firstSeq);
    this.#remember(line);
  }

  finish(): VerifyReport {
    this.#checkBeginning();
    for (const { seq, source } of this.#known) {
      if (seq <= this.#state.seq) continue;
      this.#place = { ...this.#place, line: this.#place.line + 1 };
      this.#note(
        `the trail ends with event ${this.#state.seq}: expected ${seq}, as ${source} says`,
      );
    }
    const [first, last] = [this.#first, this.#last];
    return {
      files: this.#files,
      lines: this.#lines,
      bytes: this.#bytes,
      first: first && { seq: first.seq, time: first.time },
      last: last && { seq: last.seq, time: last.time, hash: last.hash },
      faults: this.#faults,
      anchors: [...this.#anchors.values()].sort((a, b) => a.site - b.site),
    };
  }

  #note(message: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push({ ...this.#place, message });
  }

  #begin(bytes: Buffer, firstSeq: number): void {
    const previous = String(parseLine(bytes)?.fields['previous'] ?? '');
    const isHash = /^[0-9a-f]{64}$/.test(previous);
    this.#beginning = { file: this.#place.file, seq: firstSeq, previous };
    this.#state = { seq: firstSeq - 1, hash: isHash ? previous : undefined };
  }

  #checkFileLine(line: AuditLine, before: ChainState, firstSeq: number): void {
    if (line.kind !== FILE_KIND) {
      this.#note(`the file begins with ${line.kind}: expected ${FILE_KIND}`);
    } else if (line.seq !== firstSeq) {
      this.#note(`the file begins with event ${line.seq}: expected ${firstSeq}, as its name says`);
    } else if (before.hash !== undefined && line.fields['previous'] !== before.hash) {
      this.#note(
        `the file follows the hash ${String(line.fields['previous'])}: expected ${before.hash}, ` +
          'the last one of the file before',
      );
    }
  }

  #remember(line: AuditLine): void {
    this.#first ??= line;
    this.#last = line;
    for (const { seq, hash, source } of this.#known) {
      if (line.seq !== seq || line.hash === hash) continue;
      this.#note(`event ${seq} has the hash ${line.hash}: expected ${hash}, as ${source} says`);
    }
    const { fields } = line;
    if (line.kind === DELETED_KIND && this.#beginning !== undefined) {
      const { seq, previous } = this.#beginning;
      if (fields['first_kept_seq'] === seq && fields['previous'] === previous) {
        this.#isDeletionTold = true;
      }
    }
    if (line.kind === ANCHOR_KIND) this.#rememberAnchor(line);
  }

  #rememberAnchor({ seq: line, time, fields }: AuditLine): void {
    const { site, seq, hash } = fields;
    if (typeof site !== 'number' || typeof seq !== 'number' || typeof hash !== 'string') return;
    const count = (this.#anchors.get(site)?.count ?? 0) + 1;
    this.#anchors.set(site, { site, seq, hash, time, line, count });
  }

  #checkBeginning(): void {
    if (this.#beginning === undefined || this.#isDeletionTold) return;
    const { file, seq } = this.#beginning;
    this.#faults.unshift({
      file,
      line: 1,
      message:
        `the trail begins with event ${seq}: expected event 1, or an ${DELETED_KIND} line that says ` +
        'that what came before was deleted',
    });
  }
}

/**
 * Reads the files, oldest first, each up to its `bytes`. `known` are heads that must be found in it; one
 * of a line that has been deleted since is passed over.
 */
export async function verifyTrail(
  directory: string,
  files: readonly TrailFile[],
  known: readonly KnownHead[] = [],
): Promise<VerifyReport> {
  const check = new TrailCheck(known);
  for (const file of files) {
    check.startFile(file);
    for await (const { bytes, number, torn } of readLines(join(directory, file.name), file.bytes)) {
      check.take(bytes, number, torn, file.firstSeq);
    }
  }
  return check.finish();
}
