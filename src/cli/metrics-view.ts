/** The Prometheus exposition format, read back for people and as JSON. */
import { formatBytes, formatCount } from './format';
import type { Style } from './style';
import { renderTable } from './table';

export interface Metric {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

function unescapeLabel(text: string): string {
  return text.replace(/\\(.)/g, (_whole, character: string) =>
    character === 'n' ? '\n' : character,
  );
}

/** Every sample, in order; comments and what is no sample are left out. */
export function parseMetrics(text: string): Metric[] {
  const metrics: Metric[] = [];
  for (const line of text.split('\n')) {
    const [, name, labelText, value] = SAMPLE.exec(line) ?? [];
    if (name === undefined || value === undefined) continue;
    const labels: Record<string, string> = {};
    for (const [, label, labelValue] of (labelText ?? '').matchAll(LABEL)) {
      if (label !== undefined) labels[label] = unescapeLabel(labelValue ?? '');
    }
    metrics.push({ name, labels, value: Number(value) });
  }
  return metrics;
}

const PREFIX = 'claudefs_replication_';

function formatValue(metric: Metric): string {
  if (metric.name.includes('bytes')) return formatBytes(metric.value);
  if (Number.isInteger(metric.value)) return formatCount(metric.value);
  return String(Number(metric.value.toPrecision(6)));
}

/** Of replication only, without the buckets of histograms. */
export function renderMetricsSummary(metrics: readonly Metric[], style: Style): string {
  const rows = metrics
    .filter(({ name }) => name.startsWith(PREFIX) && !name.endsWith('_bucket'))
    .map((metric) => [
      metric.name.slice(PREFIX.length),
      Object.entries(metric.labels)
        .map(([label, value]) => `${label}=${value}`)
        .join(' '),
      formatValue(metric),
    ]);
  return renderTable(
    [{ title: 'METRIC' }, { title: 'OF' }, { title: 'VALUE', align: 'right' }],
    rows,
    style,
  );
}
