/** @file What modules and losses say of inputs and settings that do not fit. */
import { describe, expect, test } from 'vitest';
import { ShapeError } from '../errors.js';
import '../index.js';
import { tensor } from '../creation.js';
import { ones, rand, zeros } from '../generated/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import * as nn from './index.js';

const { functional: F } = nn;
const labels = (...values: number[]) => tensor(values, { dtype: 'int64' });

describe('a wrong shape is a ShapeError that says what was expected', () => {
  const cases: [string, () => unknown, RegExp][] = [
    ['Linear', () => new nn.Linear(3, 2).forward(zeros([2, 4])), /^Linear: expected \[…, 3\], got \[2, 4\]\.$/],
    [
      'Conv1d',
      () => new nn.Conv1d(2, 2, 1).forward(zeros([1, 3, 4])),
      /^Conv1d: expected \[N, 2, L\], got \[1, 3, 4\]/,
    ],
    [
      'Conv2d',
      () => new nn.Conv2d(3, 2, 1).forward(zeros([1, 1, 4, 4])),
      /^Conv2d: expected \[N, 3, H, W\], got \[1, 1, 4, 4\]/,
    ],
    [
      'Conv2d, rank',
      () => new nn.Conv2d(3, 2, 1).forward(zeros([3, 4])),
      /^Conv2d: expected \[N, 3, H, W\], got \[3, 4\]/,
    ],
    [
      'Conv2d, padded',
      () => new nn.Conv2d(3, 2, 3, { padding: 1, paddingMode: 'reflect' }).forward(zeros([1, 1, 4, 4])),
      /^Conv2d: expected \[N, 3, H, W\]/,
    ],
    [
      'ConvTranspose2d',
      () => new nn.ConvTranspose2d(3, 2, 1).forward(zeros([1, 2, 4, 4])),
      /^ConvTranspose2d: expected \[N, 3, H, W\]/,
    ],
    [
      'BatchNorm2d',
      () => new nn.BatchNorm2d(2).eval().forward(zeros([2, 2])),
      /^BatchNorm2d: expected \[N, C, H, W\], got \[2, 2\]/,
    ],
    [
      'BatchNorm1d',
      () => new nn.BatchNorm1d(2).forward(zeros([2, 3])),
      /^BatchNorm1d: expected 2 channels in dimension 1, got \[2, 3\]/,
    ],
    [
      'BatchNorm3d',
      () => new nn.BatchNorm3d(2).forward(zeros([2, 2, 2])),
      /^BatchNorm3d: expected \[N, C, D, H, W\], got/,
    ],
    [
      'LayerNorm',
      () => new nn.LayerNorm([2, 3]).forward(zeros([3, 2])),
      /^LayerNorm: expected \[…, 2, 3\], got \[3, 2\]/,
    ],
    [
      'GroupNorm',
      () => new nn.GroupNorm(2, 4).forward(zeros([1, 6, 2])),
      /^GroupNorm: expected \[N, 4, …\], got \[1, 6, 2\]/,
    ],
    [
      'InstanceNorm2d',
      () => new nn.InstanceNorm2d(2).forward(zeros([1, 3, 2, 2])),
      /^InstanceNorm2d: expected \[N, 2, H, W\], got/,
    ],
    [
      'InstanceNorm2d of a pixel',
      () => new nn.InstanceNorm2d(2).forward(zeros([4, 2, 1, 1])),
      /more than one value per channel and sample/,
    ],
    [
      'MultiheadAttention',
      () => new nn.MultiheadAttention(4, 2).forward(zeros([3, 2, 4]), zeros([5, 2, 3]), zeros([5, 2, 4])),
      /expected query \[…, 4\], key \[…, 4\] and value \[…, 4\] .* got \[3, 2, 4\], \[5, 2, 3\] and \[5, 2, 4\]/,
    ],
    [
      'MultiheadAttention, batch',
      () => new nn.MultiheadAttention(4, 2).forward(zeros([3, 2, 4]), zeros([3, 1, 4]), zeros([3, 1, 4])),
      /as many sequences of keys as of queries, got \[3, 2, 4\] and \[3, 1, 4\] with batchFirst: false/,
    ],
    [
      'interpolate',
      () => F.interpolate(zeros([2, 2]), { size: 3 }),
      /^interpolate: expected \[N, C, L\].*got \[2, 2\]/,
    ],
    [
      'interpolate, mode',
      () => F.interpolate(zeros([1, 2, 2]), { size: 3, mode: 'bilinear' }),
      /'bilinear' is for 2 dimensions/,
    ],
    [
      'mseLoss',
      () => F.mseLoss(zeros([3, 1]), zeros([3])),
      /^mseLoss: expected a target of the input's shape \[3, 1\], got \[3\]/,
    ],
    ['klDiv', () => F.klDiv(zeros([3, 2]), zeros([2])), /^klDiv: expected a target/],
    [
      'crossEntropy',
      () => F.crossEntropy(zeros([3, 4]), labels(0, 1)),
      /^crossEntropy: expected labels \[3\] for scores \[3, 4\], got \[2\] int64/,
    ],
    [
      'crossEntropy of a column',
      () => F.crossEntropy(zeros([2, 4]), labels(0, 1).view([2, 1])),
      /expected labels \[2\].*got \[2, 1\]/,
    ],
    [
      'nllLoss',
      () => F.nllLoss(zeros([2, 3, 4, 4]), labels(0, 1)),
      /expected labels \[2, 4, 4\] for scores \[2, 3, 4, 4\], got \[2\]/,
    ],
  ];
  test.each(cases)('%s', (_, call, message) => {
    scope(() => {
      expect(call).toThrow(ShapeError);
      expect(call).toThrow(message);
    });
  });

  test('an error with the right shape stays what it is', () => {
    scope(() => {
      expect(() => new nn.Linear(3, 2).forward(zeros([1, 3], { dtype: 'float64' }))).toThrow(/dtype|type/);
      expect(() => F.crossEntropy(zeros([1, 3]), labels(7))).toThrow(/out of bounds/);
      const freed = ones([1, 3]);
      freed.dispose();
      expect(() => new nn.Linear(3, 2).forward(freed)).toThrow(
        expect.objectContaining({ code: 'ERR_TENSOR_DISPOSED' }),
      );
    });
  });
});

