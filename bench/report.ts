/** Measurements for people: a table for a terminal, and a report of Markdown and SVG. Pure. */
import type { Measurement } from './support/measurement';

export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  /** Over the last minute, before and after: a busy machine measures badly. */
  readonly load: readonly [number, number];
}

export interface Report {
  readonly machine: Machine;
  readonly measurements: readonly Measurement[];
  /** What was not measured, and why. */
  readonly skipped: readonly string[];
}

const TITLES = ['bench', 'value', 'unit', 'reference', 'its value', 'ratio', 'with'] as const;
const RIGHT_ALIGNED = new Set(['value', 'its value', 'ratio']);

export function formatValue(value: number): string {
  if (Math.abs(value) >= 10_000) return Math.round(value).toLocaleString('en-US');
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return String(Number(value.toPrecision(3)));
}

export function formatParams(params: Measurement['params']): string {
  return Object.entries(params)
    .map(([name, value]) => `${name}=${typeof value === 'number' ? formatValue(value) : value}`)
    .join(' ');
}

function cellsOf({ bench, value, unit, params, reference, ratio }: Measurement): string[] {
  const theirs =
    reference === undefined ? ['', ''] : [reference.name, formatValue(reference.value)];
  const beside = ratio === undefined ? '' : `${ratio.toFixed(2)}x`;
  return [bench, formatValue(value), unit, ...theirs, beside, formatParams(params)];
}

/** Aligned columns, one measurement a line, after a line of titles. */
export function renderTable(measurements: readonly Measurement[]): string {
  const rows = [[...TITLES], ...measurements.map(cellsOf)];
  const widths = TITLES.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const right = RIGHT_ALIGNED.has(TITLES[column] ?? '');
        return right ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
      })
      .join('  ')
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** `chart` is the file of the chart beside the report. */
export function renderMarkdown(report: Report, chart: string): string {
  const { machine, measurements, skipped } = report;
  const align = TITLES.map((title) => (RIGHT_ALIGNED.has(title) ? '--:' : ':--'));
  const rows = [[...TITLES], align, ...measurements.map((one) => cellsOf(one).map(escapeCell))];
  const [before, after] = machine.load;
  return [
    '# Benchmarks',
    '',
    `${machine.date}, ${machine.cores} cores of ${machine.cpu}, ${machine.memoryGib} GiB, ` +
      `Linux ${machine.kernel}, Node ${machine.node}. ` +
      `Load average ${before.toFixed(1)} before and ${after.toFixed(1)} after.`,
    '',
    `![Ratios to the references](${chart})`,
    '',
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
    ...(skipped.length === 0
      ? []
      : ['Not measured:', '', ...skipped.map((text) => `- ${text}`), '']),
  ].join('\n');
}

function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}

/** One bar of the chart. */
interface Bar {
  readonly label: string;
  readonly detail: string;
  readonly ratio: number;
  readonly good: boolean;
}

/** Units of which less is better. */
const LESS_IS_BETTER = new Set(['us', 'ms', 'cpu s', 'bytes/inode', 'MB']);

const CHART = { width: 920, labelWidth: 400, row: 34, top: 84, right: 90, bottom: 28 } as const;
/** Bars end here: what is further off says so in its number. */
const RATIO_SHOWN_MAX = 6;

function barOf({ bench, unit, params, reference, ratio = NaN }: Measurement): Bar {
  const speed = LESS_IS_BETTER.has(unit) ? 1 / ratio : ratio;
  const what = Object.entries(params)
    .slice(0, 2)
    .map(([name, value]) => `${name} ${typeof value === 'number' ? formatValue(value) : value}`)
    .join(', ');
  const detail = `beside ${reference?.name ?? ''}`;
  return { label: `${bench}: ${what}`, detail, ratio: speed, good: speed >= 1 };
}

/** A bar a measurement that has a reference; the line at 1 is the reference. Longer is better. */
export function renderChart({ machine, measurements }: Report): string {
  const bars = measurements.filter(({ ratio }) => ratio !== undefined).map(barOf);
  const { width, top, row, bottom, labelWidth, right } = CHART;
  const height = top + bars.length * row + bottom;
  const most = Math.min(RATIO_SHOWN_MAX, Math.max(2, ...bars.map(({ ratio }) => ratio)));
  const unit = (width - labelWidth - right) / most;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
      `viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, sans-serif">`,
    `<title>Speed as a multiple of the reference</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#ffffff"/>`,
    text(24, 36, 'Speed as a multiple of the reference', 'font-size="18" font-weight="600"'),
    text(24, 58, `${machine.date}, ${machine.cores} cores of ${machine.cpu}`, FAINT),
    ...gridLines(most, unit, height),
    ...bars.flatMap((bar, index) => drawBar(bar, top + index * row, unit, most)),
    '</svg>',
    '',
  ].join('\n');
}

const FAINT = 'font-size="12" fill="#6b7280"';

function gridLines(most: number, unit: number, height: number): string[] {
  const { labelWidth, top, bottom } = CHART;
  return Array.from({ length: Math.floor(most) + 1 }, (_, ratio) => {
    const x = (labelWidth + ratio * unit).toFixed(1);
    const style = ratio === 1 ? 'stroke="#374151" stroke-dasharray="4 3"' : 'stroke="#e5e7eb"';
    const y = height - bottom;
    return (
      `<line x1="${x}" x2="${x}" y1="${top - 6}" y2="${y}" ${style}/>` +
      text(Number(x), y + 16, `${ratio}x`, `${FAINT} text-anchor="middle"`)
    );
  });
}

function drawBar(bar: Bar, y: number, unit: number, most: number): string[] {
  const { labelWidth, row } = CHART;
  const length = Math.max(1, Math.min(bar.ratio, most) * unit);
  const colour = bar.good ? '#2563eb' : '#93b4f5';
  const x = labelWidth - 12;
  return [
    text(x, y + 12, bar.label, 'font-size="13" fill="#111827" text-anchor="end"'),
    text(x, y + 25, bar.detail, 'font-size="10" fill="#6b7280" text-anchor="end"'),
    `<rect x="${labelWidth}" y="${y + 3}" width="${length.toFixed(1)}" height="${row - 14}" ` +
      `rx="3" fill="${colour}"/>`,
    text(
      labelWidth + length + 8,
      y + 18,
      `${bar.ratio.toFixed(2)}x`,
      'font-size="13" font-weight="600" fill="#111827"',
    ),
  ];
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${escaped}</text>`;
}
