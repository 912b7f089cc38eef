/** @file Checkpoints give the gradients of the plain form, bit for bit, and leave nothing behind. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it as itOnHost } from 'vitest';
import * as torch from '../../../../tests/fixtures/sources-on-device.js';
import { deviceType, itOnDevice as it } from '../../../../tests/fixtures/torch-devices.js';
import { native } from '../native.js';

type Tensor = torch.Tensor;

/** A checkpoint that does nothing: the plain form. */
const plain = ((body: (...inputs: unknown[]) => torch.CheckpointResult, ...inputs: unknown[]) =>
  body(...inputs)) as typeof torch.checkpoint;

const parameter = (...shape: number[]) => {
  const tensor = torch.keep(torch.scope(() => torch.randn(shape, { dtype: 'float64' }).mul(0.3)));
  tensor.requiresGrad = true;
  return tensor;
};

/** Gradients of a loss by both forms, as arrays. */
function bothWays(leaves: readonly Tensor[], loss: (wrap: typeof torch.checkpoint) => Tensor): unknown[][] {
  return [torch.checkpoint, plain].map((form) =>
    torch.scope(() => {
      torch.manualSeed(7);
      loss(form).backward();
      const gradients = torch.gradientsOf(leaves).map((gradient) => gradient?.toArray() ?? null);
      torch.setGradients(leaves, null);
      return gradients;
    }),
  );
}

function expectSameBits(leaves: readonly Tensor[], loss: (wrap: typeof torch.checkpoint) => Tensor): void {
  const [checked, unchecked] = bothWays(leaves, loss);
  expect(unchecked!.some((gradient) => gradient !== null)).toBe(true);
  expect(checked).toEqual(unchecked);
}

