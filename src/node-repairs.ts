/** What a resync took over, as events of the audit trail: one a register, with what was here before. */
import type { InodeDifference, RegisterDifference, RegisterValue } from '../bindings';
import type { AuditEvent } from './audit/line';

export function* repairEvents(
  peer: number,
  differences: readonly InodeDifference[],
): Generator<AuditEvent> {
  for (const { inode, path, registers } of differences) {
    for (const register of registers) {
      if (!register.repaired) continue;
      const { here, there } = register;
      const fields = {
        peer,
        inode,
        path: path === undefined ? undefined : Buffer.from(path).toString(),
        register: registerName(register),
        old: here?.value,
        old_stamp: here === undefined ? undefined : stampText(here),
        new: there?.value,
        new_stamp: there === undefined ? undefined : stampText(there),
      };
      yield { kind: 'resync.register', fields };
    }
  }
}

/** "mode", "xattr user.note" or "link 2.1a.17": of which inode is said elsewhere. */
function registerName({ register, key, link }: RegisterDifference): string {
  if (key !== undefined) return `${register} ${Buffer.from(key).toString()}`;
  if (link === undefined) return register;
  return `${register} ${link.site}.${link.incarnation.toString(16)}.${link.lsn}`;
}

/** HLC and the entry. */
function stampText({ hlc, site, incarnation, lsn }: RegisterValue): string {
  return `${hlc} ${site}.${incarnation.toString(16)}.${lsn}`;
}
