import { describe, expect, it } from 'vitest';
import * as torch from './index.js';

describe('creation and reading back', () => {
  it('takes nested arrays, typed arrays and numbers', () => {
    const matrix = torch.tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(matrix.shape).toEqual([2, 3]);
    expect(matrix.dtype).toBe('float32');
    expect(matrix.toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(torch.tensor(2.5).item()).toBe(2.5);
    expect(torch.tensor([true, false]).dtype).toBe('bool');
    expect(torch.tensor([[true], [false]]).toArray()).toEqual([[true], [false]]);
    expect(torch.tensor([]).shape).toEqual([0]);
  });

  it.each(['float64', 'int64', 'int32', 'int16', 'int8', 'uint8', 'float16', 'bfloat16'] as const)(
    'round-trips %s',
    (dtype) => {
      const x = torch.tensor([0, 1, 2, 100], { dtype });
      expect(x.dtype).toBe(dtype);
      expect(Array.from(x.data() as ArrayLike<number | bigint>, Number)).toEqual([0, 1, 2, 100]);
      const again = torch.fromBytes(x.bytes(), [4], { dtype });
      expect(torch.equal(x, again)).toBe(true);
      expect(torch.equal(x, torch.zeros([4], { dtype }).setBytes_(x.bytes()))).toBe(true);
    },
  );

  it('takes bytes in place, into a part of another tensor too, outside autograd and without a tensor more', () => {
    const x = torch.zeros([2, 3], { dtype: 'uint8' });
    const column = x.at('...', 1);
    const { count } = torch.liveTensors();
    expect(column.setBytes_(Uint8Array.of(7, 9))).toBe(column);
    expect(torch.liveTensors().count).toBe(count);
    expect(x.toArray()).toEqual([
      [0, 7, 0],
      [0, 9, 0],
    ]);
    const leaf = torch.tensor([0], { dtype: 'float32', requiresGrad: true });
    expect(leaf.setBytes_(new Uint8Array(Float32Array.of(2).buffer)).item()).toBe(2);
    expect(() => x.setBytes_(new Uint8Array(5))).toThrow(/another size than the tensor/);
    expect(torch.zeros([0]).setBytes_(new Uint8Array(0)).numel).toBe(0);
  });

  it('keeps int64 beyond 2^53 exact through BigInt64Array', () => {
    const big = 2n ** 60n + 1n;
    expect(torch.fromTypedArray(BigInt64Array.of(big), [1]).data()[0]).toBe(big);
  });

  it('refuses a ragged nesting, a wrong shape and JSON', () => {
    expect(() => torch.tensor([[1, 2], [3]])).toThrow(/ragged/);
    expect(() => torch.fromTypedArray(new Float32Array(3), [2, 2])).toThrow(/expected 4 elements.*got 3/);
    expect(() => JSON.stringify(torch.tensor([1]))).toThrow(/toArray\(\)/);
    expect(() => torch.tensor([1, 2]).item()).toThrow(/one element/);
  });

  it('prints as PyTorch does', () => {
    expect(String(torch.tensor([[1, 2.5]]))).toBe('tensor([[1.0000, 2.5000]])');
    expect(String(torch.tensor([1, 2], { dtype: 'float64' }))).toBe('tensor([1., 2.], dtype=float64)');
    expect(String(torch.arange(5000))).toContain('...');
    expect(String(torch.tensor(3, { dtype: 'int64' }))).toBe('tensor(3)');
  });
});

describe('indexing', () => {
  const x = torch.arange(24).view([2, 3, 4]);
  it.each<[string, torch.Index[], unknown]>([
    ['a position', [1, 2, 3], 23],
    ['a range', [0, torch.slice(1, 3), 0], [4, 8]],
    ['a step from the end', [0, 0, torch.slice(-3, null, 2)], [1, 3]],
    [
      'the rest',
      ['...', 1],
      [
        [1, 5, 9],
        [13, 17, 21],
      ],
    ],
    ['a new dimension', [0, 0, null, torch.slice(0, 2)], [[0, 1]]],
    [
      'integer positions',
      [1, torch.tensor([2, 0], { dtype: 'int64' })],
      [
        [20, 21, 22, 23],
        [12, 13, 14, 15],
      ],
    ],
  ])('takes %s', (_, places, expected) => {
    expect(x.at(...places).toArray()).toEqual(expected);
  });

  it('takes a mask over several dimensions', () => {
    expect(x.at(x.gt(21)).toArray()).toEqual([22, 23]);
  });

  it('refuses more places than dimensions', () => {
    expect(() => x.at(0, 0, 0, 0)).toThrow(torch.ShapeError);
  });
});
