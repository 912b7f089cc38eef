/** @file Runs vitest and counts what it did, from its own report. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readIfPresent, root } from './process.mjs';

/**
 * Runs vitest with the given arguments; its output goes where ours goes.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} environment  additions to the environment
 * @returns {{ passed: number, failed: number, skipped: number, ok: boolean }} `ok`: tests ran and all of them passed
 */
export function runTests(args, environment = {}) {
  const reportPath = join(root, '.cache/test-report.json');
  mkdirSync(join(root, '.cache'), { recursive: true });
  rmSync(reportPath, { force: true });
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...args];
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
  const result = spawnSync(process.execPath, [...vitest, ...reporters], {
    cwd: root,
    stdio: ['ignore', 1, 2],
    env: { ...process.env, ...environment },
  });
  const text = readIfPresent(reportPath);
  if (text === null) {
    process.stderr.write('test: vitest ended without a report; its own messages are above.\n');
    return { passed: 0, failed: 1, skipped: 0, ok: false };
  }
  const report = JSON.parse(text);
  // A file that cannot even be loaded has no tests to count, and is a failure all the same.
  const broken = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0);
  const passed = report.numPassedTests;
  const failed = report.numFailedTests + broken.length;
  const skipped = report.numPendingTests + report.numTodoTests;
  return { passed, failed, skipped, ok: result.status === 0 && passed > 0 && failed === 0 };
}

/** The closing line of a test run: `N passed, N failed`, and `, N skipped` where some were. */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
