/**
 * Structured logs: one JSON object a line. Nothing is global; each node makes its own log and hands
 * each of its parts a logger of that part's name.
 */
import pino from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export type Logger = pino.Logger;

export interface LogOptions {
  readonly level: LogLevel;
  /** On every line, such as `{ site: 'munich' }`. */
  readonly bindings?: Readonly<Record<string, string | number>>;
  /** Where lines go; standard output when absent. Lines are written as they come. */
  readonly destination?: { write(line: string): void };
}

export interface Log {
  /** The logger of one part of the node; the same one each time a name is given. */
  component(name: string): Logger;
  /** Takes effect at once, for loggers already handed out too. */
  setLevel(level: LogLevel): void;
}

export function createLog(options: LogOptions): Log {
  const settings: pino.LoggerOptions = {
    level: options.level,
    base: { pid: process.pid, ...options.bindings },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  };
  // Synchronous, so that the lines before a crash are there; the hot path never logs.
  const destination = options.destination ?? pino.destination({ fd: 1, sync: true });
  const root = pino(settings, destination);
  const components = new Map<string, Logger>();
  let currentLevel = options.level;
  return {
    component(name) {
      const known = components.get(name);
      if (known !== undefined) return known;
      const logger = root.child({ component: name }, { level: currentLevel });
      components.set(name, logger);
      return logger;
    },
    setLevel(level) {
      currentLevel = level;
      for (const logger of components.values()) logger.level = level;
    },
  };
}
