#!/usr/bin/env node
/**
 * @file `npm test -- [all|fast|golden|e2e] [vitest arguments]`: the set-up that is missing, then the tests of a group.
 * Ends with one line, `N passed, N failed, N skipped`, and with exit status 1 unless tests ran and all of them passed.
 */
import { runTests, summaryLine } from './lib/run-tests.mjs';
import { setUpOrExit } from './setup.mjs';

/** What vitest is told to run; a group is a part of the paths. */
const groups = { all: [], fast: ['packages/'], golden: ['tests/golden/'], e2e: ['tests/e2e/'] };

const args = process.argv.slice(2);
const group = Object.hasOwn(groups, args[0] ?? '') ? args.shift() : 'all';

setUpOrExit('test');
const result = runTests([...groups[group], ...args]);
process.stdout.write(`\n${summaryLine(result)}\n`);
process.exitCode = result.ok ? 0 : 1;
