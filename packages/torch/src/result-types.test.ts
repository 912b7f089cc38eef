/** @file What the compiler knows of dtypes, ranks and named results: `npm run types` checks the types here, the test that they are true. */
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { DType, Tensor } from './index.js';
import * as torch from './index.js';

/** Exactly these, for the compiler and at run time. */
function knows<D extends DType, R extends number, E extends D, Q extends R>(
  tensor: Tensor<D, R>,
  dtype: E & ([D] extends [E] ? unknown : never),
  rank: Q & ([R] extends [Q] ? unknown : never),
): void {
  expect(tensor.dtype).toBe(dtype);
  expect(tensor.rank).toBe(rank);
}

/** The rank exactly, and nothing about the dtype. */
function knowsRank<D extends DType, R extends number, Q extends R>(
  tensor: Tensor<D, R>,
  open: DType extends D ? true : false,
  rank: Q & ([R] extends [Q] ? unknown : never),
): void {
  expect(tensor.rank).toBe(rank);
  expect(open).toBe(true);
}

/** A tensor of which nothing is known. */
const unknown: Tensor = torch.zeros([2, 3]);
const f2 = torch.zeros([2, 3]);
const n2 = torch.ones([2, 3], { dtype: 'int64' });
const h2 = torch.ones([2, 3], { dtype: 'bfloat16' });

describe('creation', () => {
  it('knows the dtype from the options and the rank from a size written in place', () => {
    knows(f2, 'float32', 2);
    knows(n2, 'int64', 2);
    knows(torch.rand([4]), 'float32', 1);
    knows(torch.zeros(3), 'float32', 1);
    knows(torch.zeros([]), 'float32', 0);
    knows(torch.randint(5, [2, 2]), 'int64', 2);
    knows(torch.randperm(4), 'int64', 1);
    knows(torch.eye(2, { dtype: 'bool' }), 'bool', 2);
    knows(torch.zerosLike(n2), 'int64', 2);
    knows(n2.newZeros([1, 1, 1]), 'int64', 3);
    knows(torch.full([2], 1, { dtype: 'uint8' }), 'uint8', 1);
    const shape: number[] = [2, 3];
    expectTypeOf(torch.zeros(shape)).toEqualTypeOf<Tensor<'float32', number>>();
    const dtype = 'int32' as DType;
    expectTypeOf(torch.zeros([2], { dtype })).toEqualTypeOf<Tensor<DType, 1>>();
    expectTypeOf(torch.full([2], 3)).toEqualTypeOf<Tensor<DType, 1>>();
  });

  it('gives data of the right kind', () => {
    expectTypeOf(f2.data()).toEqualTypeOf<Float32Array>();
    expectTypeOf(n2.data()).toEqualTypeOf<BigInt64Array>();
    expect(n2.data()).toBeInstanceOf(BigInt64Array);
  });
});

