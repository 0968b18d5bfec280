/**
 * What the two sites of a session ask of each other besides journals: a question, and its answer in parts,
 * which wait for room on the link as frames do. What questions say is not the conduit's business.
 *
 * Bounds: QUESTIONS_MAX under way in each direction, ANSWER_BYTES_MAX an answer. Memory is taken for what
 * has come, not for what is announced.
 */
import { ConduitError } from './errors';
import type { Link } from './link';
import type { AnswerMessage, OutgoingMessage, QuestionMessage } from './messages';
import { ANSWER_BYTES_MAX, BODY_BYTES_MAX, QUESTIONS_MAX } from './protocol';
import type { Asked } from './types';

/** Of Hello: both sides understand questions about states. */
export const COMPARE_CAPABILITY = 'compare';

export interface QuestionsOptions {
  readonly link: Pick<Link, 'remote' | 'hasRoom'>;
  readonly send: (message: OutgoingMessage) => void;
  /** Both have the capability. */
  readonly agreed: () => boolean;
  /** Undefined while nobody answers here. Rejects with an error that has a `code`. */
  readonly answer: (body: Uint8Array) => Promise<Uint8Array> | undefined;
}

interface Pending {
  readonly resolve: (asked: Asked) => void;
  parts: Uint8Array[];
  bytes: number;
}

export class Questions {
  readonly #options: QuestionsOptions;
  readonly #asked = new Map<number, Pending>();
  #nextId = 1;
  #answering = 0;
  #toSend: AnswerMessage[] = [];
  #ended = false;

  constructor(options: QuestionsOptions) {
    this.#options = options;
  }

  /** Never rejects: what went wrong is in what it resolves with. */
  ask(body: Uint8Array): Promise<Asked> {
    const { agreed, send } = this.#options;
    const peerSite = this.#peerSite;
    const refusal = (code: string, message: string): Promise<Asked> =>
      Promise.resolve({ code, message });
    if (this.#ended) return refusal('CFS_CLOSED', `the session with site ${peerSite} is over`);
    if (!agreed()) {
      const message = `site ${peerSite} runs a version that cannot compare states`;
      return refusal('CFS_UNSUPPORTED', message);
    }
    if (this.#asked.size >= QUESTIONS_MAX) {
      const message = `site ${peerSite} has ${QUESTIONS_MAX} questions to answer already`;
      return refusal('CFS_QUEUE_FULL', message);
    }
    if (body.length > BODY_BYTES_MAX) {
      const message = `question of ${body.length} bytes, at most ${BODY_BYTES_MAX} allowed`;
      return refusal('CFS_TOO_LARGE', message);
    }
    const id = this.#nextId;
    this.#nextId = (this.#nextId + 1) >>> 0;
    return new Promise((resolve) => {
      // First, as sending may end the session.
      this.#asked.set(id, { resolve, parts: [], bytes: 0 });
      send({ kind: 'question', id, body });
    });
  }

  /** Throws ConduitError for what the peer may not say now. */
  onMessage(message: QuestionMessage | AnswerMessage): void {
    if (message.kind === 'question') this.#onQuestion(message);
    else this.#onAnswer(message);
  }

  get #peerSite(): number {
    return this.#options.link.remote.site;
  }

  #onQuestion({ id, body }: QuestionMessage): void {
    const { agreed, answer } = this.#options;
    if (!agreed()) throw new ConduitError('out_of_order', 'a question without the capability');
    if (this.#answering >= QUESTIONS_MAX) {
      throw new ConduitError('out_of_order', `more than ${QUESTIONS_MAX} questions at once`);
    }
    this.#answering += 1;
    const answered =
      answer(body) ?? Promise.reject(new CodedError('CFS_CLOSED', 'nobody answers questions'));
    void answered.then(
      (bytes) => this.#reply(id, bytes),
      (error: unknown) => this.#refuse(id, error),
    );
  }

  #onAnswer({ id, bytesTotal, offset, body, error }: AnswerMessage): void {
    const pending = this.#asked.get(id);
    if (pending === undefined) throw new ConduitError('malformed', `answer to no question: ${id}`);
    if (error !== undefined) {
      this.#asked.delete(id);
      pending.resolve(error);
      return;
    }
    const bytes = pending.bytes + body.length;
    if (offset !== pending.bytes || bytes > bytesTotal || (body.length === 0 && bytesTotal > 0)) {
      throw new ConduitError(
        'malformed',
        `answer: part of ${body.length} bytes at ${offset} of ${bytesTotal}, expected the next after ${pending.bytes}`,
      );
    }
    pending.parts.push(body);
    pending.bytes = bytes;
    if (bytes < bytesTotal) return;
    this.#asked.delete(id);
    pending.resolve({ answer: Buffer.concat(pending.parts, bytes) });
  }

  /** Sends what waits while the link has room. To be called when it has some again. */
  serve(): void {
    while (!this.#ended && this.#options.link.hasRoom()) {
      const part = this.#toSend.shift();
      if (part === undefined) return;
      this.#options.send(part);
    }
  }

  /** The session is over. */
  end(message: string): void {
    this.#ended = true;
    this.#toSend = [];
    const peerSite = this.#peerSite;
    for (const { resolve } of this.#asked.values()) {
      resolve({
        code: 'CFS_CLOSED',
        message: `the session with site ${peerSite} ended: ${message}`,
      });
    }
    this.#asked.clear();
  }

  #reply(id: number, answer: Uint8Array): void {
    if (answer.length > ANSWER_BYTES_MAX) {
      const message = `answer of ${answer.length} bytes, at most ${ANSWER_BYTES_MAX} allowed`;
      this.#refuse(id, new CodedError('CFS_TOO_LARGE', message));
      return;
    }
    this.#answering -= 1;
    let offset = 0;
    do {
      const body = answer.subarray(offset, offset + BODY_BYTES_MAX);
      this.#toSend.push({ kind: 'answer', id, bytesTotal: answer.length, offset, body });
      offset += body.length;
    } while (offset < answer.length);
    this.serve();
  }

  #refuse(id: number, reason: unknown): void {
    this.#answering -= 1;
    const message = reason instanceof Error ? reason.message : String(reason);
    const code = reason instanceof Error && 'code' in reason ? String(reason.code) : 'CFS_INTERNAL';
    const error = { code, message };
    this.#toSend.push({
      kind: 'answer',
      id,
      bytesTotal: 0,
      offset: 0,
      body: new Uint8Array(0),
      error,
    });
    this.serve();
  }
}

class CodedError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}