// By default the engine calls the body on its own thread; with a device it asks the thread of JavaScript from another.
describe.each([
  ['on the calling thread', false],
  ['served to a thread of the engine', true],
])('checkpoint, %s', (_, served) => {
  let before: number;
  let owned: Tensor[];
  const own = (tensor: Tensor) => {
    owned.push(tensor);
    return tensor;
  };
  beforeEach(() => {
    native.checkpointAlwaysServe(served);
    torch.manualSeed(3);
    before = torch.liveTensors().count;
    owned = [];
  });
  afterEach(() => {
    for (const tensor of owned) tensor.dispose();
    expect(torch.liveTensors().count).toBe(before);
    expect(torch.isGradEnabled()).toBe(true);
    expect(torch.autocastDtype('cpu')).toBeNull();
    native.checkpointAlwaysServe(false);
  });

  it('gives the same bits for inputs and captured parameters', () => {
    const [x, w] = [own(parameter(4, 5)), own(parameter(5, 5))];
    expectSameBits([x, w], (wrap) =>
      wrap((a: Tensor) => a.matmul(w).tanh().mul(a), x.mul(2))
        .pow(2)
        .sum(),
    );
  });

  it('reaches parameters when no input needs a gradient', () => {
    const [x, w] = [own(torch.keep(torch.randn([4, 5], { dtype: 'float64' }))), own(parameter(5, 5))];
    expectSameBits([w], (wrap) =>
      wrap((a: Tensor) => a.matmul(w).tanh(), x)
        .pow(2)
        .sum(),
    );
  });

  it('works in residual form, one inside the other', () => {
    const x = own(parameter(3, 4));
    const weights = [1, 2, 3].map(() => own(parameter(4, 4)));
    expectSameBits([x, ...weights], (wrap) => {
      let value = x.mul(1);
      for (const w of weights) {
        const inner = (a: Tensor) => a.matmul(w).sigmoid();
        value = value.add(wrap((a: Tensor) => wrap(inner, a.mul(0.5)).mul(2), value));
      }
      return value.pow(2).mean();
    });
  });

  it('sums gradients of one weight in many places, and of an input used twice', () => {
    const [x, w] = [own(parameter(3, 4)), own(parameter(4, 4))];
    const ways = bothWays([x, w], (wrap) => {
      const inner = (a: Tensor) => a.matmul(w).sigmoid();
      let value = x.mul(1);
      for (let i = 0; i < 4; i++) value = value.add(wrap((a: Tensor) => a.add(wrap(inner, a.mul(0.5))), value));
      return value.pow(2).mean();
    });
    // The sums are made in another order: within a body first.
    const [checked, unchecked] = ways.map((gradients) => gradients.flat(3) as number[]);
    for (const [i, value] of checked!.entries()) expect(Math.abs(value / unchecked![i]! - 1)).toBeLessThan(1e-13);
  });

  it('goes through captured tensors inside the graph, and identities', () => {
    const [x, w] = [own(parameter(3, 4)), own(parameter(4))];
    expectSameBits([x, w], (wrap) => {
      const inside = w.exp();
      const [a, b] = wrap((value: Tensor) => [value, value.mul(inside).add(w)], x.sin());
      return a!.mul(b!).sum();
    });
  });

  it('takes and gives several tensors, some without gradients', () => {
    const [x, y] = [own(parameter(3)), own(parameter(3))];
    expectSameBits([x, y], (wrap) => {
      const body = (scale: number, a: Tensor, b: Tensor | null, c: Tensor) =>
        [a.mul(c).mul(scale), c.exp(), a.detach().gt(0), b ?? a] as const;
      const [product, exponential, mask, first] = wrap(body, 3, x, null, y);
      expect([product!.requiresGrad, exponential!.requiresGrad, mask!.requiresGrad]).toEqual([true, true, false]);
      expect(mask!.dtype).toBe('bool');
      return torch.where(mask!, product!, first!).sum().add(exponential!.mul(2).sum());
    });
    // An output without any gradient coming in.
    expectSameBits([x, y], (wrap) => wrap((a: Tensor, b: Tensor) => [a.sin(), b.cos()], x, y)[0]!.sum());
  });

  it('draws the same random numbers again, and leaves the generator where it was', () => {
    const x = own(parameter(50));
    const run = (form: typeof torch.checkpoint) =>
      torch.scope(() => {
        torch.manualSeed(11);
        const y = form((a: Tensor) => torch.dropout(a.mul(2), 0.5, true), x);
        torch.rand([3]);
        const [gradient] = torch.grad(y.sum(), x);
        return [y.toArray(), gradient!.toArray(), torch.rand([3]).toArray()];
      });
    expect(run(torch.checkpoint)).toEqual(run(plain));
    const careless = ((body: (a: Tensor) => Tensor, a: Tensor) =>
      torch.checkpointWith({ preserveRngState: false }, body, a)) as unknown as typeof torch.checkpoint;
    expect(run(careless)[1]).not.toEqual(run(plain)[1]);
  });

  it('casts again as at first', () => {
    const [x, w, v] = [
      [4, 8],
      [8, 8],
      [8, 8],
    ].map((shape) => own(torch.keep(torch.randn(shape))));
    torch.setRequiresGrad([w!, v!], true);
    expectSameBits([w!, v!], (wrap) => {
      const seen: string[] = [];
      const loss = torch.autocast(deviceType(), 'bfloat16', () => {
        const first = x!.matmul(w!);
        const body = (a: Tensor) => {
          const y = a.matmul(v!);
          seen.push(y.dtype);
          return y;
        };
        return wrap(body, first).to('float32').pow(2).sum();
      });
      const [gradient] = torch.grad(loss, v!, { retainGraph: true });
      expect(gradient!.dtype).toBe('float32');
      expect(new Set(seen)).toEqual(new Set(['bfloat16']));
      return loss;
    });
  });

  it('gives gradients to grad, of higher order too', () => {
    const [x, w] = [own(parameter(2, 3)), own(parameter(3, 2))];
    const body = (a: Tensor, b: Tensor) => torch.checkpoint((c: Tensor) => c.matmul(b).tanh().pow(2), a.sin());
    torch.scope(() => {
      const [gx, gw] = torch.grad(body(x, w).sum(), [x, w]);
      const [px, pw] = torch.grad(x.sin().matmul(w).tanh().pow(2).sum(), [x, w]);
      expect([gx!.toArray(), gw!.toArray()]).toEqual([px!.toArray(), pw!.toArray()]);
    });
    expect([x.grad, w.grad]).toEqual([null, null]);
    expect(torch.gradCheck(body, [x, w])).toBe(true);
    expect(torch.gradGradCheck(body, [x, w])).toBe(true);
  });

  it('runs backward again over a kept graph, and refuses a freed one', () => {
    const x = own(parameter(3));
    torch.scope(() => {
      const y = torch.checkpoint((a: Tensor) => a.exp(), x).sum();
      const [first] = torch.grad(y, x, { retainGraph: true });
      const [second] = torch.grad(y, x);
      expect(second!.toArray()).toEqual(first!.toArray());
      expect(() => torch.grad(y, x)).toThrow(/second time.*retainGraph: true/s);
    });
  });

  it('passes on what the body throws in the backward pass, and is clean afterwards', () => {
    const x = own(parameter(3));
    const failure = new RangeError('no memory for you');
    let calls = 0;
    const body = (a: Tensor) => {
      if (++calls > 1) throw failure;
      return a.exp();
    };
    torch.scope(() => {
      const loss = torch.autocast(deviceType(), 'bfloat16', () => torch.checkpoint(body, x.mul(1)).sum());
      let caught: unknown;
      try {
        loss.backward();
      } catch (error) {
        caught = error;
      }
      expect(caught).toBe(failure);
      expect(() => loss.backward()).toThrow(failure);
      // Through two checkpoints: the inner body runs for the third time when the engine comes to it. Anything can be thrown.
      let runs = 0;
      const inner = (a: Tensor) => {
        if (++runs === 3) throw 'a word';
        return a.sin();
      };
      const nested = torch.checkpoint((a: Tensor) => torch.checkpoint(inner, a), x.mul(1)).sum();
      try {
        nested.backward();
      } catch (error) {
        caught = error;
      }
      expect(caught).toBe('a word');
    });
    expect(x.grad).toBeNull();
    torch.scope(() => {
      const y = torch.checkpoint((a: Tensor) => a.exp(), x);
      y.sum().backward();
      expect(x.grad).not.toBeNull();
      x.grad = null;
    });
  });

  it('passes on errors of the forward pass', () => {
    const x = own(parameter(3));
    expect(() => torch.checkpoint((a: Tensor) => a.view([7]), x)).toThrow(torch.TorchError);
    expect(() => torch.checkpoint((_: Tensor) => 3 as unknown as Tensor, x)).toThrow(/returns a Tensor or a list/);
    expect(() => torch.checkpoint((async (a: Tensor) => a) as unknown as (a: Tensor) => Tensor, x)).toThrow(/promise/);
  });

  it('says when the body does otherwise at its recomputation', () => {
    const [x, w] = [own(parameter(4)), own(parameter(4))];
    const twice = (first: (a: Tensor) => torch.CheckpointResult, then: (a: Tensor) => torch.CheckpointResult) => {
      let calls = 0;
      const result = torch.checkpoint((a: Tensor) => (++calls > 1 ? then(a) : first(a)), x);
      return (result as readonly Tensor[])[0] ?? (result as Tensor);
    };
    const sum = (value: Tensor) => value.sum().backward();
    torch.scope(() => {
      expect(() =>
        sum(
          twice(
            (a) => a.exp(),
            (a) => a.exp().view([2, 2]),
          ),
        ),
      ).toThrow(/same each time/);
      expect(() =>
        sum(
          twice(
            (a) => [a.exp()],
            (a) => [a.exp(), a],
          ),
        ),
      ).toThrow(/1 tensors at first and 2/);
      expect(() =>
        sum(
          twice(
            (a) => a.exp(),
            (a) => a.mul(w),
          ),
        ),
      ).toThrow(/did not use at first/);
      const passing = torch.scope(() => x.mul(2));
      const held = torch.checkpoint((a: Tensor) => a.mul(passing), x);
      passing.dispose();
      expect(() => sum(held)).toThrow(torch.DisposedTensorError);
      const input = x.mul(2);
      const output = torch.checkpoint((a: Tensor) => a.mul(w), input);
      input.add_(1);
      expect(() => sum(output)).toThrow(/modified by an inplace operation/);
    });
  });

  it('is a plain call without recording', () => {
    const x = own(parameter(3));
    torch.scope(() => {
      let calls = 0;
      const body = (a: Tensor) => {
        calls++;
        return a.exp();
      };
      expect(torch.noGrad(() => torch.checkpoint(body, x)).requiresGrad).toBe(false);
      expect(torch.checkpoint(body, x.detach()).requiresGrad).toBe(false);
      expect(calls).toBe(2);
    });
  });

  it('runs a chain of layers in segments', () => {
    const x = own(parameter(3, 4));
    const weights = Array.from({ length: 7 }, () => own(parameter(4, 4)));
    const layers = weights.map((w, i) =>
      i % 2 === 0 ? (a: Tensor) => a.matmul(w).tanh() : { forward: (a: Tensor) => a.matmul(w).sin() },
    );
    for (const segments of [1, 3, 7])
      expectSameBits([x, ...weights], (wrap) =>
        torch
          .checkpointSequential(layers, wrap === plain ? 1 : segments, x)
          .pow(2)
          .sum(),
      );
    expect(() => torch.checkpointSequential(layers, 8, x)).toThrow(/expected 1 to 7 segments/);
  });

  // On an accelerator the engine always has threads of its own.
  itOnHost('lets a body differentiate inside', (context) => {
    if (served)
      context.skip('nodes that a thread of the engine makes are not known to be of the body: refused, see below');
    const x = own(parameter(3));
    expectSameBits([x], (wrap) =>
      wrap((a: Tensor) => {
        const [slope] = torch.grad(a.pow(3).sum(), a, { createGraph: true });
        return slope!.mul(a);
      }, x.mul(2)).sum(),
    );
  });
});

