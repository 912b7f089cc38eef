/** @file Synchronized batch norm: two and three real processes against one batch norm over the joined batch. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { compiledTorch, inProcesses } from '../../../../tests/fixtures/processes.js';
import '../index.js';
import { GlooGroup, glooAvailable, SingleProcess } from '../distributed/index.js';
import { liveTensors, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { fromTypedArray } from '../typed-arrays.js';
import { BatchNorm1d, BatchNorm2d, Conv2d, Linear, ModuleList, ReLU, Sequential, SyncBatchNorm } from './index.js';

const folder = mkdtempSync(join(tmpdir(), 'suave-sync-'));
afterAll(() => rmSync(folder, { recursive: true }));

const flat = (t: Tensor) => [...(t.contiguous().data() as Float64Array)];

function wave(shape: readonly number[], offset = 0): Tensor {
  const numel = shape.reduce((product, size) => product * size, 1);
  return fromTypedArray(
    Float64Array.from({ length: numel }, (_, i) => 5 + Math.sin(1.7 * (i + offset)) * (1 + (i % 3))),
    shape,
  );
}

interface Result {
  readonly outputs: number[];
  readonly inputGradient: number[];
  readonly weightGradient: number[] | null;
  readonly biasGradient: number[] | null;
  readonly mean: number[] | null;
  readonly variance: number[] | null;
  readonly count: number;
  readonly evaluated: number[];
}

/** What each process does with its rows, as text: `sizes[rank]` of the joined batch. */
const BODY = (sizes: readonly number[], options: string) => `
const sizes = ${JSON.stringify(sizes)};
const start = sizes.slice(0, rank).reduce((sum, size) => sum + size, 0);
const joined = sizes.reduce((sum, size) => sum + size, 0);
const all = (offset) => {
  const values = Float64Array.from({ length: joined * 2 * 3 * 2 }, (_, i) => 5 + Math.sin(1.7 * (i + offset)) * (1 + (i % 3)));
  return torch.fromTypedArray(values, [joined, 2, 3, 2]).narrow(0, start, sizes[rank]).contiguous();
};
const flat = (t) => (t === null || t === undefined ? null : [...t.contiguous().data()]);
const layer = new torch.nn.SyncBatchNorm(2, { group, dtype: 'float64', momentum: 0.3, ...${options} });
if (layer.weight !== null) torch.noGrad(() => { layer.weight.copy_(torch.tensor([0.5, -2])); layer.bias.copy_(torch.tensor([1, 3])); });
const outputs = [];
let x;
for (const offset of [0, 1000]) {
  x = all(offset).detach();
  x.requiresGrad = true;
  const y = layer.forward(x);
  outputs.push(...flat(y));
  y.mul(all(77)).sum().backward();
}
result.push({
  outputs,
  inputGradient: flat(x.grad),
  weightGradient: flat(layer.weight?.grad),
  biasGradient: flat(layer.bias?.grad),
  mean: flat(layer.running_mean),
  variance: flat(layer.running_var),
  count: layer.num_batches_tracked === null ? 0 : layer.num_batches_tracked.item(),
  evaluated: flat(layer.eval().forward(all(500))),
});
`;

interface Settings {
  readonly affine?: boolean;
  readonly momentum?: number | null;
}

/** One batch norm over the joined batch, in this process. */
function reference(joined: number, options: Settings): Result {
  const layer = new BatchNorm2d(2, { dtype: 'float64', momentum: 0.3, ...options });
  const all = (offset: number) => wave([joined, 2, 3, 2], offset);
  layer.weight?.detach().copy_(fromTypedArray(Float64Array.of(0.5, -2), [2]));
  layer.bias?.detach().copy_(fromTypedArray(Float64Array.of(1, 3), [2]));
  const outputs: number[][] = [];
  let gradient: number[] = [];
  for (const offset of [0, 1000]) {
    const x = all(offset);
    x.requiresGrad = true;
    const y = layer.forward(x);
    outputs.push(flat(y));
    y.mul(all(77)).sum().backward();
    gradient = flat(x.grad!);
  }
  const { weight, bias, running_mean, running_var, num_batches_tracked } = layer;
  return {
    outputs: outputs.flat(),
    inputGradient: gradient,
    weightGradient: weight && flat(weight.grad!),
    biasGradient: bias && flat(bias.grad!),
    mean: running_mean && flat(running_mean),
    variance: running_var && flat(running_var),
    count: Number(num_batches_tracked!.item()),
    evaluated: flat(layer.eval().forward(all(500))),
  };
}

