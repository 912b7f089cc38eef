import { describe, expect, test } from 'vitest';
import { assertNumbers, compareNumbers } from './compare.js';
import { casesOf, GoldenCase, loadManifest } from './harness.js';

describe('compareNumbers', () => {
  test('finds the worst element, its index and both errors', () => {
    const result = compareNumbers([1, 2, 3.5, 4.1], [1, 2, 3, 4], { atol: 1e-3 }, 'x', [2, 2]);
    expect(result).toMatchObject({ ok: false, violations: 2, worstIndex: 2, worstAbsolute: 0.5 });
    expect(result.message).toMatch(
      /2 of 4 elements differ; worst at \[1, 0\]: got 3.5, expected 3, absolute error 5.000e-1/,
    );
  });

  test('allows atol + rtol·|ref| + an error per element', () => {
    expect(compareNumbers([1.5], [1], { atol: 0.1, rtol: 0.1, allowed: [0.3] }, 'x').ok).toBe(true);
    expect(compareNumbers([1.5], [1], { atol: 0.1, rtol: 0.1, allowed: [0.2] }, 'x').ok).toBe(false);
  });

  test('never lets a value that is not a number or a wrong length pass', () => {
    expect(compareNumbers([Number.NaN], [1], { atol: 1e9 }, 'x').ok).toBe(false);
    expect(compareNumbers([1], [Number.NaN], { atol: 1e9 }, 'x').ok).toBe(false);
    expect(compareNumbers([Number.POSITIVE_INFINITY], [1], { atol: Number.POSITIVE_INFINITY }, 'x').ok).toBe(false);
    expect(compareNumbers([Number.NaN], [Number.NaN], 'exact', 'x').ok).toBe(true);
    expect(compareNumbers([1, 2], [1], 'exact', 'x').message).toMatch(/expected 1 elements of shape \[1\], got 2/);
  });

  test('exact means equal, also for int64', () => {
    expect(() => assertNumbers(BigInt64Array.of(3n), BigInt64Array.of(3n), 'exact', 'x')).not.toThrow();
    expect(() => assertNumbers([1 + 2e-16 * 2], [1], 'exact', 'x')).toThrow(/1 of 1 elements differ/);
  });
});

describe('GoldenCase', () => {
  test('every stored tensor of every case can be read in its stated shape', () => {
    const entries = loadManifest().cases.filter((entry) => entry.file?.endsWith('.safetensors'));
    for (const entry of entries) {
      const golden = new GoldenCase(entry);
      for (const { name, shape } of entry.tensors) {
        if (golden.has(name.slice(entry.id.length + 1))) {
          expect(golden.tensor(name.slice(entry.id.length + 1)).shape, name).toEqual(shape);
        }
      }
    }
  });

  test('takes inputs from the case that input_from names, its own first', () => {
    const inheriting = loadManifest()
      .cases.map((entry) => new GoldenCase(entry))
      .filter((golden) => golden.inheritedNames().length > 0);
    for (const golden of inheriting) for (const name of golden.inheritedNames()) expect(golden.has(name)).toBe(true);
    expect(casesOf('no such group')).toEqual([]);
    expect(() => new GoldenCase(loadManifest().cases[0]).tensor('no such tensor')).toThrow(
      /no tensor "no such tensor"/,
    );
  });
});
