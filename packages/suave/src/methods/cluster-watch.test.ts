import { liveTensors, scope, tensor } from '@suave/torch';
import { expect, test } from 'vitest';
import { ClusterWatch } from './cluster-watch.js';

test('ClusterWatch counts winners and averages entropy between two looks', () => {
  const before = liveTensors().count;
  const watch = new ClusterWatch([3], 3);
  expect(watch.take()).toEqual({ wins: [0, 0, 0], entropy: 0 });
  const add = (...crops: number[][][]) => scope(() => watch.add(crops.map((rows) => tensor(rows))));
  const third = [1 / 3, 1 / 3, 1 / 3];
  add([[1, 0, 0]], [[0, 0, 1]]);
  add([third], [third]);
  const { wins, entropy } = watch.take();
  expect(wins).toEqual([3, 0, 1]); // a tie counts for the first
  expect(entropy).toBeCloseTo(0.5, 6);
  add([[0, 1, 0]]);
  expect(watch.take()).toEqual({ wins: [0, 1, 0], entropy: 0 });
  watch.dispose();
  expect(liveTensors().count).toBe(before);
});
