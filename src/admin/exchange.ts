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
        this.#whole(reply.status, CONTENT_TYPE_JSON, jsonText(reply.body));
        break;
      case 'text':
        this.#whole(200, reply.contentType, reply.body);
        break;
      case 'lines':
        await this.#stream(reply);
    }
  }

  fail(error: unknown): void {
    const apiError = toApiError(error);
    this.#whole(apiError.status, CONTENT_TYPE_JSON, jsonText(errorBody(apiError)));
  }

  #whole(status: number, contentType: string, text: string): void {
    if (this.#over) return;
    // What is left of a body that nobody reads would be taken for the next request.
    const closeConnection = this.#takesBody && !this.body.complete;
    this.body.discard();
    this.#response.cork(() => {
      this.#head(status, contentType);
      this.#response.end(text, closeConnection);
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
    let headSent = false;
    try {
      for await (const chunk of reply.chunks) {
        if (this.#over) return;
        if (chunk === '') continue;
        await this.#write(chunk, !headSent);
        headSent = true;
      }
    } catch (error) {
      if (!headSent) {
        this.fail(error);
        return;
      }
      await this.#write(jsonText(errorBody(toApiError(error))), false);
    }
    if (!headSent) {
      this.#whole(200, CONTENT_TYPE_LINES, '');
      return;
    }
    if (this.#over) return;
    this.#response.cork(() => this.#response.end());
    this.#finish();
  }

  /** Resolves when the socket has room again, or nothing more can be written. */
  async #write(chunk: string, first: boolean): Promise<void> {
    if (this.#over) return;
    let room = true as boolean;
    this.#response.cork(() => {
      if (first) this.#head(200, CONTENT_TYPE_LINES);
      room = this.#response.write(chunk);
    });
    if (room) return;
    await new Promise<void>((resolve) => {
      this.#writable = resolve;
    });
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
