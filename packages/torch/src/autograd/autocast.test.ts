/** @file Automatic casting: regions, what ends with them, and a training step against PyTorch's. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';

type Tensor = torch.Tensor;
const dtype = () => torch.scope(() => torch.ones([4, 4]).matmul(torch.ones([4, 4])).dtype);
const [major = 0, minor = 0] = torch.libtorchVersion().split('.').map(Number);
const halfOnCpu = major > 2 || (major === 2 && minor >= 4);

describe('autocast', () => {
  it('casts inside, and nothing outside', () => {
    expect(torch.autocastDtype('cpu')).toBeNull();
    expect(torch.autocast('cpu', 'bfloat16', () => [dtype(), torch.autocastDtype('cpu')])).toEqual([
      'bfloat16',
      'bfloat16',
    ]);
    expect(torch.autocast('cuda', 'float16', () => [dtype(), torch.autocastDtype('cuda')])).toEqual([
      'float32',
      'float16',
    ]);
    expect([dtype(), torch.autocastDtype('cpu'), torch.autocastDtype('cuda')]).toEqual(['float32', null, null]);
  });

  it('keeps what needs precision in float32', () => {
    const x = torch.ones([4, 4]);
    torch.autocast('cpu', 'bfloat16', () => {
      const product = x.matmul(x);
      expect(product.mseLoss(x).dtype).toBe('float32');
    });
  });

  it("restores the dtype when an inner region ends, so that it does not leak into the outer one's", () => {
    torch.autocast('cuda', 'bfloat16', () => {
      torch.autocast('cuda', 'float16', () => expect(torch.autocastDtype('cuda')).toBe('float16'));
      expect(torch.autocastDtype('cuda')).toBe('bfloat16');
      expect(() =>
        torch.autocast('cuda', 'float16', () => {
          throw new Error('stop');
        }),
      ).toThrow('stop');
      expect(torch.autocastDtype('cuda')).toBe('bfloat16');
      torch.autocast('cpu', 'bfloat16', () => expect(torch.autocastDtype('cuda')).toBe('bfloat16'));
      expect(torch.autocastDtype('cpu')).toBeNull();
    });
  });

  it('casts to float16 on the cpu where libtorch does it', () => {
    if (halfOnCpu) {
      torch.autocast('cpu', 'bfloat16', () => {
        expect(torch.autocast('cpu', 'float16', dtype)).toBe('float16');
        expect(dtype()).toBe('bfloat16');
      });
    } else {
      expect(() => torch.autocast('cpu', 'float16', dtype)).toThrow(/bfloat16 only on the cpu/);
    }
  });

  it('is suspended by withoutAutocast, also after exceptions', () => {
    torch.autocast('cpu', 'bfloat16', () => {
      expect([dtype(), torch.withoutAutocast(dtype), dtype()]).toEqual(['bfloat16', 'float32', 'bfloat16']);
      expect(() => torch.withoutAutocast(() => torch.ones([2]).view([7]))).toThrow(torch.TorchError);
      expect(torch.withoutAutocast(() => torch.autocast('cpu', 'bfloat16', dtype))).toBe('bfloat16');
      expect(torch.withoutAutocast(() => torch.autocast('cuda', 'float16', dtype))).toBe('float32');
      expect(dtype()).toBe('bfloat16');
    });
    expect([dtype(), torch.withoutAutocast(dtype)]).toEqual(['float32', 'float32']);
  });

  it('remembers the cast of a weight until the outermost region ends, unless told otherwise', () => {
    const [x, w] = [torch.ones([2, 2]), torch.ones([2, 2], {})];
    w.requiresGrad = true;
    // A remembered cast does not see the weight change.
    const product = () => {
      const first = x.matmul(w).sum().item();
      torch.noGrad(() => w.fill_(3));
      const second = torch.autocast('cpu', 'bfloat16', () => x.matmul(w).sum().item(), options);
      torch.noGrad(() => w.fill_(1));
      return [first, second];
    };
    let options: torch.AutocastOptions = {};
    expect(torch.autocast('cpu', 'bfloat16', product)).toEqual([8, 8]);
    options = { cacheEnabled: false };
    expect(torch.autocast('cpu', 'bfloat16', product, options)).toEqual([8, 24]);
    options = {};
    expect(torch.autocast('cpu', 'bfloat16', () => x.matmul(w).sum().item())).toBe(8);
  });

  it('refuses async bodies and unknown words', () => {
    expect(() => torch.autocast('cpu', 'bfloat16', async () => 1)).toThrow(/promise/);
    expect(() => torch.withoutAutocast(async () => 1)).toThrow(/promise/);
    expect(dtype()).toBe('float32');
    expect(() => torch.autocast('mps' as 'cpu', 'bfloat16', dtype)).toThrow(/'cpu' or 'cuda', got 'mps'/);
    expect(() => torch.autocast('cpu', 'float32' as 'bfloat16', dtype)).toThrow(/'float16', got 'float32'/);
  });

  it('trains as PyTorch does', () => {
    interface Step {
      dtypes: Record<string, string>;
      losses: number[];
      gradients: Record<string, number[]>;
    }
    const fixture = JSON.parse(readFileSync(new URL('./fixtures/autocast.json', import.meta.url), 'utf8')) as Record<
      string,
      Step
    >;
    const same = fixture[`${major}.${minor}`];
    const expected = same ?? fixture['2.13']!;
    // The same version gives the same roundings to bfloat16; another may round a few elements otherwise.
    const tolerance = same === undefined ? 0.03 : 1e-5;
    if (same === undefined)
      console.info(`autocast: no values of libtorch ${major}.${minor}, compared to 2.13 within ${tolerance}`);

    const ramp = (...shape: number[]) => {
      const count = shape.reduce((a, b) => a * b, 1);
      const values = Float64Array.from({ length: count }, (_, i) => Math.sin(i * 0.7) * 0.5);
      return torch.fromTypedArray(values, shape, { dtype: 'float32' });
    };
    const [x, target] = [ramp(6, 8), torch.tensor([0, 2, 1, 1, 0, 2], { dtype: 'int64' })];
    const parameters: Record<string, Tensor> = { w1: ramp(16, 8), b1: ramp(16), w2: ramp(3, 16) };
    const { w1, b1, w2 } = parameters as Record<'w1' | 'b1' | 'w2', Tensor>;
    const leaves = Object.values(parameters);
    torch.setRequiresGrad(leaves, true);
    const losses: number[] = [];
    let gradients: (Tensor | null)[] = [];
    for (let step = 0; step < 3; step++) {
      const loss = torch.autocast('cpu', 'bfloat16', () => {
        const hidden = torch.linear(x, w1, { bias: b1 });
        const active = hidden.tanh();
        const logits = torch.linear(active, w2);
        const result = logits.crossEntropyLoss(target).add(torch.linear(active, w2).pow(2).mean());
        const dtypes = { hidden: hidden.dtype, active: active.dtype, logits: logits.dtype, loss: result.dtype };
        expect(dtypes).toEqual(expected.dtypes);
        return result;
      });
      gradients = torch.grad(loss, leaves);
      losses.push(loss.item());
      torch.noGrad(() => {
        for (const [i, leaf] of leaves.entries()) leaf.sub_(gradients[i]!, { alpha: 0.1 });
      });
    }
    const worst = (ours: ArrayLike<number>, theirs: readonly number[]) =>
      Math.max(...theirs.map((value, i) => Math.abs(ours[i]! - value) / (Math.abs(value) + 0.1)));
    expect(worst(losses, expected.losses)).toBeLessThan(tolerance);
    for (const [i, name] of Object.keys(parameters).entries())
      expect(worst(gradients[i]!.data() as Float32Array, expected.gradients[name]!)).toBeLessThan(tolerance);
  });
});
