// Makes a bare clone runnable: `node deploy/setup/setup.mjs [build|test]`. Needs Node and nothing else.
// "build" is what running the product takes, "test" adds what the tests take. Run again, it only
// checks that all is current.
import { printFailure, step } from './report.mjs';
import { ensureAddon, ensureCompiled, ensureNpmPackages, ensureSystemPackages } from './steps.mjs';

const NODE_MAJOR_MIN = 20;

async function main(profile) {
  if (profile !== 'build' && profile !== 'test') {
    throw new Error(`unknown profile "${profile}": expected build or test`);
  }
  if (Number(process.versions.node.split('.')[0]) < NODE_MAJOR_MIN) {
    throw new Error(
      `Node ${process.versions.node} is too old: expected ${NODE_MAJOR_MIN} or later`,
    );
  }
  await step('system packages', () => ensureSystemPackages(profile));
  await step('node packages', ensureNpmPackages);
  await step('addon', ensureAddon);
  await step('compile and check types', ensureCompiled);
}

main(process.argv[2] ?? 'build').catch((error) => {
  printFailure(error);
  process.exitCode = 1;
});
