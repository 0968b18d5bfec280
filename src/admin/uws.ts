/**
 * uWebSockets.js with the types of the parts that its own leave out: listening with options on an
 * address, a Unix listener that may fail, and closing an app.
 */
import * as uws from 'uWebSockets.js';

export type { HttpRequest, HttpResponse, us_listen_socket } from 'uWebSockets.js';

type Listening = (socket: uws.us_listen_socket | false) => void;

export interface TemplatedApp extends Omit<uws.TemplatedApp, 'listen' | 'listen_unix'> {
  listen(host: string, port: number, options: number, listening: Listening): this;
  listen_unix(listening: Listening, path: string): this;
  /** Closes the listen sockets and every connection. */
  close(): this;
}

/**
 * A new app. Throws where the package has no native build for this Node: what it falls back to then
 * knows no Unix sockets.
 */
export function App(): TemplatedApp {
  const app = uws.App() as unknown as TemplatedApp;
  if (typeof app.close === 'function') return app;
  throw new Error(
    `admin: uWebSockets.js 20.30 has no native build for Node ${process.version} on ` +
      `${process.platform} ${process.arch}; expected Node 20`,
  );
}

/** Without it a second process could take the same port and get half of the requests. */
export const { LIBUS_LISTEN_EXCLUSIVE_PORT, us_socket_local_port } = uws as unknown as {
  LIBUS_LISTEN_EXCLUSIVE_PORT: number;
  us_socket_local_port: (socket: uws.us_listen_socket) => number;
};
