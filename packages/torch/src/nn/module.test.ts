import { describe, expect, test } from 'vitest';
import '../index.js';
import { tensor } from '../creation.js';
import { ones, rand, zeros } from '../generated/operators.js';
import { keep, liveTensors, scope } from '../scope.js';
import { CheckpointError } from '../serialization/checkpoint-error.js';
import type { Tensor } from '../tensor.js';
import { BatchNorm2d, buffer, Conv2d, Linear, Module, ModuleList, parameter, ReLU, Sequential } from './index.js';

class Block extends Module {
  conv1: Conv2d;
  bn1: BatchNorm2d;
  relu = new ReLU();
  scale: Tensor;
  heads: ModuleList<Linear>;
  notAModule = 3;
  cached: Tensor;

  constructor() {
    super();
    this.conv1 = new Conv2d(3, 4, 3, { bias: false });
    this.bn1 = new BatchNorm2d(4);
    this.scale = parameter(ones([1]));
    this.heads = new ModuleList([new Linear(4, 2), new Linear(4, 3, { bias: false })]);
    this.cached = buffer(zeros([2]), { persistent: false });
  }
}

const KEYS = [
  'scale',
  'conv1.weight',
  'bn1.weight',
  'bn1.bias',
  'bn1.running_mean',
  'bn1.running_var',
  'bn1.num_batches_tracked',
  'heads.0.weight',
  'heads.0.bias',
  'heads.1.weight',
];

describe('keys', () => {
  test("are PyTorch's, in PyTorch's order", () => {
    using block = new Block();
    expect([...block.stateDict().keys()]).toEqual(KEYS);
    expect([...block.namedParameters().keys()]).not.toContain('bn1.running_mean');
    expect([...block.namedBuffers().keys()]).toContain('cached');
  });

  test('of Sequential are positions', () => {
    using net = new Sequential(new Conv2d(1, 2, 1), new ReLU(), new Sequential(new Linear(2, 2)));
    expect([...net.stateDict().keys()]).toEqual(['0.weight', '0.bias', '2.0.weight', '2.0.bias']);
    expect(net.length).toBe(3);
  });

  test('a shared parameter is listed once, but has all its keys in the state', () => {
    using first = new Linear(2, 2, { bias: false });
    const second = new Linear(2, 2, { bias: false });
    second.weight.dispose();
    second.weight = first.weight;
    const net = new Sequential(first, second);
    expect(net.parameters().map(({ handle }) => handle)).toEqual([first.weight.handle]);
    expect([...net.stateDict().keys()]).toEqual(['0.weight', '1.weight']);
  });

  test('an array of modules is refused, not passed over', () => {
    class Wrong extends Module {
      blocks = [new ReLU()];
    }
    expect(() => new Wrong().parameters()).toThrow(
      /Wrong\.blocks: expected a module, got an array of modules\. Use ModuleList/,
    );
  });
});

describe('loadStateDict', () => {
  test('copies in place, converting the dtype', () => {
    using source = new Block();
    using target = new Block();
    const { weight } = target.conv1;
    source.to({ dtype: 'float64' });
    expect(target.loadStateDict(source.stateDict())).toEqual({ missing: [], unexpected: [] });
    expect(target.conv1.weight).toBe(weight);
    expect(weight.dtype).toBe('float32');
    expect(weight.toArray()).toEqual(source.conv1.weight.to('float32').toArray());
  });

  test('names missing and unexpected keys, ten and a count', () => {
    using block = new Block();
    const state = new Map([...block.stateDict()].filter(([key]) => !key.startsWith('bn1')));
    for (let i = 0; i < 13; i++) state.set(`extra.${i}`, block.scale);
    let error: unknown;
    try {
      block.loadStateDict(state);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(CheckpointError);
    const { message, code, missing, unexpected } = error as CheckpointError;
    expect(code).toBe('ERR_CHECKPOINT_KEYS');
    expect(message).toMatch(
      /5 missing \(bn1\.weight, bn1\.bias, .*\) and 13 unexpected \(extra\.0, .*extra\.9 and 3 more\)/,
    );
    expect(missing.length).toBe(5);
    expect(unexpected.length).toBe(13);
    expect(block.loadStateDict(state, { strict: false }).missing.length).toBe(5);
  });

  test('refuses other shapes and then changes nothing', () => {
    using block = new Block();
    using other = new Block();
    const state = other.stateDict();
    const before = block.scale.toArray();
    state.set('scale', tensor([5]));
    state.set('heads.0.weight', zeros([7, 4]));
    expect(() => block.loadStateDict(state, { strict: false })).toThrow(/heads\.0\.weight \[2, 4\] from \[7, 4\]/);
    expect(block.scale.toArray()).toEqual(before);
  });
});

describe('modes, moves, ownership', () => {
  test('train and eval reach every module', () => {
    using block = new Block();
    expect(block.eval().bn1.training).toBe(false);
    expect(block.train().heads.at(-1).training).toBe(true);
    expect(() => block.heads.at(5)).toThrow(/index below 2, got 5/);
  });

  test('to changes floating-point tensors only and keeps kinds', () => {
    using block = new Block();
    block.scale.requiresGrad = false;
    block.to({ dtype: 'float64' });
    expect(block.conv1.weight.dtype).toBe('float64');
    expect(block.conv1.weight.requiresGrad).toBe(true);
    expect(block.conv1.weight.isLeaf).toBe(true);
    expect(block.scale.requiresGrad).toBe(false);
    expect(block.bn1.running_mean!.dtype).toBe('float64');
    expect(block.bn1.num_batches_tracked!.dtype).toBe('int64');
    expect(block.parameters().length).toBe(7);
    const { weight } = block.conv1;
    block.to({ dtype: 'float64', device: 'cpu' });
    expect(block.conv1.weight).toBe(weight);
  });

  test('requiresGrad_ and zeroGrad reach every parameter', () => {
    using block = new Block();
    scope(() =>
      block.heads[0]!.forward(rand([2, 4]))
        .sum()
        .backward(),
    );
    expect(block.heads[0]!.weight.grad).not.toBeNull();
    block.zeroGrad();
    expect(block.heads[0]!.weight.grad).toBeNull();
    block.requiresGrad_(false);
    expect(block.parameters().every((param) => !param.requiresGrad)).toBe(true);
  });

  test('modules made inside a scope outlive it, and dispose frees them', () => {
    const before = liveTensors().count;
    let block: Block | undefined;
    scope(() => {
      block = new Block();
    });
    expect(block!.conv1.weight.isDisposed).toBe(false);
    block!.to({ dtype: 'float64' });
    block!.dispose();
    expect(liveTensors().count).toBe(before);
  });

  test('a parameter made outside is kept', () => {
    const t = scope(() => parameter(keep(zeros([1]))));
    expect(t.isDisposed).toBe(false);
    t.dispose();
  });
});
