import { describe, expect, expectTypeOf, it } from 'vitest';
import * as torch from './index.js';

describe('tensor', () => {
  it('takes bigints exactly, and numbers beside them when a dtype is given', () => {
    const x = torch.tensor([[2n ** 62n + 1n, -1n]]);
    expect([x.dtype, x.shape, x.data()[0]]).toEqual(['int64', [1, 2], 2n ** 62n + 1n]);
    expect(torch.tensor(5n).dtype).toBe('int64');
    expect(torch.tensor([1n, 2, true], { dtype: 'float32' }).toArray()).toEqual([1, 2, 1]);
    expect(torch.tensor([1, 0.5, 0], { dtype: 'bool' }).toArray()).toEqual([true, true, false]);
  });

  it.each<[string, () => unknown, RegExp]>([
    ['fewer elements', () => torch.tensor([[1, 2], [3]]), /ragged nesting: 1 elements at \[1\] where others have 2/],
    [
      'a value for an array',
      () => torch.tensor([[1], 2]),
      /ragged nesting: a value at \[1\] where others have an array/,
    ],
    ['an array for a value', () => torch.tensor([1, [2]]), /ragged nesting: an array at \[1\]/],
    ['mixed kinds', () => torch.tensor([1, true]), /got a number and, at \[1\], a boolean\. Give a dtype/],
    ['bigint and number', () => torch.tensor([[1n, 2]]), /got a bigint and, at \[0\]\[1\], a number/],
    ['text', () => torch.tensor(['1'] as never), /expected numbers, bigints or booleans.*got string at \[0\]/],
    ['nothing', () => torch.tensor(undefined as never), /got undefined/],
    ['a hole', () => torch.tensor([1, undefined] as never), /got undefined at \[1\]/],
    ['NaN', () => torch.tensor([1, Number.NaN], { dtype: 'int32' }), /NaN cannot be int32.*floating-point dtype/],
    ['infinity', () => torch.tensor([Number.POSITIVE_INFINITY], { dtype: 'int64' }), /Infinity cannot be int64/],
    ['too large', () => torch.tensor([256], { dtype: 'uint8' }), /256 does not fit uint8, which holds 0 to 255/],
    ['too large a bigint', () => torch.tensor([2n ** 63n]), /does not fit int64/],
    [
      'an unknown dtype',
      () => torch.tensor([1], { dtype: 'float' as never }),
      /dtype: expected one of float32.*got 'float'/,
    ],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(torch.TorchError);
  });

  it('cuts fractions off as PyTorch does', () => {
    expect(torch.tensor([1.7, -1.7], { dtype: 'int16' }).toArray()).toEqual([1, -1]);
    expect(torch.tensor([2 ** 60], { dtype: 'int64' }).data()[0]).toBe(2n ** 60n);
  });

  it('makes empty tensors of any rank', () => {
    expect(torch.tensor([[], []]).shape).toEqual([2, 0]);
    expect(torch.tensor([[[]]]).shape).toEqual([1, 1, 0]);
  });

  it('takes and gives complex numbers as pairs', () => {
    const pairs = [
      [1, 2],
      [3, -4],
    ];
    for (const dtype of ['complex64', 'complex128'] as const) {
      const x = torch.tensor(pairs, { dtype });
      expect([x.dtype, x.shape, x.itemSize]).toEqual([dtype, [2], dtype === 'complex64' ? 8 : 16]);
      expect(x.toArray()).toEqual(pairs);
      expect(Array.from(x.data())).toEqual([1, 2, 3, -4]);
      expect(x.conj().toArray()).toEqual([
        [1, -2],
        [3, 4],
      ]);
      expect(x.mul(x).toArray()).toEqual([
        [-3, 4],
        [-7, -24],
      ]);
      expect(torch.equal(torch.fromTypedArray(x.data(), [2], { dtype }), x)).toBe(true);
      expect(torch.equal(torch.tensor(x.data(), { dtype }), x)).toBe(true);
      expect(() => x.at(0).item()).toThrow(/expected a real tensor.*toArray\(\)/);
    }
    expect(torch.tensor([1, 2], { dtype: 'complex64' }).toArray()).toEqual([1, 2]);
    expect(() => torch.tensor([1, 2, 3], { dtype: 'complex64' })).toThrow(/pairs \[re, im\].*to\('complex64'\)/);
    expect(() => torch.fromTypedArray(Int32Array.of(1, 2), [1], { dtype: 'complex64' })).toThrow(/Float32Array or/);
  });

  it('takes every kind of typed array that a dtype has, and says what to do with the others', () => {
    expect(torch.tensor(Uint8ClampedArray.of(1, 255)).dtype).toBe('uint8');
    expect(torch.tensor(Buffer.from([1, 2])).dtype).toBe('uint8');
    expect(torch.tensor(Uint8Array.of(0, 2, 1), { dtype: 'bool' }).bytes()).toEqual(Uint8Array.of(0, 1, 1));
    expect(torch.tensor(Float64Array.of(1.5), { dtype: 'int32' }).toArray()).toEqual([1]);
    expect(() => torch.tensor(new Uint16Array(1) as never)).toThrow(/got a Uint16Array\. Use Int32Array\.from\(data\)/);
    expect(() => torch.tensor(new Uint32Array(1) as never)).toThrow(/Use BigInt64Array\.from/);
    expect(() => torch.tensor(new BigUint64Array(1) as never)).toThrow(/new BigInt64Array\(data\.buffer/);
    const { Float16Array } = globalThis as { Float16Array?: { of(...values: number[]): Float32Array } };
    if (Float16Array === undefined) console.info(`Float16Array skipped: Node ${process.version} has none`);
    else expect(torch.tensor(Float16Array.of(1.5)).dtype).toBe('float16');
  });

  it('says dtype and rank in the type', () => {
    expectTypeOf(torch.tensor([[1, 2]])).toEqualTypeOf<torch.Tensor<'float32', 2>>();
    expectTypeOf(torch.tensor(1)).toEqualTypeOf<torch.Tensor<'float32', 0>>();
    expectTypeOf(torch.tensor([1n])).toEqualTypeOf<torch.Tensor<'int64', 1>>();
    expectTypeOf(torch.tensor([[[true]]])).toEqualTypeOf<torch.Tensor<'bool', 3>>();
    expectTypeOf(torch.tensor([[1]], { dtype: 'int32' })).toEqualTypeOf<torch.Tensor<'int32', 2>>();
    expectTypeOf(torch.tensor([[1, 2]], { dtype: 'complex64' })).toEqualTypeOf<torch.Tensor<'complex64', 1>>();
    expectTypeOf(torch.tensor([1], { requiresGrad: true })).toEqualTypeOf<torch.Tensor<'float32', 1>>();
    expectTypeOf(torch.fromTypedArray(new Float64Array(4), [2, 2])).toEqualTypeOf<torch.Tensor<'float64', 2>>();
    expectTypeOf(torch.tensor([[1, 2]]).toArray()).toEqualTypeOf<number[][]>();
    expectTypeOf(torch.tensor([[1, 2]]).double()).toEqualTypeOf<torch.Tensor<'float64', 2>>();
    let x: torch.Tensor = torch.tensor([[1, 2]]);
    x = torch.tensor([1n]);
    expectTypeOf(x.toArray()).toEqualTypeOf<torch.NestedArray>();
    const rows: number[][] = [[1]];
    expectTypeOf(torch.tensor(rows)).toEqualTypeOf<torch.Tensor<'float32', 2>>();
    expectTypeOf(torch.tensor(rows as torch.NestedArray)).toEqualTypeOf<torch.Tensor>();
    const matrix: torch.Tensor<'float32', 2> = torch.tensor([[1, 2]]);
    expect(matrix.rank).toBe(2);
  });
});

describe('requiresGrad of operators that make tensors', () => {
  it('makes leaves with gradients, as in PyTorch', () => {
    const like = torch.zeros([2], { dtype: 'float64' });
    const made = [
      torch.ones([2], { requiresGrad: true }),
      torch.randn([2], { requiresGrad: true, generator: new torch.Generator({ seed: 1 }) }),
      torch.full([2], 7, { dtype: 'float32', requiresGrad: true }),
      torch.linspace(0, 1, 3, { requiresGrad: true }),
      torch.eye(2, { requiresGrad: true }),
      torch.zerosLike(like, { requiresGrad: true }),
      like.newOnes([3], { requiresGrad: true }),
      torch.noGrad(() => torch.rand([2], { requiresGrad: true })),
    ];
    for (const x of made) expect([x.requiresGrad, x.isLeaf]).toEqual([true, true]);
    expectTypeOf(torch.ones([2], { requiresGrad: true })).toEqualTypeOf<torch.Tensor<'float32', 1>>();
    const [x] = made;
    x?.mul(3).sum().backward();
    expect(x?.grad?.toArray()).toEqual([3, 3]);
    expect(torch.ones([2], { requiresGrad: false }).requiresGrad).toBe(false);
    expect(torch.ones([2], { requiresGrad: undefined }).requiresGrad).toBe(false);
  });

  it('is refused where a dtype has none, and nothing is left', () => {
    const before = torch.liveTensors().count;
    expect(() => torch.ones([2], { dtype: 'int64', requiresGrad: true })).toThrow(/floating point/);
    expect(() => torch.tensor([1n], { requiresGrad: true })).toThrow(/floating point/);
    expect(torch.liveTensors().count).toBe(before);
  });

  it('is no option of conversions', () => {
    expect(() => torch.ones([1]).to({ requiresGrad: true } as never)).toThrow(/unknown option 'requiresGrad'/);
  });
});

describe('to', () => {
  it('takes a device alone', () => {
    const x = torch.tensor([[1, 2]]);
    const same = x.to('cpu');
    expectTypeOf(same).toEqualTypeOf<torch.Tensor<'float32', 2>>();
    expect([same.dtype, x.to('meta').device, torch.to(x, 'cpu', { copy: true }).toArray()]).toEqual([
      'float32',
      'meta',
      [[1, 2]],
    ]);
    expect(x.to('float64').dtype).toBe('float64');
    expect(() => x.to('gpu' as 'cpu')).toThrow(/dtype: expected one of float32/);
    if (!torch.cuda.isAvailable())
      for (const device of ['cuda', 'cuda:0'] as const) expect(() => x.to(device)).toThrow(torch.DeviceError);
  });
});