describe('a wrong setting is refused', () => {
  const cases: [string, () => unknown, RegExp][] = [
    ['groups', () => new nn.Conv2d(3, 4, 1, { groups: 2 }), /divisible by 2 groups, got 3 in and 4 out/],
    ['groups of a norm', () => new nn.GroupNorm(3, 4), /divisible by 3 groups, got 4/],
    [
      'same with a stride',
      () => new nn.Conv2d(1, 1, 3, { padding: 'same', stride: 2 }),
      /stride of 1 with padding 'same', got 2 × 2/,
    ],
    [
      'output size',
      () => new nn.ConvTranspose2d(1, 1, 3, { stride: 2 }).forward(zeros([1, 1, 2, 2]), [5, 7]),
      /output size from \[5, 5\] to \[6, 6\], got \[5, 7\]/,
    ],
    ['heads', () => new nn.MultiheadAttention(5, 2), /divisible by 2 heads, got 5/],
    ['probability', () => new nn.Dropout(1.5), /Dropout: expected a probability from 0 to 1, got 1\.5/],
    ['padding row', () => new nn.Embedding(3, 2, { paddingIdx: 3 }), /paddingIdx from -3 to 2, got 3/],
    [
      'mask and causality',
      () =>
        F.scaledDotProductAttention(ones([1, 2]), ones([1, 2]), ones([1, 2]), {
          attnMask: ones([1, 1]),
          isCausal: true,
        }),
      /a mask or isCausal, got both/,
    ],
    ['no size', () => F.interpolate(zeros([1, 1, 2]), {}), /either size or scaleFactor/],
    [
      'corners of nearest',
      () => F.interpolate(zeros([1, 1, 2]), { size: 2, alignCorners: true }),
      /alignCorners has no effect with mode 'nearest'/,
    ],
    [
      'antialias of nearest',
      () => F.interpolate(zeros([1, 1, 2]), { size: 2, antialias: true }),
      /antialias is for the modes bilinear and bicubic/,
    ],
    [
      'reduction',
      () => F.mseLoss(zeros([1]), zeros([1]), { reduction: 'average' as 'mean' }),
      /a reduction 'none', 'mean' or 'sum', got 'average'/,
    ],
    [
      'weight norm of nothing',
      () => nn.weightNorm(new nn.Linear(1, 1, { bias: false }), { name: 'bias' }),
      /expected a parameter 'bias' in Linear/,
    ],
    [
      'weight norm twice',
      () => nn.weightNorm(nn.weightNorm(new nn.Linear(1, 1))),
      /expected a parameter 'weight' in Linear/,
    ],
    ['removing no weight norm', () => nn.removeWeightNorm(new nn.Linear(1, 1)), /expected 'weight_g' and 'weight_v'/],
    [
      'submodule',
      () => new nn.Sequential(new nn.ReLU()).getSubmodule('1'),
      /expected the name of a module, got '1'\. There are 0/,
    ],
    ['name with a dot', () => new nn.Sequential({ 'a.b': new nn.ReLU() }), /a name without dots, got 'a\.b'/],
    [
      'name in use',
      () => new nn.ModuleDict({ forward: new nn.ReLU(), train: new nn.ReLU() }),
      /modules do not use themselves, got 'train'/,
    ],
    ['unknown name', () => new nn.ModuleDict({ a: new nn.ReLU() }).get('b'), /expected one of a, got 'b'/],
    ['index', () => new nn.ParameterList([ones([1])]).at(-2), /ParameterList: expected an index below 1, got -2/],
    ['eye', () => nn.init.eye_(zeros([3])), /expected a matrix, got \[3\]/],
  ];
  test.each(cases)('%s', (_, call, message) => {
    scope(() => expect(call).toThrow(message));
  });
});

test('a query that sees no key gets zeros, and finite gradients', () => {
  scope(() => {
    const [query, key, value] = [0, 1, 2].map(() => rand([1, 2, 3, 4], { dtype: 'float64' })) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    query.requiresGrad = true;
    const attnMask = tensor([[true, false, true], [false, false, false], [true, true, true]]); // biome-ignore format: a matrix
    const result = F.scaledDotProductAttention(query, key, value, { attnMask });
    expect(result.select(2, 1).abs().max().item()).toBe(0);
    expect(result.select(2, 0).abs().max().item()).toBeGreaterThan(0);
    result.sum().backward();
    expect(Number(query.grad!.isfinite().all().item())).toBe(1);
  });
});