function expectClose(got: readonly number[] | null, expected: readonly number[] | null, what: string): void {
  expect(got?.length, what).toBe(expected?.length);
  got?.forEach((value, i) => {
    expect(Math.abs(value - expected![i]!), `${what}[${i}]`).toBeLessThan(1e-11);
  });
}

const sum = (lists: readonly (readonly number[] | null)[]) =>
  lists[0] === null ? null : lists[0]!.map((_, i) => lists.reduce((total, list) => total + list![i]!, 0));

describe.skipIf(!glooAvailable())('over Gloo (skipped where the addon was built without it)', () => {
  const cases: [string, number[], Settings][] = [
    ['two processes', [2, 2], {}],
    ['two processes with batches of different sizes', [1, 4], {}],
    ['three processes, one without a sample', [3, 0, 1], {}],
    ['three processes without affine, all batches counted alike', [1, 2, 3], { affine: false, momentum: null }],
  ];
  test.each(cases)('%s are one batch norm over the joined batch', async (name, sizes, options) => {
    expect(existsSync(compiledTorch), 'the compiled package').toBe(true);
    const address = `file://${join(folder, name.replaceAll(' ', '-'))}`;
    const body = BODY(sizes, JSON.stringify(options));
    const ranks = (await inProcesses(folder, sizes.length, address, body)).map((each) => (each as Result[])[0]!);
    const joined = sizes.reduce((total, size) => total + size, 0);
    const expected = reference(joined, options);
    const perImage = 2 * 3 * 2;
    const first = ranks.flatMap(({ outputs }) => outputs.slice(0, outputs.length / 2));
    const second = ranks.flatMap(({ outputs }) => outputs.slice(outputs.length / 2));
    expect(first.length).toBe(joined * perImage);
    expectClose([...first, ...second], expected.outputs, 'outputs');
    expectClose(
      ranks.flatMap(({ inputGradient }) => inputGradient),
      expected.inputGradient,
      'input gradient',
    );
    expectClose(sum(ranks.map(({ weightGradient }) => weightGradient)), expected.weightGradient, 'weight gradient');
    expectClose(sum(ranks.map(({ biasGradient }) => biasGradient)), expected.biasGradient, 'bias gradient');
    for (const rank of ranks) {
      expectClose(rank.mean, expected.mean, 'running mean');
      expectClose(rank.variance, expected.variance, 'running variance');
      expect(rank.count).toBe(2);
    }
    expectClose(
      ranks.flatMap(({ evaluated }) => evaluated),
      expected.evaluated,
      'in evaluation',
    );
  });

  test('trains a converted network as one process with the joined batch does, in float32 and bfloat16', async () => {
    const body = `
const { nn } = torch;
for (const dtype of ['float32', 'bfloat16']) {
  torch.manualSeed(3);
  const make = () => new nn.Sequential(new nn.Conv2d(1, 4, 3), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.Flatten(), new nn.Linear(16, 3), new nn.BatchNorm1d(3));
  const alone = make();
  const net = make();
  net.loadStateDict(alone.stateDict());
  nn.SyncBatchNorm.convert(net, group);
  const [x, target] = [torch.rand([6, 1, 4, 4]), torch.tensor([0, 1, 2, 0, 1, 2], { dtype: 'int64' })];
  if (dtype === 'bfloat16') for (const each of [net, alone]) each.to({ dtype });
  const inputs = x.to(dtype);
  const loss = (model, start, count) =>
    nn.functional.crossEntropy(model.forward(inputs.narrow(0, start, count)).to('float32'), target.narrow(0, start, count), { reduction: 'sum' });
  loss(alone, 0, 6).backward();
  loss(net, rank === 0 ? 0 : 2, rank === 0 ? 2 : 4).backward();
  let worst = 0;
  for (const [key, p] of net.namedParameters()) {
    const gradient = p.grad.to('float32');
    group.allReduceSum_(gradient);
    worst = Math.max(worst, gradient.sub(alone.namedParameters().get(key).grad.to('float32')).abs().max().item());
  }
  for (const [key, b] of net.namedBuffers()) worst = Math.max(worst, b.sub(alone.namedBuffers().get(key)).to('float32').abs().max().item());
  result.push(worst);
}
try { const x = torch.rand([2, 2]); x.requiresGrad = true; const layer = new nn.SyncBatchNorm(2, { group });
  torch.grad([layer.forward(x).sum()], [x], { createGraph: true }); } catch (error) { result.push(error.message); }
try { new nn.SyncBatchNorm(2, { group }).forward(torch.rand([rank === 0 ? 1 : 0, 2])); } catch (error) { result.push(error.message); }
try { new nn.SyncBatchNorm(2, { group }).forward(torch.rand([4, 3])); } catch (error) { result.push(error.message); }
const before = torch.liveTensors().count;
const flat = new nn.SyncBatchNorm(2, { group });
const steps = [];
for (let step = 0; step < 50; step++) {
  torch.scope(() => { const x = torch.rand([3, 2]); x.requiresGrad = true; flat.forward(x).square().sum().backward(); });
  steps.push(torch.liveTensors().count);
}
flat.dispose();
result.push(new Set(steps).size, torch.liveTensors().count - before);
`;
    const results = (await inProcesses(folder, 2, `file://${join(folder, 'network')}`, body)) as unknown[][];
    for (const [float32, bfloat16, second, single, channels, counts, left] of results) {
      expect(float32).toBeLessThan(1e-5);
      expect(bfloat16).toBeLessThan(0.2);
      expect(second).toMatch(/second derivatives through a synchronized batch norm are not supported/);
      expect(single).toMatch(/expected more than one value per channel over all processes/);
      expect(channels).toMatch(/SyncBatchNorm: expected 2 channels in dimension 1, got \[4, 3\]/);
      expect([counts, left]).toEqual([1, 0]);
    }
  });

  test('a group of one sends nothing and equals batch norm', () => {
    using group = new GlooGroup({ address: `file://${join(folder, 'one')}`, rank: 0, worldSize: 1 });
    using alone = new BatchNorm2d(2, { dtype: 'float64' });
    using layer = new SyncBatchNorm(2, { group, dtype: 'float64' });
    const x = wave([2, 2, 2, 2]);
    expect(flat(layer.forward(x))).toEqual(flat(alone.forward(x)));
    expect(flat(layer.running_var!)).toEqual(flat(alone.running_var!));
  });
});

