import { describe, expect, test as testOnHost } from 'vitest';
import { placeModule, itOnDevice as test } from '../../../../tests/fixtures/torch-devices.js';
import '../index.js';
import { fromTypedArray, tensor } from '../../../../tests/fixtures/sources-on-device.js';
import { noGrad } from '../autograd/index.js';
import { has } from '../operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { DropPath, functional, WeightNormLinear } from './index.js';

const float64 = { dtype: 'float64' } as const;

/** A wave without zeros, symmetry or ties. */
function wave(shape: readonly number[], phase = 0): Tensor {
  const numel = shape.reduce((product, size) => product * size, 1);
  return fromTypedArray(
    Float64Array.from({ length: numel }, (_, i) => Math.sin(1.7 * i + phase) + 0.1),
    shape,
  );
}

/** Largest difference of Σ w·f() from central differences, over all elements of the leaves. */
function gradientError(leaves: readonly Tensor[], f: () => Tensor): number {
  return scope(() => {
    const loss = () => f().mul(wave(f().shape, 0.5)).sum();
    loss().backward();
    let worst = 0;
    for (const leaf of leaves) {
      const analytic = leaf.grad!.data() as Float64Array;
      const flat = leaf.detach().view([-1]);
      for (let i = 0; i < flat.numel; i++) {
        const value = flat.select(0, i);
        const at = (step: number) =>
          noGrad(() => {
            value.add_(step);
            const result = loss().item();
            value.sub_(step);
            return result;
          });
        worst = Math.max(worst, Math.abs((at(1e-5) - at(-1e-5)) / 2e-5 - analytic[i]!));
      }
    }
    return worst;
  });
}

describe('attention', () => {
  test('weighs values by softmax, checked by hand', () => {
    scope(() => {
      const query = tensor([[[[2, 0]]]], float64);
      const key = tensor([[[[1, 0]]]], float64);
      const keys = key.expand([1, 1, 1, 2]).contiguous();
      expect(functional.scaledDotProductAttention(query, keys, tensor([[[[5, 7]]]], float64)).toArray()).toEqual([
        [[[5, 7]]],
      ]);
      const two = tensor(
        [
          [
            [
              [Math.SQRT2, 0],
              [0, 3],
            ],
          ],
        ],
        float64,
      );
      const [[[row]]] = functional.attentionProbabilities(two, two).toArray() as number[][][][];
      // scores of token 0: [√2·√2, 0] / √2
      expect(row![0]!).toBeCloseTo(1 / (1 + Math.exp(-Math.SQRT2)), 12);
    });
  });

  test('has the gradient of its definition', () => {
    const leaves = [0, 1, 2].map((phase) => wave([1, 2, 3, 2], phase));
    for (const leaf of leaves) leaf.requiresGrad = true;
    const [query, key, value] = leaves as [Tensor, Tensor, Tensor];
    expect(gradientError(leaves, () => functional.scaledDotProductAttention(query, key, value))).toBeLessThan(1e-8);
  });

  test('sees what the mask shows, or the past alone, at the scale that is asked for', () => {
    scope(() => {
      const [query, key, value] = [0, 1, 2].map((phase) => wave([2, 2, 3, 4], phase)) as [Tensor, Tensor, Tensor];
      const seen = [1, 0, 0, 1, 1, 0, 1, 1, 1];
      const asBool = tensor(seen, float64).view([3, 3]).to('bool');
      const causal = functional.scaledDotProductAttention(query, key, value, { isCausal: true, scale: 0.3 });
      const masked = functional.scaledDotProductAttention(query, key, value, { attnMask: asBool, scale: 0.3 });
      const added = tensor(
        seen.map((visible) => (visible === 1 ? 0 : Number.NEGATIVE_INFINITY)),
        float64,
      ).view([3, 3]);
      const floats = functional.scaledDotProductAttention(query, key, value, { attnMask: added, scale: 0.3 });
      expect(masked.toArray()).toEqual(causal.toArray());
      expect(floats.sub(causal).abs().max().item()).toBeLessThan(1e-14);
      // the first token sees itself alone, the second two keys
      expect(causal.select(2, 0).toArray()).toEqual(value.select(2, 0).toArray());
      const [[[first, second]]] = query.matmul(key.transpose(-2, -1)).mul(0.3).narrow(2, 1, 1).narrow(3, 0, 2).squeeze(2).toArray() as [[[number, number]]]; // biome-ignore format: a formula
      const share = 1 / (1 + Math.exp(second - first));
      const row = causal.toArray() as number[][][][];
      const values = value.toArray() as number[][][][];
      expect(row[0]![0]![1]![0]).toBeCloseTo(share * values[0]![0]![0]![0]! + (1 - share) * values[0]![0]![1]![0]!, 12);
    });
  });

  test('drops probabilities, and keeps their mean', () => {
    scope(() => {
      const query = wave([1, 40, 50, 4]);
      const ones = query.mul(0).add(1);
      const dropped = functional.scaledDotProductAttention(query, query, ones, { dropoutP: 0.2 });
      expect(dropped.std().item()).toBeGreaterThan(0.01);
      expect(Math.abs(Number(dropped.mean().item()) - 1)).toBeLessThan(0.02);
      expect(functional.scaledDotProductAttention(query, query, ones).std().item()).toBeLessThan(1e-12);
    });
  });

  (has('aten::scaled_dot_product_attention') ? test : testOnHost.skip)(
    'fused kernels agree with the composed form',
    () => {
      scope(() => {
        const [query, key, value] = [0, 1, 2].map((phase) => wave([2, 2, 5, 4], phase)) as [Tensor, Tensor, Tensor];
        const attnMask = wave([5, 5], 3).gt(-0.5);
        for (const options of [{}, { isCausal: true }, { attnMask }, { attnMask: wave([5, 5], 4) }, { scale: 0.2 }]) {
          const fused = functional.scaledDotProductAttention(query, key, value, { ...options, fused: true });
          const composed = functional.scaledDotProductAttention(query, key, value, options);
          expect(fused.sub(composed).abs().max().item()).toBeLessThan(1e-12);
        }
      });
    },
  );

  (has('aten::scaled_dot_product_attention') ? test : testOnHost.skip)('the fused kernel of half types agrees', () => {
    scope(() => {
      const [query, key, value] = [0, 1, 2].map((phase) => wave([2, 2, 5, 4], phase)) as [Tensor, Tensor, Tensor];
      const half = [query, key, value].map((x) => x.to('bfloat16')) as [Tensor, Tensor, Tensor];
      const fused = functional.scaledDotProductAttention(...half);
      expect(fused.dtype).toBe('bfloat16');
      const error = fused.to('float64').sub(functional.scaledDotProductAttention(query, key, value));
      expect(error.abs().max().item()).toBeLessThan(0.03);
    });
  });
});

