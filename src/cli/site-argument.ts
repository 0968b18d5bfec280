/** Sites as arguments of commands. */
import { InvalidArgumentError } from 'commander';

const SITE_MAX = 65535;

export function parseSite(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value >= 1 && value <= SITE_MAX) return value;
  throw new InvalidArgumentError(`Expected the number of a site, 1 to ${SITE_MAX}.`);
}
