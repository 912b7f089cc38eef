/** @file Every group of the manifest is tested by a file of its own. */
import { describe, test } from 'vitest';
import { loadManifest } from './harness.js';

const TESTED = ['00', '01', '02', '03', '04', '05', '06', '07', '08', '09', '10', '11'];

describe('golden manifest', () => {
  test('has no group that nothing tests', () => {
    const groups = [...new Set(loadManifest().cases.map((entry) => entry.group.slice(0, 2)))];
    const unknown = groups.filter((group) => !TESTED.includes(group));
    if (unknown.length > 0)
      throw new Error(`The golden folder has groups that no test file covers: ${unknown.join(', ')}.`);
  });
});
