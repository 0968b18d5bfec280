/**
 * Whose ids are which here: what the configuration says of each site, composed with what the peers say of
 * themselves. The engine shows ids by these maps; what is stored has them as their writers have them.
 *
 * What a peer said last is kept in the file `id-maps.json` of the data directory, so that its ids look
 * the same after a restart while it is away; it says so anew in each session.
 */
import { readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Engine, OwnerMap, SiteIdMap } from '../bindings';
import type { Session } from './conduit/types';
import type { Config } from './config';

/** Ids stay as they are. */
export const NO_ID_MAP: OwnerMap = { uid: [], gid: [] };

export interface IdMapsOptions {
  readonly engine: Pick<Engine, 'setIdMaps'>;
  readonly config: Config;
  /** What the peers said could not be read or kept: they say it again when they connect. */
  readonly onError: (error: unknown) => void;
}

type IdMapSession = Pick<Session, 'peerSite' | 'sendIdMap'>;

export class NodeIdMaps {
  readonly #options: IdMapsOptions;
  readonly #file: string;
  /** By site: how it wants its ids to be shown here. */
  readonly #received = new Map<number, OwnerMap>();
  /** The newest of each peer; one that is over sends nothing. */
  readonly #sessions = new Map<number, IdMapSession>();
  #config: Config;
  #saving: Promise<void> | undefined;
  #isDirty = false;

  constructor(options: IdMapsOptions) {
    this.#options = options;
    this.#config = options.config;
    this.#file = join(options.config.dataDir, 'id-maps.json');
    this.#load();
  }

  /** What is in force, by site. */
  get maps(): SiteIdMap[] {
    const { peers, idMaps } = this.#config;
    const taken = new Map<number, OwnerMap | undefined>([
      ...[...this.#received.keys()].map((site) => [site, undefined] as const),
      ...peers.map(({ site, idMap }) => [site, idMap?.in] as const),
      ...idMaps.map((map) => [map.site, map.in] as const),
    ]);
    return [...taken]
      .map(([site, map]) => ({ site, out: this.#received.get(site), in: map }))
      .filter((map) => map.out !== undefined || map.in !== undefined)
      .sort((a, b) => a.site - b.site);
  }

  /** Holds for what is stored, too. */
  configure(config: Config): void {
    this.#config = config;
    this.#options.engine.setIdMaps(this.maps);
    for (const [site, session] of this.#sessions) session.sendIdMap(this.outFor(site));
  }

  /** How our ids are to be shown at a peer. */
  outFor(site: number): OwnerMap {
    return this.#config.peers.find((peer) => peer.site === site)?.idMap?.out ?? NO_ID_MAP;
  }

  /**
   * A session is up: tells the peer how our ids are to be shown there, now and when that changes. Gives
   * back what to call with what the peer says; `onNews` is then called if it had not said so before.
   */
  attach(session: IdMapSession, onNews: (map: OwnerMap) => void): (map: OwnerMap) => void {
    const { peerSite } = session;
    this.#sessions.set(peerSite, session);
    session.sendIdMap(this.outFor(peerSite));
    return (map) => {
      if (this.#receive(peerSite, map)) onNews(map);
    };
  }

  #receive(site: number, map: OwnerMap): boolean {
    const isNews = !isDeepStrictEqual(this.#received.get(site) ?? NO_ID_MAP, map);
    if (isNews) {
      if (isDeepStrictEqual(map, NO_ID_MAP)) this.#received.delete(site);
      else this.#received.set(site, map);
      this.#options.engine.setIdMaps(this.maps);
      this.#isDirty = true;
    }
    if (this.#isDirty) this.#saving ??= this.#saveAll();
    return isNews;
  }

  /** Resolves when what the peers said is on the disk, or cannot be put there. */
  async close(): Promise<void> {
    await this.#saving;
  }

  #load(): void {
    const { engine, onError } = this.#options;
    try {
      const rows = JSON.parse(readFileSync(this.#file, 'utf8')) as [number, OwnerMap][];
      for (const [site, map] of rows) this.#received.set(site, map);
      engine.setIdMaps(this.maps);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') onError(error);
      this.#received.clear();
      engine.setIdMaps(this.maps);
    }
  }

  async #saveAll(): Promise<void> {
    try {
      while (this.#isDirty) {
        this.#isDirty = false;
        await this.#save();
      }
    } catch (error) {
      this.#isDirty = true; // tried again when a peer tells the next time
      this.#options.onError(error);
    } finally {
      this.#saving = undefined;
    }
  }

  /** Whole or not at all. */
  async #save(): Promise<void> {
    const file = await open(`${this.#file}.new`, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify([...this.#received])}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${this.#file}.new`, this.#file);
    const directory = await open(this.#config.dataDir, 'r');
    await directory.sync().finally(() => directory.close());
  }
}
