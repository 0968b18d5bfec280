/** The values of the configuration that carry more than their text: sizes, durations, endpoints. */

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
export const TIB = 1024 * GIB;

const byteUnits: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: KIB,
  MiB: MIB,
  GiB: GIB,
  TiB: TIB,
};

const durationUnitsMs: Readonly<Record<string, number>> = {
  '': 1,
  ms: 1,
  s: 1000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Lower case only, so that two spellings never name one cluster. */
export const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** 67108864, "67108864" and "64MiB" give 67108864; `undefined` for what is not a whole number of bytes. */
export function parseByteSize(value: number | string): number | undefined {
  return parseWithUnit(value, byteUnits);
}

/** 250, "250ms" and "0.25s" give 250; `undefined` for what is not a whole number of milliseconds. */
export function parseDurationMs(value: number | string): number | undefined {
  return parseWithUnit(value, durationUnitsMs);
}

function parseWithUnit(
  value: number | string,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(String(value).trim());
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  if (factor === undefined) return undefined;
  const result = Number(match?.[1]) * factor;
  return Number.isSafeInteger(result) ? result : undefined;
}

/** The shortest exact form: 67108864 is "64MiB". */
export function formatByteSize(bytes: number): string {
  for (const [unit, factor] of Object.entries(byteUnits).reverse()) {
    if (bytes >= factor && factor > 1 && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}

/** "host:port", "[v6 address]:port"; `undefined` for anything else. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65535) return undefined;
  return { host, port };
}

export function formatEndpoint(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

/** True for addresses that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** `data_dir` is how a file spells `dataDir`. */
export function toFileKey(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `dataDir` is how a program spells `data_dir`. */
export function toProgramKey(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
