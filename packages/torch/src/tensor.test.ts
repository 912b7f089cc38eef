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

  it('refuses a wrong shape and JSON', () => {
    expect(() => torch.fromTypedArray(new Float32Array(3), [2, 2])).toThrow(/expected 4 elements.*got 3/);
    expect(() => JSON.stringify(torch.tensor([1]))).toThrow(/toArray\(\)/);
    expect(() => torch.tensor([1, 2]).item()).toThrow(/one element/);
  });

  it('reads integers exactly, or says that it cannot', () => {
    const x = torch.tensor([2n ** 53n, 2n ** 60n + 1n]);
    expect(x.at(0).item()).toBe(2 ** 53);
    expect(() => x.at(1).item()).toThrow(/1152921504606846977 is beyond 2\^53.*itemBigInt\(\)/);
    expect(x.at(1).itemBigInt()).toBe(2n ** 60n + 1n);
    expect(torch.tensor(true).itemBigInt()).toBe(1n);
    expect(() => torch.tensor(1.5).itemBigInt()).toThrow(/expected a tensor of integers, got float32/);
    expect(() => x.itemBigInt()).toThrow(/one element/);
    expect(() => x.toArray()).toThrow(/1152921504606846977 is beyond 2\^53.*data\(\)/);
    expect(torch.tensor([-(2n ** 53n), 5n]).toArray()).toEqual([-(2 ** 53), 5]);
  });
});

describe('what a tensor says about itself', () => {
  it('tells sizes, ranks, layout and the operation that made it', () => {
    const x = torch.zeros([2, 3, 4, 5]);
    expect([x.size(), x.size(1), x.size(-1), x.ndim]).toEqual([[2, 3, 4, 5], 3, 5, 4]);
    expect(() => x.size(4)).toThrow(/size: expected a dimension from -4 to 3, got 4/);
    expect(() => x.size(-5)).toThrow(torch.ShapeError);
    expect(x.isContiguous()).toBe(true);
    expect(x.isContiguous('channelsLast')).toBe(false);
    expect(x.transpose(0, 1).isContiguous()).toBe(false);
    expect(x.contiguous({ memoryFormat: 'channelsLast' }).isContiguous('channelsLast')).toBe(true);
    expect(x.isCuda).toBe(false);
    expect(x.gradFn).toBe(null);
    const leaf = torch.tensor([1, 2], { requiresGrad: true });
    expect([leaf.gradFn, leaf.mul(leaf).gradFn, leaf.mul(2).sum().gradFn]).toEqual([
      null,
      'MulBackward0',
      'SumBackward0',
    ]);
  });

  it('is equal to itself and to no other for test frameworks, which walk along what is iterable', () => {
    const [x, y] = [torch.tensor([1, 2]), torch.tensor([1, 2])];
    const before = torch.liveTensors().count;
    expect({ x, list: [x] }).toEqual({ x, list: [x] });
    expect(x).not.toEqual(y);
    expect(torch.liveTensors().count).toBe(before);
  });

  it('converts by short names', () => {
    const x = torch.tensor([0, 1.5, 2]);
    const all = [x.float(), x.double(), x.half(), x.bfloat16(), x.long(), x.int(), x.short(), x.byte(), x.bool()];
    expect(all.map(({ dtype }) => dtype)).toEqual(
      'float32 float64 float16 bfloat16 int64 int32 int16 uint8 bool'.split(' '),
    );
    expect([x.cfloat().dtype, x.cdouble().dtype]).toEqual(['complex64', 'complex128']);
    expect(x.bool().toArray()).toEqual([false, true, true]);
    expect(x.cpu().toArray()).toEqual([0, 1.5, 2]);
    if (!torch.cuda.isAvailable()) {
      console.info('x.cuda() skipped: no NVIDIA device');
      expect(() => x.cuda()).toThrow(torch.TorchError);
    } else expect(x.cuda().isCuda).toBe(true);
  });

  it('names dtypes that only newer libtorch has', () => {
    const name = 'float8_e4m3fn' as torch.DType;
    let made: torch.Tensor;
    try {
      made = torch.tensor([1, 2]).to(name);
    } catch (error) {
      console.info(`skipped: libtorch ${torch.libtorchVersion()} has no float8`);
      expect(String(error)).toMatch(/dtype: expected one of float32/);
      return;
    }
    expect(made.dtype).toBe('float8_e4m3fn');
    expect(String(made)).toBe('tensor([1., 2.], dtype=float8_e4m3fn)');
    expect(() => made.data()).toThrow(/no typed array for float8_e4m3fn.*to\('float32'\)/);
    expect(String(torch.tensor([1, 2]).to('uint16' as torch.DType))).toBe('tensor([1, 2], dtype=uint16)');
  });
});
