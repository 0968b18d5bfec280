/** The path of a Unix socket: is it usable, and may it be taken? */
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';

/** sockaddr_un.sun_path holds 108 bytes, the last of which is NUL. */
const SOCKET_PATH_BYTES_MAX = 107;
const ANSWER_TIMEOUT_MS = 1000;

/** Bad when it cannot be a socket's path at all, whatever the file system says. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new Error(
      `admin.socket: ${path} has ${bytes} bytes, expected at most ${SOCKET_PATH_BYTES_MAX} ` +
        '(the limit of Unix sockets); set admin.socket to a shorter path',
    );
  }
}

/** True if a process accepts connections on the socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const settle = (answered: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answered);
    };
    // A listener whose backlog is full is a living one.
    const timer = setTimeout(() => settle(true), ANSWER_TIMEOUT_MS);
    socket.once('connect', () => settle(true));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') {
        settle(false);
        return;
      }
      clearTimeout(timer);
      reject(error);
    });
  });
}

/**
 * Makes way for a new socket at `path`: removes what an agent that died left there. Rejects when
 * something else is there: another kind of file, or a socket that somebody answers on.
 */
export async function claimSocketPath(path: string): Promise<void> {
  checkSocketPath(path);
  const found = await lstat(path).catch((error: unknown) => {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new Error(`admin.socket: ${path}: ${message}`);
  });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new Error(
      `admin.socket: ${path} exists and is not a socket; remove it or set admin.socket to another path`,
    );
  }
  if (await answers(path)) {
    throw new Error(
      `admin.socket: another agent answers on ${path}; stop it or set admin.socket to another path`,
    );
  }
  await unlink(path);
}
