/** @file Calls written down: what a trace says of arguments and memory, what counts as a read, and that nothing stays behind. */
import { expect, it } from 'vitest';
import * as torch from './index.js';
import { native } from './native.js';

const { countCalls, diffTraces, traceOperators } = torch;

/** A training step on tensors that stay where they are. */
function makeStep() {
  torch.manualSeed(3);
  const weight = torch.keep(torch.scope(() => torch.randn([4, 3])));
  weight.requiresGrad = true;
  const x = torch.keep(torch.scope(() => torch.randn([5, 4])));
  const running = torch.keep(torch.zeros([]));
  const optimizer = new torch.optim.SGD([weight], { lr: 0.1, momentum: 0.9 });
  const step = (scale = 2) =>
    torch.scope(() => {
      weight.grad = null;
      const loss = x.matmul(weight).tanh().mul(scale).square().mean();
      loss.backward();
      optimizer.step();
      torch.noGrad(() => running.copy_(loss));
    });
  const dispose = () => {
    optimizer.dispose();
    for (const tensor of [weight, x, running]) tensor.dispose();
  };
  return { step, running, dispose };
}

it('names overloads and gives all arguments, defaults included', () => {
  torch.scope(() => {
    const x = torch.ones([2, 3]);
    const { result, calls, hostReads } = traceOperators(() => {
      const y = x.add(x, { alpha: 2 }).sum([1], { keepdim: true, dtype: 'float64' });
      return torch.cat([y, y.t().t()], { dim: 1 });
    });
    expect(result.toArray()).toEqual([
      [9, 9],
      [9, 9],
    ]);
    expect(hostReads).toBe(0);
    expect(calls.map(({ name }) => name)).toEqual([
      'aten::add.Tensor',
      'aten::sum.dim_IntList',
      'aten::t',
      'aten::t',
      'aten::cat',
    ]);
    const [add, sum, , , cat] = calls as [torch.TracedCall, torch.TracedCall, unknown, unknown, torch.TracedCall];
    expect(add.arguments).toEqual({
      self: {
        dtype: 'float32',
        shape: [2, 3],
        strides: [3, 1],
        device: 'cpu',
        address: expect.any(Number),
        offset: 0,
        madeBy: null,
      },
      other: add.arguments.self,
      alpha: 2,
    });
    expect(sum.arguments).toEqual({
      self: expect.objectContaining({ madeBy: 0 }),
      dim: [1],
      keepdim: true,
      dtype: 'float64',
    });
    const tensors = cat.arguments.tensors as unknown as [torch.TracedTensor, torch.TracedTensor];
    expect(tensors[0].address).toBe(tensors[1].address);
    expect(tensors.map(({ madeBy }) => madeBy)).toEqual([1, 1]);
  });
});

it('tells memory apart: views, in place, freed and given out again', () => {
  torch.scope(() => {
    const x = torch.zeros([4]);
    const { calls } = traceOperators(() => {
      x.narrow(0, 2, 2).add_(1);
      for (let i = 0; i < 3; i++) {
        const y = x.mul(2);
        y.neg().dispose();
        y.dispose();
      }
    });
    const selves = calls.map(({ arguments: { self } }) => self as torch.TracedTensor);
    expect(selves[1]).toMatchObject({ address: selves[0]?.address, offset: 2, madeBy: null, shape: [2] });
    expect(selves.filter((_, i) => calls[i]?.name === 'aten::neg').map(({ madeBy }) => madeBy)).toEqual([2, 4, 6]);
  });
});

it('gives dtypes, formats, devices, lists, absent arguments and generators as plain values', () => {
  torch.scope(() => {
    using generator = new torch.Generator({ seed: 1 });
    const { calls } = traceOperators(() => {
      torch.empty([2, 3, 4, 4], { dtype: 'bfloat16', memoryFormat: 'channelsLast', device: 'cpu' });
      torch.rand([2], { generator });
      torch.at(torch.arange(6).reshape([2, 3]), torch.slice(), torch.tensor([0n, 2n]));
    });
    expect(calls[0]?.arguments).toMatchObject({
      size: [2, 3, 4, 4],
      dtype: 'bfloat16',
      layout: null,
      device: 'cpu',
      memory_format: 'channelsLast',
    });
    expect(calls[1]?.arguments).toMatchObject({ size: [2], generator: 'Generator' });
    const index = calls.find(({ name }) => name === 'aten::index.Tensor');
    expect(index?.arguments.indices).toEqual([null, expect.objectContaining({ dtype: 'int64', shape: [2] })]);
    expect(calls.map(({ name }) => name)).toContain('addon::fromBytes');
  });
});

it('two steps of training are alike; the first difference of others is named', () => {
  const { step, dispose } = makeStep();
  step(); // makes the optimizer's state
  const [first, second] = [traceOperators(() => step()), traceOperators(() => step())];
  expect(first.hostReads).toBe(0);
  expect(first.calls.length).toBeGreaterThan(8);
  expect(first.calls.map(({ name }) => name)).toContain('addon::backward');
  expect(diffTraces(first.calls, second.calls)).toBeNull();
  const scaled = traceOperators(() => step(3));
  expect(diffTraces(first.calls, scaled.calls)).toMatch(/^call \d+, aten::mul\.Scalar: other: 2 against 3$/);
  expect(diffTraces(first.calls, first.calls.slice(0, 2))).toMatch(/^call 2: .* against nothing after 2 calls$/);
  dispose();
});

