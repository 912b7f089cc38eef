/** @file Right gradients pass, wrong ones are named: which input, which element, both values. */
import { describe, expect } from 'vitest';
import * as torch from '../../../../tests/fixtures/sources-on-device.js';
import { itOnDevice as it } from '../../../../tests/fixtures/torch-devices.js';

const double = (shape: number[], options: { requiresGrad?: boolean } = {}) => {
  const x = torch.randn(shape, { dtype: 'float64' });
  x.requiresGrad = options.requiresGrad ?? true;
  return x;
};

describe('gradCheck', () => {
  it('accepts right gradients of one and of many inputs and outputs', () => {
    torch.manualSeed(1);
    const [x, w] = [double([3, 4]), double([4, 2])];
    expect(torch.gradCheck((a) => a.tanh(), x)).toBe(true);
    expect(torch.gradCheck((a, b) => [a.matmul(b).sin(), b.exp()], [x, w])).toBe(true);
    expect(torch.gradCheck((a) => a.split(2), x)).toBe(true);
    expect(x.grad).toBeNull();
  });

  it('moves captured parameters that are among the inputs, and puts them back', () => {
    torch.manualSeed(2);
    const weight = double([2, 3]);
    const before = weight.toArray();
    const x = double([5, 3], { requiresGrad: false });
    expect(torch.gradCheck((input) => input.matmul(weight.t()), [x, weight])).toBe(true);
    expect(weight.toArray()).toEqual(before);
  });

  it('goes through views and non-contiguous leaves', () => {
    torch.manualSeed(3);
    const x = torch.noGrad(() => torch.randn([3, 4], { dtype: 'float64' }).t());
    x.requiresGrad = true;
    expect(x.strides).toEqual([1, 4]);
    expect(torch.gradCheck((a) => a.cumsum(0), x)).toBe(true);
  });

  it('names the input, the element and both values of a wrong gradient', () => {
    const x = torch.tensor([1, 2], { dtype: 'float64', requiresGrad: true });
    const y = torch.tensor([[3, 4]], { dtype: 'float64', requiresGrad: true });
    // The second factor's gradient is cut off: d(x y)/dy is 0 by backward, x in truth.
    const wrong = (a: torch.Tensor, b: torch.Tensor) => a.mul(b.detach());
    let message = '';
    try {
      torch.gradCheck(wrong, [x, y]);
    } catch (error) {
      expect(error).toBeInstanceOf(torch.GradCheckError);
      message = (error as Error).message;
    }
    expect(message).toMatch(/^gradCheck: 2 of 8 derivatives differ/);
    expect(message).toMatch(
      /input 1, element \[0, 1\], by output 0, element \[0, 1\]: numerical (2|1\.9999\d+|2\.0000\d+), analytical 0/,
    );
    expect(torch.gradCheck(wrong, [x, y], { raiseException: false })).toBe(false);
    expect(y.toArray()).toEqual([[3, 4]]);
  });

  it('expects derivatives of zero where an output is cut off from the graph', () => {
    const x = torch.tensor([0.3, 2.6], { dtype: 'float64', requiresGrad: true });
    expect(torch.gradCheck((a) => a.detach().floor(), x)).toBe(true);
    expect(() => torch.gradCheck((a) => a.detach().sin(), x)).toThrow(/2 of 4 derivatives differ/);
  });

  it('refuses what it cannot check', () => {
    const single = torch.tensor([1], { requiresGrad: true });
    expect(() => torch.gradCheck((a) => a.sin(), single)).toThrow(/expected float64 for input 0, got float32/);
    expect(() => torch.gradCheck((a) => a.sin(), torch.tensor([1], { dtype: 'float64' }))).toThrow(
      /requires grad, got none/,
    );
    const x = torch.tensor([1], { dtype: 'float64', requiresGrad: true });
    expect(() => torch.gradCheck((a) => a.to('float32'), x)).toThrow(/output 0, got float32/);
    expect(() => torch.gradCheck((a) => a.argmax(), x)).toThrow(/output of floating point/);
    expect(() => torch.gradCheck((a) => a.sin(), x, { eps: 0 })).toThrow(/eps > 0/);
  });

  it('leaves no tensor behind', () => {
    const x = double([3]);
    const before = torch.liveTensors().count;
    torch.gradCheck((a) => a.sigmoid(), x);
    torch.gradCheck((a) => a.detach().sin(), x, { raiseException: false });
    torch.gradGradCheck((a) => a.sigmoid(), x);
    expect(torch.liveTensors().count).toBe(before);
  });
});

describe('gradGradCheck', () => {
  it('accepts right second derivatives', () => {
    torch.manualSeed(4);
    expect(torch.gradGradCheck((a, b) => a.matmul(b).tanh(), [double([2, 3]), double([3, 2])])).toBe(true);
    expect(torch.gradGradCheck((a) => [a.pow(3), a.exp()], double([4]))).toBe(true);
  });

  it('finds a second derivative that is cut off', () => {
    const x = torch.tensor([0.5, -1], { dtype: 'float64', requiresGrad: true });
    // x · (x² held fixed): the first derivative by backward is x², whose own derivative is lost.
    const cut = (a: torch.Tensor) => a.mul(a.detach().pow(2));
    expect(() => torch.gradGradCheck(cut, x)).toThrow(/gradGradCheck: 2 of \d+ derivatives differ/);
  });
});
