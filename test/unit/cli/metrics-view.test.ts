/** The Prometheus exposition format, read back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMetrics, renderMetricsSummary } from '../../../src/cli/metrics-view';

const plain = (text: string): string => text;
const style = { faint: plain, good: plain, warning: plain, bad: plain };

const TEXT = `# HELP claudefs_replication_lag_ms Age of the oldest entry.
# TYPE claudefs_replication_lag_ms gauge
claudefs_replication_lag_ms{peer="bergen"} 0.25
claudefs_replication_bytes_sent_total{peer="bergen",codec="lz4"} 1048576
claudefs_replication_names 12345
claudefs_replication_odd{text="a\\"b\\\\c\\nd"} +Inf
process_cpu_seconds_total 3
`;

test('samples come with their labels, comments are left out', () => {
  assert.deepEqual(parseMetrics(TEXT), [
    { name: 'claudefs_replication_lag_ms', labels: { peer: 'bergen' }, value: 0.25 },
    {
      name: 'claudefs_replication_bytes_sent_total',
      labels: { peer: 'bergen', codec: 'lz4' },
      value: 1048576,
    },
    { name: 'claudefs_replication_names', labels: {}, value: 12345 },
    { name: 'claudefs_replication_odd', labels: { text: 'a"b\\c\nd' }, value: Number.NaN },
    { name: 'process_cpu_seconds_total', labels: {}, value: 3 },
  ]);
});

test('the summary is of replication, with units', () => {
  const lines = renderMetricsSummary(parseMetrics(TEXT).slice(0, 3), style).split('\n');
  assert.match(lines[0] ?? '', /^METRIC +OF +VALUE$/);
  assert.match(lines[1] ?? '', /^lag_ms +peer=bergen +0\.25$/);
  assert.match(lines[2] ?? '', /^bytes_sent_total +peer=bergen codec=lz4 +1\.0 MiB$/);
  assert.match(lines[3] ?? '', /^names +12,345$/);
});