it('differences: operators, shapes, memory from before', () => {
  torch.scope(() => {
    const x = torch.ones([2]);
    const [a, b] = [torch.ones([2]), torch.ones([2])];
    const trace = (body: () => unknown) => traceOperators(() => void body()).calls;
    const base = trace(() => x.add(a));
    expect(
      diffTraces(
        base,
        trace(() => x.add(a)),
      ),
    ).toBeNull();
    expect(
      diffTraces(
        base,
        trace(() => x.sub(a)),
      ),
    ).toBe('call 0: aten::add.Tensor against aten::sub.Tensor');
    expect(
      diffTraces(
        base,
        trace(() => x.add(torch.tensor(1))),
      ),
    ).toMatch(/^call 0: aten::add.Tensor against addon::/);
    expect(
      diffTraces(
        base,
        trace(() => x.add(a, { alpha: 1.5 })),
      ),
    ).toBe('call 0, aten::add.Tensor: alpha: 1 against 1.5');
    expect(
      diffTraces(
        base,
        trace(() => x.add(b)),
      ),
    ).toMatch(/other: float32\[2\] on cpu: memory at \d+ .* against memory/);
    expect(
      diffTraces(
        base,
        trace(() => x.add(b)),
        { addresses: false },
      ),
    ).toBeNull();
    expect(
      diffTraces(
        base,
        trace(() => x.add(x)),
        { addresses: false },
      ),
    ).toBeNull();
    expect(
      diffTraces(
        base,
        trace(() => x.double().add(a)),
      ),
    ).toMatch(/^call 0: aten::add.Tensor against aten::to/);
    expect(() => diffTraces(base, base, { address: false } as object)).toThrow(/unknown option 'address'/);
  });
});

it('counts what an accelerator would have to be waited for', () => {
  torch.scope(() => {
    const x = torch.tensor([1, 0, 2]);
    const counts: Record<string, [() => unknown, number]> = {
      item: [() => x.sum().item(), 1],
      data: [() => x.data(), 1],
      toArray: [() => x.toArray(), 1],
      bytes: [() => x.bytes(), 1],
      print: [() => String(x), 1],
      cpu: [() => x.cpu(), 1],
      "to('cpu')": [() => x.to('cpu'), 1],
      'a mask as index': [() => torch.at(x, x.gt(0)), 1],
      nonzero: [() => x.nonzero(), 1],
      equal: [() => x.equal(x), 1],
      'oneHot, classes unknown': [() => x.long().oneHot(), 1],
      'oneHot, classes known': [() => x.long().oneHot({ numClasses: 3 }), 0],
      'integers as index': [() => torch.at(x, x.long()), 0],
      where: [() => torch.where(x.gt(0), x, x.neg()), 0],
      'dtype and shape': [() => [x.double().shape, x.dtype, x.device], 0],
    };
    for (const [name, [body, expected]] of Object.entries(counts)) {
      const traced = traceOperators(() => void body());
      // `print` and `data` of what is not float32 first convert, which is no read.
      expect([name, traced.hostReads > 0 ? 1 : 0]).toEqual([name, expected]);
      expect(traced.calls.filter(({ readsHost }) => readsHost).length).toBe(traced.hostReads);
      const counted = countCalls(() => void body());
      expect([name, counted.calls, counted.hostReads]).toEqual([name, traced.calls.length, traced.hostReads]);
    }
  });
});

it('gives errors on, ends with its body, and leaves the functions as they were', () => {
  const before = { ...native };
  torch.scope(() => {
    const x = torch.ones([2]);
    expect(() =>
      traceOperators(() => {
        x.add(1);
        throw new Error('in the body');
      }),
    ).toThrow('in the body');
    expect(() => traceOperators(() => x.matmul(torch.ones([3])))).toThrow(torch.TorchError);
    expect(() => traceOperators(() => countCalls(() => 1))).toThrow(/traced already/);
    expect(() => traceOperators(async () => 1)).toThrow(/returns a promise/);
    expect(traceOperators(() => x.sum().item())).toMatchObject({ result: 2, hostReads: 1 });
  });
  expect({ ...native }).toEqual(before);
  expect(() => native.invokeTraced(0)).toThrow(torch.TorchError);
  expect(() => native.traceEnd()).toThrow(torch.ArgumentError);
});

it('changes no bit, and holds no memory', () => {
  const plain = makeStep();
  const observed = makeStep();
  const { bytes } = torch.liveTensors();
  for (let i = 0; i < 3; i++) {
    plain.step();
    traceOperators(() => observed.step());
    expect(observed.running.item()).toBe(plain.running.item());
  }
  expect(torch.liveTensors().bytes - bytes).toBeLessThanOrEqual(2 * 2 * 4 * 3 * 4); // momentum and gradient of both
  plain.dispose();
  observed.dispose();
});
