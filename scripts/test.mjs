#!/usr/bin/env node
/**
 * @file `npm test -- [all|fast|golden|e2e] [vitest arguments]`: the set-up that is missing, then the tests of a group.
 * Ends with one line, `N passed, N failed, N skipped`, and with exit status 1 unless tests ran and all of them passed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfPresent, root } from './lib/process.mjs';
import { setUpOrExit } from './setup.mjs';

/** What vitest is told to run; a group is a part of the paths. */
const groups = { all: [], fast: ['packages/'], golden: ['tests/golden/'], e2e: ['tests/e2e/'] };

const args = process.argv.slice(2);
const group = Object.hasOwn(groups, args[0] ?? '') ? args.shift() : 'all';

setUpOrExit('test');

const reportPath = join(root, '.cache/test-report.json');
mkdirSync(join(root, '.cache'), { recursive: true });
rmSync(reportPath, { force: true });
const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...groups[group], ...args];
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
const result = spawnSync(process.execPath, [...vitest, ...reporters], { cwd: root, stdio: ['ignore', 1, 2] });

const report = JSON.parse(readIfPresent(reportPath) ?? 'null');
if (report === null) {
  process.stderr.write('test: vitest ended without a report; its own messages are above.\n');
  process.exit(1);
}
const passed = report.numPassedTests;
// A file that cannot even be loaded has no tests to count, and is a failure all the same.
const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
const failed = report.numFailedTests + broken.length;
const skipped = report.numPendingTests + report.numTodoTests;
process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exit(result.status === 0 && passed > 0 && failed === 0 ? 0 : 1);
