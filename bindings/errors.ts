/**
 * Errors of the engine. `code` is stable and the same as in native/core/base/status.h: match on it or
 * on the class, never on the message. The message says what was wrong, where, and what was expected.
 */
import type { AppendResult } from './types';

/** Every code, with the class that carries it. */
const CLASS_OF_CODE = {
  CFS_INVALID_ARGUMENT: 'InvalidArgumentError',
  CFS_TOO_LARGE: 'InvalidArgumentError',
  CFS_NOT_FOUND: 'NotFoundError',
  CFS_EXISTS: 'ExistsError',
  CFS_NOT_DIRECTORY: 'TreeError',
  CFS_IS_DIRECTORY: 'TreeError',
  CFS_NOT_EMPTY: 'TreeError',
  CFS_SEQUENCE_GAP: 'SequenceGapError',
  CFS_LSN_GAP: 'SequenceGapError',
  CFS_STALE_EPOCH: 'StaleEpochError',
  CFS_WRONG_CLUSTER: 'WrongClusterError',
  CFS_MALFORMED: 'DataError',
  CFS_CHECKSUM: 'DataError',
  CFS_UNSUPPORTED: 'DataError',
  CFS_CORRUPT: 'DataError',
  CFS_QUEUE_FULL: 'BusyError',
  CFS_DISK_FULL: 'BusyError',
  CFS_CATCHING_UP: 'BusyError',
  CFS_IO: 'StoppedError',
  CFS_STOPPED: 'StoppedError',
  CFS_LOCKED: 'LockedError',
  CFS_CLOSED: 'ClosedError',
  CFS_TRUNCATED: 'TruncatedError',
  CFS_EVICTED: 'EvictedError',
} as const;

export type CfsErrorCode = keyof typeof CLASS_OF_CODE;

const RETRYABLE: ReadonlySet<CfsErrorCode> = new Set([
  'CFS_QUEUE_FULL',
  'CFS_DISK_FULL',
  'CFS_CATCHING_UP',
]);

export const CFS_ERROR_CODES = Object.keys(CLASS_OF_CODE) as readonly CfsErrorCode[];

/** What every failed call of the bindings throws or rejects with. */
export class CfsError extends Error {
  readonly code: CfsErrorCode;

  constructor(code: CfsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** The same call may succeed later without anybody changing anything. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/** An argument breaks a documented rule; the message names it, its value and the rule. */
export class InvalidArgumentError extends CfsError {}
/** No such path, inode or file. */
export class NotFoundError extends CfsError {}
/** The name or inode is there already. */
export class ExistsError extends CfsError {}
/** The object is a directory, is not one, or is one that is not empty. */
export class TreeError extends CfsError {}
/** A source skipped a number, or a frame starts past what is held. */
export class SequenceGapError extends CfsError {}
/** A frame or an append carries an epoch that has been fenced off. */
export class StaleEpochError extends CfsError {}
/** Data of another cluster, or another site's data directory. */
export class WrongClusterError extends CfsError {}
/** Bytes that are not what the format says, or that this build cannot read. */
export class DataError extends CfsError {}
/** A bounded queue or the disk is full: try again later. */
export class BusyError extends CfsError {}
/** The operating system refused, or the engine stopped because of an earlier error. */
export class StoppedError extends CfsError {}
/** Another engine has the data directory open. */
export class LockedError extends CfsError {}
/** The engine or feed was closed. */
export class ClosedError extends CfsError {}
/** The journal no longer holds what was asked for. */
export class TruncatedError extends CfsError {}
/** The journal of the peer whose session it is about was closed: the site was evicted. */
export class EvictedError extends CfsError {}

/**
 * An append that was refused, or that stopped at a refused operation. Operations before `index` are in
 * the journal; that one and those after it are not. `cause` is the refusal as an error of its own class.
 */
export class AppendError extends CfsError {
  readonly result: AppendResult;
  /** Of the refused operation in its batch; undefined when nothing of the batch was looked at. */
  readonly index: number | undefined;

  constructor(cause: CfsError, result: AppendResult) {
    super(cause.code, cause.message, { cause });
    this.result = result;
    this.index = result.errors[0]?.index;
  }
}

const CLASSES = {
  InvalidArgumentError,
  NotFoundError,
  ExistsError,
  TreeError,
  SequenceGapError,
  StaleEpochError,
  WrongClusterError,
  DataError,
  BusyError,
  StoppedError,
  LockedError,
  ClosedError,
  TruncatedError,
  EvictedError,
} as const;

/** The error of the class that belongs to `code`. */
export function makeError(code: CfsErrorCode, message: string): CfsError {
  return new CLASSES[CLASS_OF_CODE[code]](code, message);
}

const DESCRIPTION_LENGTH_MAX = 80;

/** A value as a message shows it: its type told by its form, cut at 80 characters. */
export function describe(value: unknown): string {
  const text = describeWhole(value);
  return text.length <= DESCRIPTION_LENGTH_MAX
    ? text
    : `${text.slice(0, DESCRIPTION_LENGTH_MAX - 3)}...`;
}

function describeWhole(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.slice(0, DESCRIPTION_LENGTH_MAX));
    case 'bigint':
      return `${value.toString()}n`;
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    case 'object':
      if (value === null) return 'null';
      if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object';
  }
}

export function invalidArgument(
  argument: string,
  value: unknown,
  expected: string,
): InvalidArgumentError {
  return new InvalidArgumentError(
    'CFS_INVALID_ARGUMENT',
    `${argument} is ${describe(value)}, expected ${expected}`,
  );
}
