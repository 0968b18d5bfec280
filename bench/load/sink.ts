/** A site that only receives, and measures its own event loop while it does. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { runEmbedded } from './embedded';

const RESOLUTION_MS = 5;
const NS_PER_MS = 1e6;

void runEmbedded(async (node) => {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  process.on('SIGUSR2', () => {
    const lagMs = Math.max(0, delay.percentile(99) / NS_PER_MS - RESOLUTION_MS);
    const { rss } = process.memoryUsage();
    process.stdout.write(
      `result ${JSON.stringify({ lagMs, rssBytes: rss, engine: countersOf(node.status().engine) })}\n`,
    );
    delay.reset();
  });
  delay.enable();
  return undefined;
});

function countersOf(engine: object): Record<string, string | number> {
  const entries = Object.entries(engine).filter(([, value]) => typeof value !== 'object');
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}
