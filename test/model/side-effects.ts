/**
 * What a request must do to the tree of the site that it is made at, and what it must not: the last
 * paragraph of docs/convergence.md.
 */
import type { Operation } from './model-site';
import { ROOT, type Name, type Tree } from './reference-model';

/** What is wrong, in words; undefined if the request did what it says and nothing else. */
export function sideEffect(before: Tree, after: Tree, operation: Operation): string | undefined {
  const { op } = operation;
  const pathsBefore = before.paths();
  const inodesBefore = inodesOf(pathsBefore);
  const inodesAfter = inodesOf(after.paths());
  const makes = op === 'create' || op === 'mkdir' || op === 'symlink';
  const mayGo = new Set([
    op === 'unlink' || op === 'rmdir' ? pathsBefore.get(operation.path)?.inode : undefined,
    op === 'rename' ? pathsBefore.get(operation.to)?.inode : undefined,
  ]);
  const gained = [...inodesAfter].filter((inode) => !inodesBefore.has(inode));
  // Two directories were given one number: what is removed shows under its other name.
  const hadTwoNames = [...mayGo].some((inode) => inode !== undefined && inodesAfter.has(inode));
  if (gained.length !== Number(makes) && !hadTwoNames) {
    return `${op} made ${gained.length} objects visible`;
  }

  const gone = [...inodesBefore].filter((inode) => !inodesAfter.has(inode) && !mayGo.has(inode));
  // Removed elsewhere, empty, and there only because of what a cut shows in the root.
  const lost = gone.filter((inode) => !before.heldUp.has(inode) || before.names(inode).size > 0);
  if (lost.length > 0) return `${op} took away inode ${lost.join(' and ')}`;

  if (op !== 'rename' && op !== 'link') return undefined;
  const inode = pathsBefore.get(operation.path)?.inode ?? 0;
  const slash = operation.to.lastIndexOf('/');
  const directory = slash === 0 ? undefined : pathsBefore.get(operation.to.slice(0, slash));
  const arrived = after
    .namesOf(inode)
    .some(
      ({ parent, name }) =>
        parent === (directory?.inode ?? ROOT) && name === operation.to.slice(slash + 1),
    );
  return arrived ? undefined : `${op} did not put inode ${inode} at ${operation.to}`;
}

function inodesOf(paths: ReadonlyMap<string, Name>): Set<number> {
  return new Set([...paths.values()].map(({ inode }) => inode));
}
