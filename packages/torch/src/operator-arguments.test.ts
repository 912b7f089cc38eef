import { describe, expect, it } from 'vitest';
import * as torch from './index.js';

const x = torch.tensor([
  [1, 4],
  [3, 2],
]);
/** The functions without their types, for calls that TypeScript refuses. */
const loose = torch as unknown as Record<string, (...values: unknown[]) => unknown>;
const method = x as unknown as Record<string, (...values: unknown[]) => unknown>;

function failure(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(torch.ArgumentError);
    return (error as Error).message;
  }
  return expect.unreachable('the call went through') as never;
}

describe('options', () => {
  const image = torch.ones([1, 1, 4, 4]);
  const weight = torch.ones([1, 1, 3, 3]);

  it('that an operator does not know are an error that names the known ones', () => {
    const message = failure(() => loose.conv2d!(image, weight, { strides: 2 }));
    expect(message).toMatch(
      /^aten::conv2d: unknown option 'strides'; it takes bias, stride, padding, dilation, groups\./,
    );
    expect(failure(() => method.sum!(1, { keepDim: true }))).toContain(
      "unknown option 'keepDim'; it takes keepdim, dtype",
    );
    expect(failure(() => loose.add!(x, x, { beta: 1 }))).toContain("'beta'; it takes alpha");
    expect(failure(() => method.add_!(1, { beta: 1 }))).toContain("'beta'; it takes alpha");
  });

  it('given to an operator without any are an error', () => {
    expect(failure(() => loose.relu!(x, { inplace: true }))).toMatch(
      /^aten::relu: expected no more than 1 argument, got an object with inplace\. Call it as relu\(self\)\.$/,
    );
    expect(failure(() => loose.max!(x, { dim: 1 }))).toContain(
      'Call it as max(self), max.other(self, other), max.dim(self, dim, { keepdim })',
    );
  });

  it('given as positional arguments are an error', () => {
    expect(failure(() => loose.conv2d!(image, weight, x))).toContain(
      'expected an object with options (bias, stride, padding, dilation, groups) as argument 3, got a Tensor',
    );
    expect(failure(() => method.sum!(1, true))).toContain('got boolean true');
    expect(failure(() => method.softmax!(1, null))).toContain('got null');
  });

  it('that PyTorch takes by keyword only are options, even without a default', () => {
    expect(torch.round(torch.tensor([1.26]), { decimals: 1 }).item()).toBeCloseTo(1.3);
    expect(torch.meshgrid([torch.arange(2), torch.arange(3)], { indexing: 'xy' })[0]!.shape).toEqual([3, 2]);
    expect(torch.linalgSolveTriangular(x, x, { upper: true }).shape).toEqual([2, 2]);
    expect(failure(() => loose.linalgSolveTriangular!(x, x, {}))).toContain('upper: is required');
    expect(failure(() => loose.linalgSolveTriangular!(x, x))).toContain('upper: is required');
  });

  it('may be one number for a list', () => {
    expect(torch.adaptiveAvgPool2d(image, 1).shape).toEqual([1, 1, 1, 1]);
    expect(torch.ones(2).shape).toEqual([2]);
    expect(x.reshape(-1).shape).toEqual([4]);
    expect(x.amax({ dim: 1 }).toArray()).toEqual([4, 3]);
  });

  it('may be undefined or, where the operator has none as a value, null', () => {
    expect(torch.conv2d(image, weight, { bias: null, stride: undefined, padding: 1 }).shape).toEqual([1, 1, 4, 4]);
    expect(torch.clamp(x, { min: null, max: 2 }).toArray()).toEqual([
      [1, 2],
      [2, 2],
    ]);
    expect(torch.clamp(x, { min: torch.tensor(2), max: null }).toArray()).toEqual([
      [2, 4],
      [3, 2],
    ]);
    expect(torch.sum(x, null).item()).toBe(10);
    expect(torch.sum(x, undefined as never).item()).toBe(10);
  });
});

describe('wrong kinds', () => {
  it('get one sentence with the argument, what it wants and what it got', () => {
    expect(failure(() => loose.relu!(5))).toBe(
      'aten::relu: self: expected a Tensor, got number 5. Call it as relu(self).',
    );
    expect(failure(() => loose.matmul!(x, undefined))).toMatch(
      /^aten::matmul: other: expected a Tensor, got undefined\./,
    );
    expect(failure(() => loose.cat!(x))).toMatch(/^aten::cat: tensors: expected an array of Tensors, got a Tensor\./);
    expect(failure(() => loose.cat!([x, 3]))).toContain('tensors: expected a Tensor at 1, got another kind');
    expect(failure(() => loose.linear!(x, x, { bias: 3 }))).toContain('bias: expected a Tensor or null, got number 3');
    expect(failure(() => loose.rand!([2], { generator: 3 }))).toContain(
      'generator: expected a Generator, got number 3',
    );
  });

  it('of plain values too', () => {
    expect(failure(() => loose.softmax!(x, 'a'))).toContain('dim: expected');
    expect(failure(() => loose.add!(x, 'a'))).toContain('other: expected a number');
    expect(failure(() => loose.reshape!(x, ['float32']))).toContain('shape: expected an integer');
    expect(failure(() => loose.sum!(x, 1, { keepdim: 1 }))).toContain('keepdim: expected true or false');
    expect(failure(() => loose.contiguous!(x, { memoryFormat: 'nhwc' }))).toContain("'channelsLast3d'");
  });
});

