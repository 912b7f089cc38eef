import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';

describe('autograd', () => {
  it('accumulates gradients into leaves', () => {
    const x = torch.tensor([1, 2, 3], { requiresGrad: true });
    x.mul(x).sum().backward();
    x.sum().backward();
    expect(x.grad!.toArray()).toEqual([3, 5, 7]);
    x.grad = null;
    expect(x.grad).toBeNull();
  });

  it('computes gradients without accumulating, and higher derivatives', () => {
    const x = torch.tensor([2], { requiresGrad: true });
    const [first] = torch.grad(x.pow(3).sum(), x, { createGraph: true });
    const [second] = torch.grad(first!.sum(), x);
    expect([first!.item(), second!.item()]).toEqual([12, 12]);
    expect(x.grad).toBeNull();
    const unused = torch.tensor([1], { requiresGrad: true });
    expect(torch.grad(x.sum(), [unused], { allowUnused: true })).toEqual([null]);
    expect(() => torch.grad(x.sum(), [unused])).toThrow(torch.TorchError);
  });

  it('records nothing inside noGrad, also after an exception', () => {
    const x = torch.tensor([2], { requiresGrad: true });
    expect(torch.noGrad(() => x.mul(2).requiresGrad)).toBe(false);
    expect(() => torch.noGrad(() => x.view([7]))).toThrow();
    expect(torch.isGradEnabled()).toBe(true);
    expect(torch.noGrad(() => torch.enableGrad(() => x.mul(2).requiresGrad))).toBe(true);
  });

  it('casts matrix products inside autocast', () => {
    const a = torch.ones([4, 4]);
    expect(torch.autocast('cpu', 'bfloat16', () => a.matmul(a).dtype)).toBe('bfloat16');
    expect(a.matmul(a).dtype).toBe('float32');
    expect(() => torch.autocast('cpu', 'float16', () => 1)).toThrow(/bfloat16/);
  });

  it('suspends autocast, and goes on with it afterwards', () => {
    const a = torch.ones([4, 4]);
    const dtype = () => a.matmul(a).dtype;
    torch.autocast('cpu', 'bfloat16', () => {
      expect([dtype(), torch.withoutAutocast(dtype), dtype()]).toEqual(['bfloat16', 'float32', 'bfloat16']);
      expect(() => torch.withoutAutocast(() => a.view([7]))).toThrow();
      expect(dtype()).toBe('bfloat16');
      expect(torch.withoutAutocast(() => torch.autocast('cpu', 'bfloat16', dtype))).toBe('bfloat16');
    });
    expect([dtype(), torch.withoutAutocast(dtype)]).toEqual(['float32', 'float32']);
  });

  it('reads and sets the gradients of a list in one call', () => {
    const parameters = [1, 2].map((value) => torch.tensor([value], { requiresGrad: true }));
    parameters[0]!.mul(5).sum().backward();
    expect(torch.gradientsOf(parameters).map((gradient) => gradient?.item() ?? null)).toEqual([5, null]);
    torch.setGradients(parameters, null);
    expect(torch.gradientsOf(parameters)).toEqual([null, null]);
  });

  it('trains a linear model', () => {
    torch.manualSeed(0);
    const w = torch.keep(torch.zeros([3, 1]));
    w.requiresGrad = true;
    const target = torch.tensor([[1], [-2], [0.5]]);
    const x = torch.randn([64, 3]);
    const y = x.matmul(target);
    for (let i = 0; i < 200; i++)
      torch.scope(() => {
        x.matmul(w).sub(y).pow(2).mean().backward();
        torch.noGrad(() => w.sub_(w.grad!, { alpha: 0.1 }));
        w.grad = null;
      });
    expect(w.sub(target).abs().max().item()).toBeLessThan(1e-4);
  });
});
