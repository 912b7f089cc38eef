import { full, liveTensors, scope, tensor } from '@suave/torch';
import { expect, test } from 'vitest';
import { assignmentTerms } from './monitoring.js';

/** Numbers of `assignmentTerms`. */
function termsOf(layers: number[][][][]): Record<string, number> {
  return scope(() => {
    const terms = assignmentTerms(layers.map((crops) => crops.map((rows) => tensor(rows))));
    return Object.fromEntries(Object.entries(terms).map(([name, value]) => [name, value.item()]));
  });
}

const [first, second, third] = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

test('sharp and balanced assignments use all prototypes with entropy 0, a collapse uses one', () => {
  const before = liveTensors().count;
  const balanced = termsOf([[[first, second, third]]]);
  expect(balanced.prototypes_used).toBeCloseTo(3, 6);
  expect(balanced.assignment_entropy).toBeCloseTo(0, 6);
  const collapsed = termsOf([[[first, first], [first]]]);
  expect(collapsed.prototypes_used).toBeCloseTo(1, 6);
  expect(collapsed.assignment_entropy).toBeCloseTo(0, 6);
  expect(liveTensors().count).toBe(before);
});

test('even assignments use all prototypes with entropy 1; the crops of a layer count together, layers are averaged', () => {
  scope(() => {
    const even = full([5, 4], 0.25);
    const { prototypes_used, assignment_entropy } = assignmentTerms([[even, even]]);
    expect(prototypes_used.item()).toBeCloseTo(4, 6);
    expect(assignment_entropy.item()).toBeCloseTo(1, 6);
  });
  expect(termsOf([[[first], [second]]]).prototypes_used).toBeCloseTo(2, 6);
  expect(termsOf([[[first], [second]], [[third]]]).prototypes_used).toBeCloseTo(1.5, 6);
});
