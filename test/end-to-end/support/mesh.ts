/** A cluster in which every site reaches every other by a link of its own, which can be cut. */
import type { TestContext } from 'node:test';
import type { ConfigInput } from '../../../src';
import { BadLink } from '../../soak/bad-link';
import { Cluster } from './cluster';

/** How a cut shows: connections are refused, or nothing comes through and nobody is told. */
export type CutKind = 'refused' | 'silent';

/** Two sites, the lower first. */
export type Pair = readonly [number, number];

interface Way {
  readonly from: number;
  readonly to: number;
  readonly link: BadLink;
  readonly port: number;
}

export class Mesh {
  readonly cluster: Cluster;
  readonly sites: readonly number[];
  readonly #ways: readonly Way[];

  private constructor(cluster: Cluster, sites: readonly number[], ways: readonly Way[]) {
    this.cluster = cluster;
    this.sites = sites;
    this.#ways = ways;
  }

  static async make(t: TestContext, count: number): Promise<Mesh> {
    const cluster = await Cluster.make(t, count);
    const sites = Array.from({ length: count }, (_, index) => index + 1);
    const ways: Way[] = [];
    for (const from of sites) {
      for (const to of sites) {
        if (from === to) continue;
        const link = new BadLink();
        ways.push({ from, to, link, port: await link.open(cluster.port(to)) });
      }
    }
    cluster.atEnd(() => {
      for (const { link } of ways) link.close();
    });
    return new Mesh(cluster, sites, ways);
  }

  /** What a site is to be spawned with. */
  configOf(site: number): Pick<ConfigInput, 'peers'> {
    const peers = this.#ways.filter(({ from }) => from === site);
    return {
      peers: peers.map(({ to, port }) => ({
        site: to,
        name: `site-${to}`,
        endpoints: [`127.0.0.1:${port}`],
      })),
    };
  }

  /** Cuts both ways between some pairs, each as it says, and heals all others. */
  partition(cuts: ReadonlyMap<Pair, CutKind>): void {
    for (const { from, to, link } of this.#ways) {
      const cut = [...cuts].find(
        ([[a, b]]) => (a === from && b === to) || (a === to && b === from),
      );
      if (cut === undefined) link.heal();
      else if (cut[1] === 'refused') link.sever();
      else link.stall();
    }
  }
}

/** The sites that reach each other, some of them through others, when these pairs are cut. */
export function islands(sites: readonly number[], cuts: Iterable<Pair>): number[][] {
  const cut = new Set([...cuts].flatMap(([a, b]) => [`${a}-${b}`, `${b}-${a}`]));
  const found: number[][] = [];
  const seen = new Set<number>();
  for (const start of sites) {
    if (seen.has(start)) continue;
    const island = [start];
    seen.add(start);
    for (const site of island) {
      for (const other of sites) {
        if (seen.has(other) || cut.has(`${site}-${other}`)) continue;
        seen.add(other);
        island.push(other);
      }
    }
    found.push(island.sort((a, b) => a - b));
  }
  return found;
}