describe('named results', () => {
  it('are tuples with names', () => {
    const result = torch.max(x, 1);
    const [values, indices] = result;
    expect(result.values).toBe(values);
    expect(result.indices).toBe(indices);
    expect(result.values.toArray()).toEqual([4, 3]);
    expect(x.sort({ descending: true }).indices.toArray()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    const svd = torch.linalgSvd(x);
    expect(svd).toHaveLength(3);
    expect(svd.S.shape).toEqual([2]);
    expect([...svd].map((tensor) => tensor.rank)).toEqual([2, 1, 2]);
    expect(Array.isArray(svd)).toBe(true);
  });

  it('print their names', async () => {
    const { inspect } = await import('node:util');
    expect(inspect(torch.max(x, 1))).toMatch(/values: tensor\(.*indices: tensor\(/s);
  });

  it('belong to the scope that returns them', () => {
    const { values } = torch.scope(() => x.max(0));
    expect(values.toArray()).toEqual([3, 4]);
  });

  it('of out= forms are the tensors that were given', () => {
    const values = torch.zeros([2]);
    const indices = torch.zeros([2], { dtype: 'int64' });
    const result = torch.maxOut(x, 1, values, indices);
    expect(result.values).toBe(values);
    expect(result.indices).toBe(indices);
    expect(values.toArray()).toEqual([4, 3]);
  });
});

describe('between versions', () => {
  it('an argument that only the newer one has takes its default on the older one, and given is an error there', () => {
    const rows = [torch.ones([1]), torch.ones([2])];
    expect(torch.padSequence(rows).shape).toEqual([2, 2]);
    const left = () => torch.padSequence(rows, { paddingSide: 'left' }).select(1, 0).toArray();
    if (torch.libtorchVersion().startsWith('1.')) {
      expect(failure(left)).toContain('padding_side: libtorch 1.13');
    } else {
      expect(left()).toEqual([0, 1]);
    }
  });

  it('an argument that got another name is the same one', () => {
    expect(torch.canCast('int64', 'float32')).toBe(true);
    expect(torch.canCast('float32', 'int64')).toBe(false);
  });
});

describe('kinds of values', () => {
  it('scalars are numbers, bigints and booleans', () => {
    const integers = torch.zeros([1], { dtype: 'int64' });
    expect(integers.add(2n ** 53n + 1n).data()[0]).toBe(2n ** 53n + 1n);
    expect(torch.full([1], true).dtype).toBe('bool');
    expect(torch.full([1], 3).dtype).toBe('int64');
    expect(torch.full([1], 0.5).dtype).toBe('float32');
    expect(failure(() => integers.add(2n ** 64n))).toContain('at most 64 bits');
    expect(failure(() => method.narrow!(2n ** 64n, 0, 1))).toContain('dim: expected an integer of at most 64 bits');
  });

  it('memory formats and layouts are names', () => {
    const volume = torch.zeros([1, 2, 3, 3, 3]).contiguous({ memoryFormat: 'channelsLast3d' });
    expect(volume.strides).toEqual([54, 1, 18, 6, 2]);
    expect(torch.emptyLike(torch.zeros([1, 2, 3, 3]), { memoryFormat: 'channelsLast' }).strides).toEqual([18, 1, 6, 2]);
    expect(x.toSparse().toDense().toArray()).toEqual(x.toArray());
    if (!torch.libtorchVersion().startsWith('1.'))
      expect(x.toSparse({ layout: 'sparseCsr' }).values().toArray()).toEqual([1, 4, 3, 2]);
  });

  it('lists may be empty, and hold nulls where the operator takes them', () => {
    expect(torch.sum(x, []).item()).toBe(10);
    expect(torch.permute(torch.tensor(3), []).item()).toBe(3);
    expect(torch.zeros([]).shape).toEqual([]);
    expect(torch.index(x, [null, torch.tensor([1], { dtype: 'int64' })]).toArray()).toEqual([[4], [2]]);
    expect(() => torch.cat([])).toThrow(torch.TorchError);
  });
});
