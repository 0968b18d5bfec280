/** Colours, on a terminal that wants them. https://no-color.org */
import type { CliIo } from './io';

export interface Style {
  faint(text: string): string;
  good(text: string): string;
  warning(text: string): string;
  bad(text: string): string;
}

function paint(code: number): (text: string) => string {
  return (text) => `\u001b[${code}m${text}\u001b[0m`;
}

const plain = (text: string): string => text;

const PLAIN: Style = { faint: plain, good: plain, warning: plain, bad: plain };
const COLOURED: Style = { faint: paint(2), good: paint(32), warning: paint(33), bad: paint(31) };

export function styleOf(io: CliIo): Style {
  const noColour = (io.env['NO_COLOR'] ?? '') !== '' || io.env['TERM'] === 'dumb';
  return io.stdoutIsTty && !noColour ? COLOURED : PLAIN;
}

/** A health word or a peer's state in its colour. */
export function stateWord(state: string, style: Style): string {
  if (state === 'HEALTHY' || state === 'connected') return style.good(state);
  if (state === 'DOWN') return style.bad(state);
  return style.warning(state);
}
