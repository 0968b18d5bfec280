/** Maps of user and group ids between sites: which of a site's ids are which of ours. */
import { U16_MAX, checkInteger, checkObject } from './arguments';

/** `from` becomes `to`, from + 1 becomes to + 1, and so on for `count` ids. */
export interface IdRange {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Ids in no range stay what they are, or become the default if there is one. */
export interface OwnerMap {
  readonly uid: readonly IdRange[];
  readonly gid: readonly IdRange[];
  readonly defaultUid?: number | undefined;
  readonly defaultGid?: number | undefined;
}

/** How the ids that a site writes are shown here: first by its own `out`, then by our `in`. */
export interface SiteIdMap {
  readonly site: number;
  readonly out?: OwnerMap | undefined;
  readonly in?: OwnerMap | undefined;
}

/** 2^32 - 1 is what chown takes for "leave it", and no id. */
export const ID_MAX = 0xffff_fffe;
const NO_ID = 0xffff_ffff;
const NO_MAP: OwnerMap = { uid: [], gid: [] };

/** @internal As native/addon/engine_id_maps.cc reads them; which ranges go together is its to check. */
export function flattenIdMaps(maps: readonly SiteIdMap[]): Uint32Array {
  const words: number[] = [];
  const putMap = (name: string, ranges: readonly IdRange[], fallback: number | undefined): void => {
    const checked = fallback === undefined ? NO_ID : checkInteger(name, fallback, 0, ID_MAX);
    words.push(checked, ranges.length);
    ranges.forEach(({ from, to, count }, index) => {
      words.push(
        checkInteger(`${name}[${index}].from`, from, 0, ID_MAX),
        checkInteger(`${name}[${index}].to`, to, 0, ID_MAX),
        checkInteger(`${name}[${index}].count`, count, 1, NO_ID),
      );
    });
  };
  for (const map of maps) {
    checkObject('maps', map);
    words.push(checkInteger('site', map.site, 1, U16_MAX));
    for (const way of ['out', 'in'] as const) {
      const { uid, gid, defaultUid, defaultGid } = map[way] ?? NO_MAP;
      putMap(`${way}.uid`, uid, defaultUid);
      putMap(`${way}.gid`, gid, defaultGid);
    }
  }
  return Uint32Array.from(words);
}
