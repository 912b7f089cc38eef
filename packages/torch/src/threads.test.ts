/** @file Tensors shared between threads: one memory, tokens, lifetimes; and training with two workers on shared parameters. */
import { describe, expect, it } from 'vitest';
import * as torch from './index.js';
import { inWorker, nextMessage, startWorker } from './testing/in-worker.js';

describe('a shared tensor', () => {
  it('is the same memory in every thread', async () => {
    const x = torch.zeros([4]);
    const shared = torch.shareTensor(x);
    expect(shared).toEqual({
      token: expect.any(Number),
      dtype: 'float32',
      shape: [4],
      device: 'cpu',
      requiresGrad: false,
    });
    const worker = startWorker(
      `const x = torch.fromShared(workerData);
       parentPort.on('message', () => parentPort.postMessage(x.toArray()));
       x.at(1).fill_(5); parentPort.postMessage('written');`,
      shared,
    );
    expect(await nextMessage(worker)).toBe('written');
    expect(x.toArray()).toEqual([0, 5, 0, 0]);
    x.at(3).fill_(7);
    worker.postMessage('read');
    expect(await nextMessage(worker)).toEqual([0, 5, 0, 7]);
    await worker.terminate();
    torch.disposeShared(shared);
    x.dispose();
  });

  it('cannot grow, which would move it away from under the other threads', () => {
    torch.scope(() => {
      const x = torch.tensor([1, 2]);
      const shared = torch.shareTensor(x);
      expect(() => x.resize_([1000])).toThrow(/not resizable/);
      const again = torch.fromShared(shared, { release: true });
      expect(() => again.resize_([1000])).toThrow(/not resizable/);
      expect([x.toArray(), again.toArray()]).toEqual([
        [1, 2],
        [1, 2],
      ]);
    });
  });

  it('keeps views, dtypes, strides and scalars', () => {
    torch.scope(() => {
      for (const x of [
        torch
          .tensor(
            [
              [1, 2, 3],
              [4, 5, 6],
            ],
            { dtype: 'int64' },
          )
          .t(),
        torch
          .tensor(
            [
              [1, 2],
              [3, 4],
            ],
            { dtype: 'bfloat16' },
          )
          .at(1),
        torch.tensor(3, { dtype: 'bool' }),
        torch.zeros([0, 3]),
        torch.arange(24).view([2, 3, 4]).at(null, torch.slice(1, 3)),
      ]) {
        const shared = torch.shareTensor(x);
        const y = torch.fromShared(shared, { release: true });
        expect([y.dtype, y.shape, y.strides, y.toArray()]).toEqual([x.dtype, x.shape, x.strides, x.toArray()]);
        expect(shared.shape).toEqual(x.shape);
      }
    });
  });

  it('lives until the token and every tensor of it are gone, whichever is last', async () => {
    const before = torch.sharedTensors();
    const x = torch.full([1000], 3);
    const shared = torch.shareTensor(x);
    x.dispose();
    const worker = startWorker(
      `const x = torch.fromShared(workerData); parentPort.postMessage('has it');
       parentPort.on('message', () => parentPort.postMessage(x.sum().item()));`,
      shared,
    );
    await nextMessage(worker);
    expect(torch.sharedTensors()).toBe(before + 1);
    torch.disposeShared(shared);
    torch.disposeShared(shared);
    expect(torch.sharedTensors()).toBe(before);
    worker.postMessage('sum');
    expect(await nextMessage(worker)).toBe(3000);
    await worker.terminate();
    expect(() => torch.fromShared(shared)).toThrow(/disposed of, or comes from another process/);
  });

  it('outlives the thread that shared it', async () => {
    const shared = (await inWorker('return torch.shareTensor(torch.full([10], 2));')) as torch.SharedTensor;
    const x = torch.fromShared(shared, { release: true });
    expect(x.sum().item()).toBe(20);
    expect(() => torch.fromShared(shared)).toThrow(torch.ArgumentError);
    x.dispose();
  });

  it('is received as often as wanted, each time as a tensor of its own', () => {
    torch.scope(() => {
      const x = torch.ones([2]);
      const shared = torch.shareTensor(x);
      const a = torch.fromShared(shared);
      const b = torch.fromShared(shared);
      a.dispose();
      b.add_(1);
      expect(x.toArray()).toEqual([2, 2]);
      expect(() => a.sum()).toThrow(torch.DisposedTensorError);
      torch.disposeShared(shared);
      expect(b.toArray()).toEqual([2, 2]);
    });
    expect(torch.liveTensorsByDevice().cpu?.count ?? 0).toBe(torch.liveTensors().count);
  });

  it('comes from somewhere', () => {
    const nowhere = { token: 12345, dtype: 'float32', shape: [1], device: 'cpu', requiresGrad: false } as const;
    expect(() => torch.fromShared(nowhere)).toThrow(torch.ArgumentError);
    expect(() => torch.fromShared({ ...nowhere, token: Number.NaN })).toThrow(torch.ArgumentError);
    expect(() => torch.fromShared({ tokens: 1 } as unknown as torch.SharedTensor)).toThrow(
      /fromShared: expected what shareTensor returned, got an object with tokens/,
    );
    expect(() => torch.disposeShared(null as unknown as torch.SharedTensor)).toThrow(/disposeShared: expected/);
    torch.disposeShared(nowhere);
  });

  it('requires gradients as its source does, with gradients of its own in each thread', () => {
    torch.scope(() => {
      const leaf = torch.tensor([1, 1], { requiresGrad: true });
      leaf.mul(2).sum().backward();
      const shared = torch.shareTensor(leaf);
      const other = torch.fromShared(shared, { release: true });
      expect([other.requiresGrad, other.isLeaf, other.grad]).toEqual([true, true, null]);
      other.mul(3).sum().backward();
      expect(leaf.grad?.toArray()).toEqual([2, 2]);
      expect(other.grad?.toArray()).toEqual([3, 3]);
      expect(() => torch.shareTensor(leaf.mul(2))).toThrow(/result of a recorded operation. Share its detach\(\)/);
      const detached = torch.shareTensor(leaf.mul(2).detach());
      expect(torch.fromShared(detached, { release: true }).requiresGrad).toBe(false);
    });
  });

  it('refuses what cannot be shared', () => {
    torch.scope(() => {
      expect(() => torch.shareTensor(torch.eye(3).toSparse())).toThrow(/expected a dense tensor/);
    });
  });

  it('survives threads that share and receive at once', async () => {
    const before = torch.sharedTensors();
    const body = `let sum = 0;
      for (let i = 0; i < 2000; i++) torch.scope(() => {
        const shared = torch.shareTensor(torch.full([3], i));
        const a = torch.fromShared(shared);
        const b = torch.fromShared(shared, { release: true });
        a.add_(1);
        sum += b.at(0).item() - i;
      });
      return [sum, torch.liveTensors().count];`;
    expect(await Promise.all([inWorker(body), inWorker(body), inWorker(body)])).toEqual(Array(3).fill([2000, 0]));
    expect(torch.sharedTensors()).toBe(before);
  });
});

