/** What a handler answers. `server.ts` turns it into HTTP. */
import type { JsonValue } from './json-form';

export interface JsonReply {
  readonly kind: 'json';
  readonly status: number;
  readonly body: JsonValue;
}

export interface TextReply {
  readonly kind: 'text';
  readonly contentType: string;
  readonly body: string;
}

/**
 * JSON Lines, some complete lines a chunk. What goes wrong after the first chunk ends the stream with
 * a line `{"error":{...}}`, as the status has been sent by then.
 */
export interface LinesReply {
  readonly kind: 'lines';
  readonly chunks: AsyncIterable<string>;
}

export type Reply = JsonReply | TextReply | LinesReply;

export function jsonReply(body: JsonValue, status = 200): JsonReply {
  return { kind: 'json', status, body };
}

export function linesReply(chunks: AsyncIterable<string>): LinesReply {
  return { kind: 'lines', chunks };
}
