/** Tables without lines, aligned, never wrapped: one row a line, for eyes and for grep. */
import CliTable from 'cli-table3';
import type { Style } from './style';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const NO_LINES = Object.fromEntries(
  [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
    'middle',
  ].map((part) => [part, '']),
);

function renderRows(rows: readonly (readonly string[])[], aligns: readonly string[]): string {
  const table = new CliTable({
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [], compact: true },
    colAligns: aligns.map((align) => (align === 'right' ? 'right' : 'left')),
  });
  table.push(...rows.map((row) => [...row]));
  const lines = table.toString().split('\n');
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** A title line and one line a row. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const titles = columns.map((column) => style.faint(column.title));
  return renderRows(
    [titles, ...rows],
    columns.map((column) => column.align ?? 'left'),
  );
}

/** Names and values, one pair a line. */
export function renderPairs(pairs: readonly (readonly [string, string])[], style: Style): string {
  return renderRows(
    pairs.map(([name, value]) => [style.faint(name), value]),
    ['left', 'left'],
  );
}