describe('DropPath', () => {
  test('keeps or drops whole samples and keeps the mean', () => {
    const layer = placeModule(new DropPath(0.25));
    scope(() => {
      const rows = layer.forward(tensor([1], float64).expand([20_000, 3])).toArray() as number[][];
      const kept = rows.filter(([first]) => first !== 0);
      expect(rows.every(([first, ...rest]) => rest.every((value) => value === first))).toBe(true);
      expect(kept.every(([first]) => Math.abs(first! - 4 / 3) < 1e-12)).toBe(true);
      // five standard deviations of a share of 20,000
      expect(Math.abs(kept.length / rows.length - 0.75)).toBeLessThan(5 * Math.sqrt((0.75 * 0.25) / 20_000));
      const x = wave([4, 2]);
      expect(layer.eval().forward(x)).toBe(x);
      expect(functional.dropPath(x, 0)).toBe(x);
    });
  });

  test('keeps the dtype and sends gradients to kept samples only', () => {
    scope(() => {
      const x = wave([3, 2]);
      x.requiresGrad = true;
      const draw = tensor([0.1, 0.5, 0.9], float64);
      functional.dropPath(x, 0.5, draw).sum().backward();
      expect(x.grad!.toArray()).toEqual([
        [0, 0],
        [2, 2],
        [2, 2],
      ]);
      expect(functional.dropPath(x.detach().to('bfloat16'), 0.5).dtype).toBe('bfloat16');
    });
  });

  test('refuses to drop everything', () => {
    expect(() => new DropPath(1)).toThrow(/from 0 to below 1, got 1/);
    expect(() => functional.dropPath(wave([2]), -0.1)).toThrow(/from 0 to below 1, got -0.1/);
  });
});

describe('WeightNormLinear', () => {
  test('scales unit directions', () => {
    const layer = placeModule(new WeightNormLinear(2, 2, float64));
    scope(() =>
      noGrad(() => {
        layer.weight_v.copy_(
          tensor(
            [
              [3, 4],
              [0, 2],
            ],
            float64,
          ),
        );
        layer.weight_g.copy_(tensor([[10], [1]], float64));
        expect(layer.forward(tensor([[1, 1]], float64)).toArray()).toEqual([[14, 1]]);
      }),
    );
    expect([...layer.stateDict().keys()]).toEqual(['weight_g', 'weight_v']);
    layer.dispose();
  });

  test('has the gradient of its definition', () => {
    const layer = placeModule(new WeightNormLinear(3, 2, float64));
    const x = wave([4, 3]);
    x.requiresGrad = true;
    expect(gradientError([x, ...layer.parameters()], () => layer.forward(x))).toBeLessThan(1e-8);
    layer.dispose();
  });

  test('starts as a linear layer with lengths of 1', () => {
    const layer = placeModule(new WeightNormLinear(100, 50));
    scope(() => {
      expect(layer.weight_g.sub(1).abs().max().item()).toBe(0);
      const largest = layer.weight_v.abs().max().item();
      expect(largest).toBeLessThanOrEqual(0.1);
      expect(largest).toBeGreaterThan(0.099);
    });
    layer.dispose();
  });
});
