import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Report, renderChart, renderMarkdown, renderTable } from '../../../bench/report';
import type { Measurement } from '../../../bench/support/measurement';

const replicate: Measurement = {
  bench: 'replicate',
  value: 1_234_567,
  unit: 'entries/s',
  params: { entries: 2_000_000, codec: 'lz4' },
  reference: { name: 'Redis <always> & more | less', value: 250_000 },
  ratio: 4.938,
};
const latency: Measurement = {
  bench: 'append-latency',
  value: 150,
  unit: 'us',
  params: { quantile: 'p50' },
  reference: { name: 'bare', value: 100 },
  ratio: 1.5,
};
const recover: Measurement = { bench: 'recover', value: 0.0123, unit: 'x', params: {} };

const report: Report = {
  machine: {
    date: '2026-01-02',
    cpu: 'Some CPU',
    cores: 2,
    memoryGib: 8,
    kernel: '6.1',
    node: '20.0.0',
    load: [0.11, 2],
  },
  measurements: [replicate, latency, recover],
  skipped: ['NATS skipped: nats-server is not installed'],
};

test('the table has a line a measurement, aligned, with grouped digits', () => {
  const lines = renderTable([replicate, recover]).trimEnd().split('\n');
  assert.equal(lines.length, 3);
  assert.match(lines[1] ?? '', /^replicate +1,234,567 {2}entries\/s .* 250,000 +4\.94x /);
  assert.match(lines[2] ?? '', /^recover +0\.0123 {2}x$/);
  assert.equal(lines[0]?.indexOf('unit'), lines[1]?.indexOf('entries/s'));
});

test('the report names the machine, its load, every measurement and what is missing', () => {
  const text = renderMarkdown(report, 'report.svg');
  assert.match(text, /2026-01-02, 2 cores of Some CPU, 8 GiB, Linux 6\.1, Node 20\.0\.0/);
  assert.match(text, /Load average 0\.1 before and 2\.0 after/);
  assert.match(text, /!\[.*\]\(report\.svg\)/);
  assert.match(text, /\| replicate \| 1,234,567 \| entries\/s \|/);
  assert.match(text, /- NATS skipped: nats-server is not installed/);
});

test('a name with a bar in it stays in its cell', () => {
  assert.match(renderMarkdown(report, 'report.svg'), /more \\\| less/);
});

test('the chart has a bar for each measurement with a reference, and longer is better', () => {
  const chart = renderChart(report);
  assert.equal(chart.match(/rx="3"/g)?.length, 2);
  assert.match(chart, />4\.94x</);
  assert.match(chart, />0\.67x</, 'one and a half times the time is two thirds of the speed');
});

test('the chart is well-formed: what a name holds is escaped', () => {
  const chart = renderChart(report);
  assert.match(chart, /Redis &lt;always&gt; &amp; more/);
  assert.doesNotMatch(chart, /<always>/);
});