const handles = (state: ReadonlyMap<string, Tensor>) => [...state].map(([key, { handle }]) => [key, handle]);

test('convert replaces every batch norm and keeps keys, tensors, mode and settings', () => {
  const shared = new BatchNorm1d(3, { momentum: 0.2 });
  const net = new Sequential({
    conv: new Conv2d(1, 2, 1),
    norm: new BatchNorm2d(2, { eps: 1e-3, affine: false }),
    blocks: new Sequential(new Linear(3, 3), shared, new ReLU(), shared),
  }).eval();
  const before = net.stateDict();
  const count = liveTensors().count;
  expect(SyncBatchNorm.convert(net, new SingleProcess())).toBe(net);
  expect(handles(net.stateDict())).toEqual(handles(before));
  expect(net.modules().filter((module) => module instanceof BatchNorm1d || module instanceof BatchNorm2d)).toEqual([]);
  const converted = net.modules().filter((module) => module instanceof SyncBatchNorm);
  expect(converted.map(({ training, eps, momentum, affine }) => [training, eps, momentum, affine])).toEqual([
    [false, 1e-3, 0.1, false],
    [false, 1e-5, 0.2, true],
  ]);
  expect(liveTensors().count).toBe(count);
  expect(net.at(1).toString()).toBe(
    'SyncBatchNorm(2, eps=0.001, momentum=0.1, affine=False, track_running_stats=True)',
  );
  scope(() => expect(net.at(2).forward(wave([2, 3]).to('float32')).shape).toEqual([2, 3]));
  expect(SyncBatchNorm.convert(shared, new SingleProcess())).toBeInstanceOf(SyncBatchNorm);
  const list = SyncBatchNorm.convert(new ModuleList([new BatchNorm1d(2)]), new SingleProcess());
  expect(list.at(0)).toBeInstanceOf(SyncBatchNorm);
});

test('a group that the addon does not know is refused', () => {
  class Elsewhere extends SingleProcess {
    override readonly worldSize = 2 as 1;
  }
  expect(() => new SyncBatchNorm(2, { group: new Elsewhere() })).toThrow(
    /expected a group of the addon for 2 processes, got Elsewhere\. Use GlooGroup/,
  );
});
