/** @file Group 00: the rules that compute weights and projections from names. */
import { goldenGroup } from './harness.js';
import { type Fill, fillValues, nameHash, project, waveHash } from './waves.js';

goldenGroup('00', [
  {
    hostOnly: true,
    when: (golden) => 'name_hash' in golden.params,
    run: (golden) => {
      const fill = /convention "(sin|hash)"/.exec(golden.entry.checks)![1] as Fill;
      for (const [name, hash] of Object.entries(golden.params.name_hash as Record<string, number>)) {
        if (nameHash(name) !== hash) throw new Error(`nameHash("${name}"): expected ${hash}, got ${nameHash(name)}.`);
      }
      for (const name of golden.names('expected')) {
        golden.check(name, fillValues(name, golden.tensor(name).shape, fill));
      }
    },
  },
  {
    hostOnly: true,
    when: (golden) => golden.names('expected').length > 0,
    run: (golden) => {
      for (const name of golden.names('expected')) golden.check(name, waveHash(name, golden.tensor(name).data.length));
    },
  },
  {
    hostOnly: true,
    when: (golden) => Object.keys(golden.expectedValues).some((name) => name.startsWith('proj_')),
    run: (golden) => {
      for (const value of Object.keys(golden.expectedValues)) {
        const [, prefix, name] = /^proj_([a-z]+)_(.+)$/.exec(value)!;
        golden.checkValue(value, project(`${prefix}:${name}`, golden.tensor(name!).data as Float32Array));
      }
    },
  },
]);
