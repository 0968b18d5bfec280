/**
 * A node's metrics in the Prometheus exposition format: those of `metrics-table.ts`, read off a status
 * taken at the scrape, and those of the process. Each node has its own registry; nothing is global.
 */
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Registry } from 'prom-client';
import { METRICS, METRIC_PREFIX, type MetricDefinition, type Sample } from './metrics-table';
import type { NodeStatus } from './node-status';

const EVENT_LOOP_RESOLUTION_MS = 10;

export class NodeMetrics {
  /** For an embedder that merges it with its own; `text()` refreshes it. */
  readonly registry = new Registry();
  readonly #takeStatus: () => NodeStatus;
  readonly #refreshers: ((status: NodeStatus) => void)[] = [];
  readonly #eventLoopDelay: IntervalHistogram;

  constructor(takeStatus: () => NodeStatus) {
    this.#takeStatus = takeStatus;
    this.#eventLoopDelay = monitorEventLoopDelay({ resolution: EVENT_LOOP_RESOLUTION_MS });
    this.#eventLoopDelay.enable();
    for (const definition of METRICS) this.#add(definition);
    for (const definition of processMetrics(this.#eventLoopDelay)) this.#add(definition, '');
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  /** The exposition of this moment. */
  async text(): Promise<string> {
    const status = this.#takeStatus();
    for (const refresh of this.#refreshers) refresh(status);
    this.#eventLoopDelay.reset();
    return this.registry.metrics();
  }

  close(): void {
    this.#eventLoopDelay.disable();
    this.registry.clear();
  }

  #add(definition: MetricDefinition, prefix = METRIC_PREFIX): void {
    const { type, name, help, labels, samples } = definition;
    const options = {
      name: `${prefix}${name}`,
      help,
      labelNames: [...labels],
      registers: [this.registry],
    };
    if (type === 'gauge') {
      const gauge = new Gauge(options);
      this.#refreshers.push((status) => {
        gauge.reset();
        for (const { labels: at, value } of samples(status)) gauge.set(at ?? {}, value);
      });
    } else {
      const counter = new Counter(options);
      this.#refreshers.push((status) => {
        counter.reset();
        for (const { labels: at, value } of samples(status)) counter.inc(at ?? {}, value);
      });
    }
  }
}

/** What the process uses, under the names that Prometheus clients share. */
function processMetrics(eventLoopDelay: IntervalHistogram): MetricDefinition[] {
  const define = (
    type: 'gauge' | 'counter',
    name: string,
    help: string,
    value: () => number,
  ): MetricDefinition => ({ type, name, help, labels: [], samples: () => [{ value: value() }] });
  return [
    define('counter', 'process_cpu_seconds_total', 'CPU time, user and system.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }),
    define('gauge', 'process_resident_memory_bytes', 'Resident memory.', () =>
      process.memoryUsage.rss(),
    ),
    define('gauge', 'process_start_time_seconds', 'Start, since the Unix epoch.', () =>
      Math.round(Date.now() / 1000 - process.uptime()),
    ),
    define(
      'gauge',
      'nodejs_heap_size_used_bytes',
      'JavaScript heap in use.',
      () => process.memoryUsage().heapUsed,
    ),
    define(
      'gauge',
      'nodejs_external_memory_bytes',
      'Memory outside the heap that JavaScript holds.',
      () => process.memoryUsage().external,
    ),
    {
      type: 'gauge',
      name: 'nodejs_eventloop_delay_seconds',
      help: 'How late the event loop was since the last scrape.',
      labels: ['quantile'],
      samples: () => eventLoopSamples(eventLoopDelay),
    },
  ];
}

function eventLoopSamples(delay: IntervalHistogram): Sample[] {
  // The histogram counts from one tick to the next; what is over the resolution is delay.
  const seconds = (ns: number): number =>
    Number.isFinite(ns) ? Math.max(0, ns / 1e6 - EVENT_LOOP_RESOLUTION_MS) / 1e3 : 0;
  return [
    { labels: { quantile: '0.5' }, value: seconds(delay.percentile(50)) },
    { labels: { quantile: '0.99' }, value: seconds(delay.percentile(99)) },
    { labels: { quantile: '1' }, value: seconds(delay.count === 0 ? 0 : delay.max) },
  ];
}
