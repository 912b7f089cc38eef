import { describe, expect } from 'vitest';
import * as torch from '../../../../tests/fixtures/sources-on-device.js';
import { itOnDevice as it } from '../../../../tests/fixtures/torch-devices.js';

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

  it('names what is unused, not differentiable or no scalar', () => {
    const [x, unused] = [torch.ones([3]), torch.ones([2, 2])];
    torch.setRequiresGrad([x, unused], true);
    const message = (body: () => unknown) => {
      try {
        body();
      } catch (error) {
        expect(error).toBeInstanceOf(torch.TorchError);
        return (error as Error).message;
      }
      return 'nothing was thrown';
    };
    expect(message(() => torch.grad(x.sum(), [x, unused]))).toMatch(
      /input 1 \(float32 \[2, 2\]\) was not used.*allowUnused: true/,
    );
    expect(torch.grad(x.sum(), [x, unused], { allowUnused: true })[1]).toBeNull();
    expect(message(() => torch.grad(x.sum(), [torch.ones([1])]))).toMatch(/grad: input 0 .* does not require grad/);
    expect(message(() => torch.grad([x.sum(), torch.ones([])], x))).toMatch(/grad: output 1 .* depends on no tensor/);
    expect(message(() => torch.ones([]).backward())).toMatch(
      /backward: output 0 .* depends on no tensor that requires grad/,
    );
    expect(message(() => x.mul(2).backward())).toMatch(/\[3\]\) is not a scalar.*sum\(\)/);
    expect(message(() => x.mul(2).backward(torch.ones([2])))).toMatch(
      /gradient of the shape of output 0 .*, got \[2\]/,
    );
    expect(message(() => torch.grad([x.sum(), x.sum()], x, { gradOutputs: [torch.ones([])] }))).toMatch(
      /one gradient for each of 2/,
    );
    const loss = x.exp().sum();
    loss.backward();
    expect(message(() => loss.backward())).toMatch(/second time.*retainGraph: true/s);
    expect(
      message(() =>
        torch
          .noGrad(() => x.mul(2))
          .sum()
          .backward(),
      ),
    ).toMatch(/outside noGrad/);
    const inside = x.mul(2);
    expect(message(() => torch.setRequiresGrad([inside], false))).toMatch(/leaves only.*detach/);
  });

  it('has second and third derivatives', () => {
    const x = torch.tensor([0.3, -1.2, 2], { dtype: 'float64', requiresGrad: true });
    const values = x.data() as Float64Array;
    const once = (y: torch.Tensor, options = { createGraph: true }) => torch.grad(y.sum(), x, options)[0]!;
    const first = once(x.sin().mul(x.pow(4)));
    const second = once(first);
    const third = once(second, { createGraph: false });
    // (x⁴ sin x)' and so on, by hand
    const expected = [
      (a: number) => 4 * a ** 3 * Math.sin(a) + a ** 4 * Math.cos(a),
      (a: number) => (12 * a ** 2 - a ** 4) * Math.sin(a) + 8 * a ** 3 * Math.cos(a),
      (a: number) => (24 * a - 12 * a ** 3) * Math.sin(a) + (36 * a ** 2 - a ** 4) * Math.cos(a),
    ];
    for (const [order, derivative] of [first, second, third].entries())
      for (const [i, value] of (derivative.data() as Float64Array).entries())
        expect(value).toBeCloseTo(expected[order]!(values[i]!), 10);
    expect([first.requiresGrad, third.requiresGrad]).toEqual([true, false]);
  });

  it('goes backward from several outputs at once, into chosen inputs', () => {
    const [x, w] = [torch.tensor([1, 2], { requiresGrad: true }), torch.tensor([3, 4], { requiresGrad: true })];
    const product = x.mul(w);
    torch.backward([product, x.sum()], { gradOutputs: [torch.tensor([1, 10]), null], inputs: x });
    expect(x.grad!.toArray()).toEqual([4, 41]);
    expect(w.grad).toBeNull();
    torch.backward(x.mul(w).sum());
    expect(w.grad!.toArray()).toEqual([1, 2]);
  });

  it('keeps the gradient of a tensor inside the graph when asked to, and cuts the graph by detach', () => {
    const x = torch.tensor([1, 2], { requiresGrad: true });
    const inside = x.mul(3).retainGrad();
    inside.pow(2).sum().backward();
    expect(inside.grad!.toArray()).toEqual([6, 12]);
    expect(x.grad!.toArray()).toEqual([18, 36]);
    expect(x.retainGrad()).toBe(x);
    expect(() => torch.ones([1]).retainGrad()).toThrow(/does not require grad/);
    const cut = x.mul(3).detach();
    expect([cut.requiresGrad, cut.isLeaf]).toEqual([false, true]);
    const [gradient] = torch.grad(x.mul(cut).sum(), x);
    expect(gradient!.toArray()).toEqual([3, 6]);
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

describe('what is no gradient', () => {
  it('is refused where one is set', () => {
    torch.scope(() => {
      const w = torch.tensor([[1, 2]], { requiresGrad: true });
      const set = (value: unknown) => () => {
        w.grad = value as torch.Tensor;
      };
      expect(set(torch.ones([2]))).toThrow(
        /^grad: expected a gradient of shape, dtype and device of parameter 0 .*got float32 \[2\] on cpu/,
      );
      expect(set(torch.ones([1, 2], { dtype: 'float64' }))).toThrow(/got float64 \[1, 2\]/);
      expect(set(w)).toThrow(/cannot be its own gradient/);
      expect(set(5)).toThrow(/gradients: expected a Tensor at 0/);
      expect(() => torch.setGradients([w, w], [torch.ones([1, 2]), torch.ones([3])])).toThrow(torch.ArgumentError);
      expect(w.grad).toBeNull(); // all are looked at before the first is set
    });
  });

  it('is refused by backward, options among it', () => {
    torch.scope(() => {
      const loss = torch.tensor([1, 2], { requiresGrad: true }).sum();
      const backward = loss.backward.bind(loss) as (value: unknown) => void;
      expect(() => backward({ retainGraph: true })).toThrow(/backward\(null, \{ retainGraph: true \}\)/);
    });
  });
});