describe('data-parallel training on shared parameters', () => {
  it('equals one thread with the whole batch', async () => {
    const steps = 5;
    const rate = 0.1;
    torch.manualSeed(1);
    const make = () =>
      new torch.nn.Sequential(new torch.nn.Linear(4, 8), new torch.nn.ReLU(), new torch.nn.Linear(8, 2));
    const model = make();
    const alone = make();
    alone.loadStateDict(model.stateDict());
    const x = torch.randn([16, 4]);
    const y = torch.randn([16, 2]);

    const shared = [...model.stateDict()].map(([key, tensor]) => [key, torch.shareTensor(tensor)] as const);
    const workers = [0, 1].map((half) =>
      startWorker(
        `
        const { nn } = torch;
        const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
        const parameters = workerData.shared.map(([key, shared]) => torch.keep(torch.fromShared(shared)));
        // The modules compute with the shared parameters.
        for (const [i, at] of [0, 2].entries()) {
          const layer = [...model][at];
          layer.weight = nn.parameter(parameters[2 * i]);
          layer.bias = nn.parameter(parameters[2 * i + 1]);
        }
        const [x, y] = workerData.batch.map((shared) => torch.keep(torch.fromShared(shared)));
        parentPort.on('message', () => {
          torch.scope(() => model.forward(x).sub(y).square().mean().backward());
          parentPort.postMessage(torch.scope(() => torch.gradientsOf(parameters).map(torch.shareTensor)));
          model.zeroGrad();
        });
        parentPort.postMessage('ready');`,
        {
          shared,
          batch: [x, y].map((tensor) => torch.shareTensor(tensor.at(torch.slice(8 * half, 8 * half + 8)))),
        },
      ),
    );
    await Promise.all(workers.map(nextMessage));
    const parameters = model.parameters();
    for (let step = 0; step < steps; step++) {
      const answers = workers.map(nextMessage);
      for (const worker of workers) worker.postMessage('step');
      const gradients = (await Promise.all(answers)) as torch.SharedTensor[][];
      torch.scope(() =>
        torch.noGrad(() => {
          for (const [i, parameter] of parameters.entries()) {
            const [a, b] = gradients.map((list) => torch.fromShared(list[i]!, { release: true })) as [
              torch.Tensor,
              torch.Tensor,
            ];
            parameter.sub_(a.add(b).mul(rate / 2)); // the workers see it at once
          }
        }),
      );
      torch.scope(() => alone.forward(x).sub(y).square().mean().backward());
      const own = alone.parameters();
      torch.scope(() =>
        torch.noGrad(() => torch.gradientsOf(own).forEach((gradient, i) => void own[i]!.sub_(gradient!.mul(rate)))),
      );
      alone.zeroGrad();
    }
    for (const worker of workers) await worker.terminate();
    torch.scope(() => {
      for (const [i, parameter] of parameters.entries())
        expect(parameter.sub(alone.parameters()[i]!).abs().max().item()).toBeLessThan(1e-6);
    });
  });
});
