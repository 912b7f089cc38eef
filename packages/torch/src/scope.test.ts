import { describe, expect, it } from 'vitest';
import * as torch from './index.js';

describe('ownership', () => {
  it('frees what a scope made, and hands over what it returns', () => {
    const before = torch.liveTensors().count;
    const kept = torch.scope(() => {
      const a = torch.ones([100]);
      const b = a.mul(2);
      return { b, nested: [a.add(b)] };
    });
    expect(torch.liveTensors().count).toBe(before + 2);
    expect(kept.nested[0]!.sum().item()).toBe(300);
    kept.b.dispose();
    kept.nested[0]!.dispose();
  });

  it('gives the results of an inner scope to the outer one', () => {
    const before = torch.liveTensors().count;
    torch.scope(() => {
      const inner = torch.scope(() => torch.ones([2]).add(1));
      expect(inner.toArray()).toEqual([2, 2]);
    });
    expect(torch.liveTensors().count).toBe(before);
  });

  it('frees everything when the body throws', () => {
    const before = torch.liveTensors().count;
    expect(() =>
      torch.scope(() => {
        torch.ones([3]);
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(torch.liveTensors().count).toBe(before);
  });

  it('keeps what `keep` takes out of every scope', () => {
    const kept = torch.scope(() => torch.scope(() => void 0) ?? torch.keep(torch.ones([2])));
    torch.scope(() => undefined);
    expect(kept.sum().item()).toBe(2);
    kept.dispose();
  });

  it('makes use after free a typed error, also when the slot is taken again', () => {
    const gone = torch.ones([2]);
    gone.dispose();
    gone.dispose();
    const next = torch.zeros([5]);
    expect(gone.isDisposed).toBe(true);
    expect(() => gone.add(1)).toThrow(torch.DisposedTensorError);
    expect(() => gone.shape).toThrow(torch.DisposedTensorError);
    expect(() => torch.cat([next, gone])).toThrow(torch.DisposedTensorError);
    expect(next.shape).toEqual([5]);
  });

  it('works with `using`', () => {
    let seen: torch.Tensor;
    {
      using x = torch.ones([1]);
      seen = x;
    }
    expect(seen.isDisposed).toBe(true);
  });

  it('stays flat over thousands of training-like steps', () => {
    const w = torch.keep(torch.ones([32, 32], { dtype: 'float32' }));
    w.requiresGrad = true;
    const step = () =>
      torch.scope(() => {
        const x = torch.randn([16, 32]);
        x.matmul(w).relu().sum().backward();
        torch.noGrad(() => w.sub_(w.grad!.mul(1e-6)));
        w.grad = null;
      });
    step();
    const before = torch.liveTensors();
    for (let i = 0; i < 2000; i++) step();
    expect(torch.liveTensors()).toEqual(before);
    w.dispose();
  });
});
