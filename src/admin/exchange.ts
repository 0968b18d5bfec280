/**
 * One request and its answer over uWebSockets.js, whose rules are kept here and nowhere else: nothing
 * touches the response after it was aborted or ended, every write is corked, a write that would
 * overrun the socket waits until it is writable.
 *
 * A client that reads nothing for ten seconds while an answer waits is cut off by uWebSockets.js.
 */
import type { HttpResponse } from 'uWebSockets.js';
import { ApiError, errorBody, statusLine, toApiError } from './api-error';
import { BodyStream } from './body-stream';
import type { JsonValue } from './json-form';
import type { LinesReply, Reply } from './reply';

/**
 * uWebSockets.js 20.30 loses bytes of a corked write that is longer than its cork buffer (16 KiB with
 * everything else that is corked) when the socket is full; so no write is.
 */
const PIECE_BYTES_MAX = 8 * 1024;

const CONTENT_TYPE_JSON = 'application/json; charset=utf-8';
const CONTENT_TYPE_LINES = 'application/jsonl; charset=utf-8';

export class Exchange {
  readonly body: BodyStream;
  readonly #response: HttpResponse;
  readonly #controller = new AbortController();
  readonly #takesBody: boolean;
  readonly #onOver: () => void;
  /** Aborted or ended: the response must not be touched. */
  #over = false;
  #writable: (() => void) | undefined;

  /** Call in the route's handler, before anything is awaited. `onOver` is called once. */
  constructor(response: HttpResponse, takesBody: boolean, onOver: () => void) {
    this.#response = response;
    this.#takesBody = takesBody;
    this.#onOver = onOver;
    this.body = new BodyStream({
      pause: () => {
        if (!this.#over) response.pause();
      },
      resume: () => {
        if (!this.#over) response.resume();
      },
    });
    response.onAborted(() => {
      this.#finish();
      this.abort('the client closed the connection');
    });
    response.onWritable(() => {
      this.#wakeWriter();
      return true;
    });
    if (takesBody) response.onData((chunk, isLast) => this.body.push(chunk, isLast));
    else this.body.push(new ArrayBuffer(0), true);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Stops the work: the signal aborts and the body fails. The answer may still be sent. */
  abort(reason: string): void {
    const error = new ApiError(503, 'CFS_CLOSED', reason);
    this.body.fail(error);
    this.#controller.abort(error);
    this.#wakeWriter();
  }

  /** Cuts the connection. */
  destroy(): void {
    if (!this.#over) this.#response.close();
  }

  async answer(reply: Reply): Promise<void> {
    switch (reply.kind) {
      case 'json':
        await this.#whole(reply.status, CONTENT_TYPE_JSON, jsonText(reply.body));
        break;
      case 'text':
        await this.#whole(200, reply.contentType, reply.body);
        break;
      case 'lines':
        await this.#stream(reply);
    }
  }

  async fail(error: unknown): Promise<void> {
    const apiError = toApiError(error);
    await this.#whole(apiError.status, CONTENT_TYPE_JSON, jsonText(errorBody(apiError)));
  }

  async #whole(status: number, contentType: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    // A client that is still sending gets its answer at once, but the connection waits for the rest:
    // to close it on unread bytes would reset it, and the answer could be lost. Nor can `end` be told to
    // close it: uWebSockets.js 20.30 then writes a header behind the chunks.
    const early = this.#takesBody && !this.body.complete;
    const inPieces = early || bytes.length > PIECE_BYTES_MAX;
    if (inPieces) await this.#write(bytes, () => this.#head(status, contentType));
    if (early) await this.body.discard();
    if (this.#over) return;
    this.#response.cork(() => {
      if (!inPieces) this.#head(status, contentType);
      this.#response.end(inPieces ? undefined : bytes);
    });
    this.#finish();
  }

  #head(status: number, contentType: string): void {
    this.#response
      .writeStatus(statusLine(status))
      .writeHeader('content-type', contentType)
      .writeHeader('cache-control', 'no-store')
      .writeHeader('x-content-type-options', 'nosniff');
  }

  /** The head goes out with the first chunk: what fails before it still gets a status of its own. */
  async #stream(reply: LinesReply): Promise<void> {
    let head: (() => void) | undefined = () => this.#head(200, CONTENT_TYPE_LINES);
    try {
      for await (const chunk of reply.chunks) {
        if (this.#over) return;
        if (chunk === '') continue;
        await this.#write(Buffer.from(chunk), head);
        head = undefined;
      }
    } catch (error) {
      if (head !== undefined) return this.fail(error);
      await this.#write(Buffer.from(jsonText(errorBody(toApiError(error)))));
    }
    if (head !== undefined) return this.#whole(200, CONTENT_TYPE_LINES, '');
    if (this.#over) return;
    this.#response.cork(() => this.#response.end());
    this.#finish();
  }

  /** Resolves when the socket has taken it all, or nothing more can be written. */
  async #write(bytes: Buffer, head?: () => void): Promise<void> {
    for (let start = 0; start < bytes.length; start += PIECE_BYTES_MAX) {
      if (this.#over) return;
      let room = true as boolean;
      this.#response.cork(() => {
        if (start === 0) head?.();
        room = this.#response.write(bytes.subarray(start, start + PIECE_BYTES_MAX));
      });
      if (room) continue;
      await new Promise<void>((resolve) => {
        this.#writable = resolve;
      });
    }
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wakeWriter();
    this.#onOver();
  }

  #wakeWriter(): void {
    const wake = this.#writable;
    this.#writable = undefined;
    wake?.();
  }
}

function jsonText(value: JsonValue): string {
  return `${JSON.stringify(value)}\n`;
}
