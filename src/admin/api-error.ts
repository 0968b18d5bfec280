/**
 * How the API says no: `{"error":{"code","message",...}}` with an HTTP status that means the same.
 * Codes of the engine pass through; those of this file are the API's own.
 */
import type { JsonObject } from './json-form';

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** More members of the error object, such as `line`. */
    readonly details: JsonObject = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'CFS_INVALID_ARGUMENT', message);
}

/** What an engine's code means to an HTTP client. Anything else is 500. */
const STATUS_OF_CODE: ReadonlyMap<string, number> = new Map([
  ['CFS_INVALID_ARGUMENT', 400],
  ['CFS_MALFORMED', 400],
  ['CFS_CHECKSUM', 400],
  ['CFS_NOT_FOUND', 404],
  ['CFS_EXISTS', 409],
  ['CFS_NOT_DIRECTORY', 409],
  ['CFS_IS_DIRECTORY', 409],
  ['CFS_NOT_EMPTY', 409],
  ['CFS_SEQUENCE_GAP', 409],
  ['CFS_LSN_GAP', 409],
  ['CFS_STALE_EPOCH', 409],
  ['CFS_WRONG_CLUSTER', 409],
  ['CFS_EVICTED', 409],
  ['CFS_TRUNCATED', 410],
  ['CFS_TOO_LARGE', 413],
  ['CFS_UNSUPPORTED', 422],
  ['CFS_CONFIG', 422],
  ['CFS_LOCKED', 423],
  ['CFS_QUEUE_FULL', 503],
  ['CFS_STOPPED', 503],
  ['CFS_CATCHING_UP', 503],
  ['CFS_CLOSED', 503],
  ['CFS_DISK_FULL', 507],
]);

export function httpStatusOf(code: string): number {
  return STATUS_OF_CODE.get(code) ?? 500;
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
    if (error.code.startsWith('CFS_')) return error.code;
  }
  return 'CFS_INTERNAL';
}

/** Any error as one that can be answered. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError(httpStatusOf(code), code, message);
}

export function errorBody(error: ApiError): JsonObject {
  return { error: { code: error.code, message: error.message, ...error.details } };
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [200, 'OK'],
  [400, 'Bad Request'],
  [403, 'Forbidden'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [409, 'Conflict'],
  [410, 'Gone'],
  [413, 'Content Too Large'],
  [421, 'Misdirected Request'],
  [422, 'Unprocessable Content'],
  [423, 'Locked'],
  [429, 'Too Many Requests'],
  [431, 'Request Header Fields Too Large'],
  [500, 'Internal Server Error'],
  [503, 'Service Unavailable'],
  [507, 'Insufficient Storage'],
]);

/** "404 Not Found" */
export function statusLine(status: number): string {
  return `${status} ${REASONS.get(status) ?? 'Unknown'}`;
}
