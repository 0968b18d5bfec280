/** Questions of operators, refused with a stable code when they cannot be read. */
import { makeError } from '../bindings';
import { QueryError } from './config/query';

/** What `parse` gives. Throws InvalidArgumentError, which says what was expected, for its QueryError. */
export function readQuestion<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof QueryError) throw makeError('CFS_INVALID_ARGUMENT', error.message);
    throw error;
  }
}
