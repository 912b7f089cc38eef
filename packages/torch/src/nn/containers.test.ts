/** @file Containers, and what every module can do: looking up, applying, counting, moving, printing. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import '../index.js';
import { ones, rand, zeros } from '../generated/operators.js';
import { manualSeed } from '../generator.js';
import { liveTensors, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import * as nn from './index.js';

describe('containers', () => {
  test('Sequential by name; a layer can be replaced', () => {
    using net = new nn.Sequential(new Map<string, nn.Layer>([['first', new nn.Linear(2, 3)], ['2', new nn.Tanh()]])); // biome-ignore format: short
    expect([...net.stateDict().keys()]).toEqual(['first.weight', 'first.bias']);
    expect(net.length).toBe(2);
    expect(net.at(-1)).toBeInstanceOf(nn.Tanh);
    net[2] = new nn.Identity();
    const first = net.at(0) as nn.Linear;
    scope(() => {
      const x = rand([4, 2]);
      expect(net.forward(x).toArray()).toEqual(first.forward(x).toArray());
    });
    expect(new nn.Sequential().forward(first.weight)).toBe(first.weight);
  });

  test('ModuleDict and ParameterList', () => {
    const dict = new nn.ModuleDict<nn.Linear>({ coarse: new nn.Linear(2, 3) }).set('fine', new nn.Linear(2, 5));
    expect(dict.keys()).toEqual(['coarse', 'fine']);
    expect(dict.size).toBe(2);
    expect(dict.get('fine').outFeatures).toBe(5);
    expect([...dict].map(([name, { outFeatures }]) => [name, outFeatures])).toEqual([['coarse', 3], ['fine', 5]]); // biome-ignore format: short
    expect([...dict.stateDict().keys()]).toEqual(['coarse.weight', 'coarse.bias', 'fine.weight', 'fine.bias']);
    const list = new nn.ParameterList([zeros([2, 3]), ones([1])]);
    expect([...list.namedParameters().keys()]).toEqual(['0', '1']);
    expect([...list].every((tensor) => tensor.requiresGrad)).toBe(true);
    expect(list.at(-1)).toBe(list[1]);
    expect(String(list)).toBe(
      'ParameterList(\n  (0): Parameter containing: [torch.float32 of size 2x3]\n  (1): Parameter containing: [torch.float32 of size 1]\n)',
    );
    for (const module of [dict, list]) module.dispose();
  });

  test('ModuleList grows, and can be printed in few lines', () => {
    using list = new nn.ModuleList<nn.Layer>([new nn.ReLU()]).extend([new nn.ReLU(), new nn.Linear(1, 2)]);
    expect(list.length).toBe(3);
    expect([...list]).toEqual([list[0], list[1], list.at(-1)]);
    expect(String(list)).toBe(
      'ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Linear(in_features=1, out_features=2, bias=True)\n)',
    );
  });
});

describe('every module', () => {
  const make = () => new nn.Sequential(new nn.Conv2d(1, 2, 2), new nn.Sequential(new nn.BatchNorm2d(2), new nn.ReLU()));

  test('lists its modules, finds one by name, and is printed like PyTorch does', () => {
    using net = make();
    expect(net.modules().map((module) => module.constructor.name)).toEqual(['Sequential', 'Conv2d', 'Sequential', 'BatchNorm2d', 'ReLU']); // biome-ignore format: long
    expect(net.children()).toEqual([net[0], net[1]]);
    expect(net.getSubmodule('1.0')).toBeInstanceOf(nn.BatchNorm2d);
    expect(net.getSubmodule('')).toBe(net);
    const text = `Sequential(
  (0): Conv2d(1, 2, kernel_size=(2, 2), stride=(1, 1))
  (1): Sequential(
    (0): BatchNorm2d(2, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
    (1): ReLU()
  )
)`;
    expect(net.toString()).toBe(text);
    expect(inspect(net)).toBe(text);
  });

  test('counts its parameters, with and without frozen and shared ones', () => {
    using net = make();
    expect(net.numParameters()).toBe(2 * 4 + 2 + 2 + 2);
    net[0]!.requiresGrad_(false);
    expect(net.numParameters({ trainable: true })).toBe(4);
    const layer = net[0]!;
    expect(new nn.Sequential(layer, layer).numParameters()).toBe(10);
    expect(net.buffers().length).toBe(3);
  });

  test('applies a function to children before their parents', () => {
    using net = make();
    const names: string[] = [];
    expect(
      net.apply((module) => {
        names.push(module.constructor.name);
        if (module instanceof nn.Conv2d) nn.init.ones_(module.weight);
      }),
    ).toBe(net);
    expect(names).toEqual(['Conv2d', 'BatchNorm2d', 'ReLU', 'Sequential', 'Sequential']);
    scope(() => expect((net[0] as nn.Conv2d).weight.sum().item()).toBe(8));
  });

  test('moves to a memory format without a change of values, and only what has four dimensions', () => {
    manualSeed(2);
    using net = new nn.Sequential(new nn.Conv2d(3, 4, 2), new nn.BatchNorm2d(4));
    const before = liveTensors();
    const [conv, norm] = [net[0] as nn.Conv2d, net[1] as nn.BatchNorm2d];
    const [kernel, values, bias] = [conv.weight, conv.weight.toArray(), conv.bias];
    net.to({ memoryFormat: 'channelsLast' });
    expect(conv.weight.strides).toEqual([12, 1, 6, 3]);
    expect(conv.weight.toArray()).toEqual(values);
    expect(conv.weight.requiresGrad && conv.weight.isLeaf).toBe(true);
    expect(conv.bias).toBe(bias);
    expect(kernel.isDisposed).toBe(true);
    expect(liveTensors()).toEqual(before);
    const same = conv.weight;
    net.to({ memoryFormat: 'channelsLast' });
    expect(conv.weight).toBe(same);
    net.to({ dtype: 'float64', memoryFormat: 'contiguous' });
    expect([conv.weight.dtype, conv.weight.strides, norm.weight!.dtype, norm.num_batches_tracked!.dtype]).toEqual([
      'float64',
      [12, 4, 2, 1],
      'float64',
      'int64',
    ]);
  });

  test('weight norm can be taken away again', () => {
    const before = liveTensors().count;
    const layer = nn.weightNorm(new nn.Linear(3, 2));
    scope(() => {
      const x = rand([4, 3]);
      const normed = layer.forward(x).toArray();
      expect([...layer.stateDict().keys()]).toEqual(['bias', 'weight_g', 'weight_v']);
      nn.removeWeightNorm(layer);
      expect([...layer.stateDict().keys()]).toEqual(['bias', 'weight']);
      expect(layer.forward(x).toArray()).toEqual(normed);
      expect(Object.hasOwn(layer, 'forward')).toBe(false);
    });
    layer.dispose();
    expect(liveTensors().count).toBe(before);
  });
});

test('orthogonal, identity and normal initializers', () => {
  scope(() => {
    manualSeed(5);
    const wide = nn.init.orthogonal_(zeros([3, 2, 4], { dtype: 'float64' }), 2).view([3, 8]);
    const gram = (rows: Tensor) => rows.matmul(rows.t());
    expect(
      gram(wide)
        .sub(nn.init.eye_(zeros([3, 3])).mul(4))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-12);
    const tall = nn.init.orthogonal_(zeros([8, 3], { dtype: 'float64' }));
    expect(
      gram(tall.t())
        .sub(nn.init.eye_(zeros([3, 3])))
        .abs()
        .max()
        .item(),
    ).toBeLessThan(1e-12);
    const drawn = nn.init.xavierNormal_(zeros([100, 300]), 2);
    expect(drawn.std().item()).toBeCloseTo(2 * Math.sqrt(2 / 400), 2);
  });
});