describe('results', () => {
  it('of casts, comparisons and searches', () => {
    knows(f2.to('float64'), 'float64', 2);
    knows(f2.to({ dtype: 'int32' }), 'int32', 2);
    knows(f2.to({ device: 'cpu' }), 'float32', 2);
    knows(n2.to(h2), 'bfloat16', 2);
    knows(f2.gt(0), 'bool', 2);
    knows(f2.eq(n2), 'bool', 2);
    knows(f2.isnan(), 'bool', 2);
    knows(torch.logicalNot(n2), 'bool', 2);
    knows(f2.argsort(), 'int64', 2);
    knows(torch.nonzero(f2), 'int64', 2);
    expectTypeOf(f2.argmax()).toEqualTypeOf<Tensor<'int64', number>>();
  });

  it('of elementwise operators', () => {
    knows(f2.relu(), 'float32', 2);
    knows(h2.sigmoid(), 'bfloat16', 2);
    knows(n2.sqrt(), 'float32', 2);
    knows(f2.add(0.5), 'float32', 2);
    knows(f2.mul(f2), 'float32', 2);
    knows(n2.add(n2), 'int64', 2);
    knows(n2.div(n2), 'float32', 2);
    // Promotion, and numbers that make integers floats, leave the dtype open.
    knowsRank(f2.add(h2), true, 2);
    knowsRank(n2.mul(0.5), true, 2);
    knowsRank(torch.exp(f2), true, 2);
    expectTypeOf(f2.add(torch.zeros([3]))).toEqualTypeOf<Tensor<'float32', number>>();
  });

  it('of reductions and shapes', () => {
    knowsRank(f2.sum(), true, 0);
    knowsRank(torch.mean(f2), true, 0);
    knows(torch.max(f2), 'float32', 0);
    knows(f2.unsqueeze(0), 'float32', 3);
    knows(f2.select(0, 1), 'float32', 1);
    knows(f2.reshape([3, 2, 1]), 'float32', 3);
    knows(f2.reshape(-1), 'float32', 1);
    knows(f2.permute([1, 0]), 'float32', 2);
    knowsRank(torch.mm(f2, torch.zeros([3, 1])), true, 2);
    knowsRank(torch.conv2d(torch.zeros([1, 1, 3, 3]), torch.zeros([1, 1, 2, 2])), true, 4);
    expectTypeOf(f2.sum([0])).toEqualTypeOf<Tensor>();
  });

  it('with names', () => {
    const result = torch.max(f2, 1);
    expectTypeOf(result.indices).toEqualTypeOf<Tensor<'int64'>>();
    const [values, indices] = result;
    expectTypeOf(values).toEqualTypeOf<Tensor<'float32'>>();
    expectTypeOf(indices).toEqualTypeOf<Tensor<'int64'>>();
    const kept: Tensor = result.values;
    expect(kept).toBe(values);
    knows(f2.sort().indices, 'int64', 2);
    knows(torch.topk(f2, 1)[0], 'float32', 2);
    expectTypeOf(torch.linalgSvd(f2).S).toEqualTypeOf<Tensor>();
    expectTypeOf(torch.aminmax(f2)).toExtend<readonly [Tensor, Tensor]>();
  });

  it('in place are the tensor itself', () => {
    knows(f2.add_(1), 'float32', 2);
    knows(torch.relu_(f2), 'float32', 2);
    expectTypeOf(torch.zeros([2]).unsqueeze_(0)).toEqualTypeOf<Tensor>();
  });
});

describe('assignment', () => {
  it('lets a tensor of unknown dtype or rank stand for a known one, and the other way round', () => {
    let x = torch.zeros([2, 3]);
    x = torch.softmax(x, 1);
    x = unknown;
    const wide: Tensor = f2;
    const labels: Tensor<'int64', 1> = unknown;
    const floats: Tensor<'float32' | 'float64'> = f2;
    expect([x, wide, labels, floats]).toHaveLength(4);
  });

  it('refuses a known one of another dtype or rank', () => {
    // @ts-expect-error float32 is not int64
    const integers: Tensor<'int64'> = f2;
    // @ts-expect-error two dimensions are not three
    const cube: Tensor<'float32', 3> = f2;
    let x = torch.zeros([2, 3]);
    // @ts-expect-error indices are int64
    x = torch.argsort(x);
    expect([integers, cube, x]).toHaveLength(3);
  });

  it('refuses options and kinds of arguments that an operator does not have', () => {
    const calls = [
      // @ts-expect-error no such option
      () => torch.conv2d(f2, f2, { strides: 2 }),
      // @ts-expect-error no options
      () => torch.relu(f2, { inplace: true }),
      // @ts-expect-error a Tensor is needed
      () => torch.matmul(f2, 3),
      // @ts-expect-error no such dtype
      () => torch.zeros([2], { dtype: 'float' }),
      // @ts-expect-error must be given
      () => torch.linalgSolveTriangular(f2, f2),
    ];
    for (const call of calls) expect(call).toThrow(torch.TorchError);
  });
});
