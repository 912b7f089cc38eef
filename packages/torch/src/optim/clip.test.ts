/** @file Clipping and averaging against PyTorch's. */
import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { placeModule, itOnDevice as test, within } from '../../../../tests/fixtures/torch-devices.js';
import '../index.js';
import { fromTypedArray, tensor } from '../../../../tests/fixtures/sources-on-device.js';
import { noGrad } from '../autograd/index.js';
import { copy_ } from '../generated/operators.js';
import { BatchNorm1d } from '../nn/index.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { clipGradNorm_, clipGradValue_ } from './clip.js';
import { emaUpdateModule_ } from './ema.js';

interface Clipped {
  readonly gradients: readonly number[];
}

interface Fixture {
  readonly shapes: readonly (readonly number[])[];
  readonly norms: readonly (Clipped & { readonly maxNorm: number; readonly normType: string; readonly norm: number })[];
  readonly value: Clipped & { readonly clipValue: number };
  readonly average: {
    readonly steps: number;
    readonly momentum: number;
    readonly after: Readonly<Record<string, readonly number[]>>;
  };
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/clip.json', import.meta.url), 'utf8')) as Fixture;

function values(shape: readonly number[], k: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return fromTypedArray(
    Float64Array.from({ length: count }, (_, j) => Math.sin(1.3 * k + 0.61 * j) * 3),
    shape,
  );
}

function withParameters(body: (params: readonly Tensor[]) => void): number[] {
  return scope(() => {
    const params = fixture.shapes.map((shape, i) => {
      const param = values(shape, i);
      param.requiresGrad = true;
      param.grad = values(shape, i + 10);
      return param;
    });
    const absent = tensor([1], { requiresGrad: true });
    body([...params, absent]);
    expect(absent.grad).toBeNull();
    return params.flatMap((param) => Array.from(param.grad!.data() as Float64Array));
  });
}

function expectClose(got: readonly number[], expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  expect(Math.max(...got.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(within(1e-12, 'float64'));
}

describe.each(fixture.norms)('clipGradNorm_ to $maxNorm by the norm of order $normType', (entry) => {
  test('clips as PyTorch', () => {
    const normType = entry.normType === 'inf' ? Number.POSITIVE_INFINITY : Number(entry.normType);
    const gradients = withParameters((params) => {
      expect(clipGradNorm_(params, entry.maxNorm, { normType }).item()).toBeCloseTo(entry.norm, 11);
    });
    expectClose(gradients, entry.gradients);
  });
});

test('clipGradValue_ clips as PyTorch', () => {
  expectClose(
    withParameters((params) => clipGradValue_(params, fixture.value.clipValue)),
    fixture.value.gradients,
  );
  expect(() => clipGradValue_([], -1)).toThrow(/value of 0 or more, got -1/);
  expect(() => clipGradNorm_([], 1, { normType: 0 })).toThrow(/order above 0, got 0/);
});

describe('emaUpdateModule_', () => {
  function trained(update: (average: BatchNorm1d, model: BatchNorm1d, t: number) => void): BatchNorm1d {
    const make = () => placeModule(new BatchNorm1d(4).to({ dtype: 'float64' }));
    const [model, average] = [make(), make()];
    for (let t = 0; t < fixture.average.steps; t++) {
      scope(() =>
        noGrad(() => {
          const state = model.stateDict();
          copy_(state.get('weight')!, values([4], t));
          copy_(state.get('bias')!, values([4], t + 0.5));
          copy_(state.get('running_mean')!, values([4], t + 0.7));
          copy_(state.get('running_var')!, values([4], t + 0.9).abs());
          state.get('num_batches_tracked')!.add_(1);
        }),
      );
      update(average, model, t);
    }
    return average;
  }

  test('averages parameters and copies buffers as AveragedModel', () => {
    const average = trained((into, from, t) => emaUpdateModule_(into, from, t === 0 ? 0 : fixture.average.momentum));
    for (const [name, expected] of Object.entries(fixture.average.after))
      expectClose(Array.from(average.stateDict().get(name)!.data() as ArrayLike<number | bigint>, Number), expected);
  });

  test('averages buffers of real numbers on demand, or leaves them alone', () => {
    const averaged = trained((into, from, t) =>
      emaUpdateModule_(into, from, t === 0 ? 0 : 0.9, { buffers: 'average' }),
    );
    const state = averaged.stateDict();
    expect(state.get('num_batches_tracked')!.item()).toBe(20);
    // The bias is the same sequence a little earlier: an average, not the last value.
    const last = scope(() => Array.from(values([4], 19.7).data() as Float64Array));
    expect(Array.from(state.get('running_mean')!.data() as Float64Array)).not.toEqual(last);
    const kept = trained((into, from, t) => emaUpdateModule_(into, from, t === 0 ? 0 : 0.9, { buffers: 'keep' }));
    expect(kept.stateDict().get('num_batches_tracked')!.item()).toBe(0);
  });
});