itOnHost('refuses a body that differentiates inside by another thread', () => {
  native.checkpointAlwaysServe(true);
  try {
    torch.scope(() => {
      const x = torch.ones([3], { dtype: 'float64' });
      x.requiresGrad = true;
      const y = torch.checkpoint((a: Tensor) => torch.grad(a.pow(3).sum(), a, { createGraph: true })[0]!.mul(a), x);
      expect(() => y.sum().backward()).toThrow(/by createGraph on another device/);
    });
  } finally {
    native.checkpointAlwaysServe(false);
  }
});

/** Runs a program on the compiled package in a process of its own. */
function program(body: string, flags: readonly string[] = [], env: NodeJS.ProcessEnv = {}): string {
  const door = new URL('../../dist/index.js', import.meta.url).href;
  const code = `import * as torch from ${JSON.stringify(door)}; ${body}`;
  return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  }).trim();
}

describe('memory of checkpoints', () => {
  itOnHost('lowers the peak of a deep chain', (context) => {
    if (process.platform !== 'linux')
      context.skip('the settings of the allocator that show each tensor are those of glibc');
    // Each tensor has its own pages, given back at once: the peak is that of the live tensors.
    const exact = { SUAVE_TORCH_MALLOC: 'default', MALLOC_MMAP_THRESHOLD_: '1000000' };
    const peak = (segments: number) =>
      Number(
        program(
          `
          const x = torch.zeros([1024, 1024]); x.requiresGrad = true; // 4 MiB
          const start = process.resourceUsage().maxRSS;
          torch.scope(() => torch.checkpointSequential(Array.from({ length: 64 }, () => (a) => a.sin()), ${segments}, x).sum().backward());
          console.log((process.resourceUsage().maxRSS - start) / 1024);`,
          [],
          exact,
        ),
      );
    const [whole, parts] = [peak(1), peak(8)];
    console.info(`peak of 64 layers of 4 MiB: ${whole.toFixed(0)} MiB plain, ${parts.toFixed(0)} MiB in 8 segments`);
    expect(whole).toBeGreaterThan(240);
    expect(parts).toBeLessThan(whole / 2);
  });

  itOnHost('frees the body and what it holds when backward never comes, and after it came', () => {
    const output = program(
      `
      const x = torch.zeros([4]); x.requiresGrad = true;
      const gone = [];
      const watch = new FinalizationRegistry((name) => gone.push(name));
      const run = (name, finish) => torch.scope(() => {
        const held = { name };
        watch.register(held, name);
        finish(torch.checkpoint((a) => a.exp().mul(held.name.length), x).sum());
      });
      run('never', () => {});
      run('backward', (y) => y.backward());
      const loss = [];
      run('kept', (y) => loss.push(torch.keep(y)));
      for (let i = 0; i < 20 && gone.length < 2; i++) { gc(); await new Promise((resolve) => setImmediate(resolve)); }
      console.log(gone.sort().join(' '));
      loss[0].backward(); loss[0].dispose();
      for (let i = 0; i < 20 && gone.length < 3; i++) { gc(); await new Promise((resolve) => setImmediate(resolve)); }
      console.log(gone.sort().join(' '));`,
      ['--expose-gc'],
    );
    expect(output.split('\n')).toEqual(['backward never', 'backward kept never']);
  });

  itOnHost('ends well in a process that leaves graphs behind', () => {
    expect(
      program(`
        const x = torch.zeros([4]); x.requiresGrad = true;
        globalThis.left = torch.checkpoint((a) => a.exp(), x);
        console.log('left');`),
    ).toBe('left');
  });
});
