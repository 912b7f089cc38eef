/** @file Every group of the manifest is accounted for: tested by its own file, or skipped here with its reason. */
import { describe, test } from 'vitest';
import { goldenGroup, loadManifest, type Skip } from './harness.js';

const TESTED = ['00', '01', '02', '03', '04', '05', '06', '07', '08', '10', '11'];

const LATER: Record<string, string> = {
  '09': 'belongs to a later issue: PAWS and its classifier',
};

const groups = [...new Set(loadManifest().cases.map((entry) => entry.group.slice(0, 2)))].sort();

for (const group of groups) {
  const reason = LATER[group];
  if (reason !== undefined) goldenGroup(group, [{ when: () => true, skip: reason } satisfies Skip]);
}

describe('golden manifest', () => {
  test('has no group that nothing tests', () => {
    const unknown = groups.filter((group) => !TESTED.includes(group) && !(group in LATER));
    if (unknown.length > 0)
      throw new Error(`The golden folder has groups that no test file covers: ${unknown.join(', ')}.`);
  });
});
