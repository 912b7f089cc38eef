import { conv2d, noGrad, rand, scope, type Tensor } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import { createBackbone } from './registry.js';
import { WideResNet } from './wide-resnet.js';

/** Batch norm in evaluation and leaky ReLU, composed of plain operators. */
function activated(x: Tensor, state: Map<string, Tensor>, key: string): Tensor {
  const channel = (name: string) => state.get(`${key}.${name}`)!.view([1, -1, 1, 1]);
  const normalized = x.sub(channel('running_mean')).div(channel('running_var').add(0.001).sqrt());
  return normalized.mul(channel('weight')).add(channel('bias')).leakyRelu({ negativeSlope: 0.1 });
}

/** A convolution of the network by its key. */
function convolved(x: Tensor, state: Map<string, Tensor>, key: string, stride: number): Tensor {
  const weight = state.get(`${key}.weight`)!;
  return conv2d(x, weight, { bias: state.get(`${key}.bias`)!, stride, padding: (weight.shape[2] - 1) / 2 });
}

/** The network by its equations (specification 5.7), for one block per group. */
function byEquations(images: Tensor, state: Map<string, Tensor>): Tensor {
  let x = convolved(images, state, 'conv1', 1);
  for (const [group, stride] of [1, 2, 2].entries()) {
    const block = `block${group + 1}.layer.0`;
    const start = group === 0 ? activated(x, state, `${block}.bn1`) : x;
    const hidden = activated(convolved(start, state, `${block}.conv1`, stride), state, `${block}.bn2`);
    const shortcut = convolved(start, state, `${block}.convShortcut`, stride);
    x = convolved(hidden, state, `${block}.conv2`, 1).add(shortcut);
  }
  return activated(x, state, 'bn1').mean([2, 3]);
}

describe('WideResNet', () => {
  test('follows its equations', () => {
    const network = new WideResNet({ depth: 10, widen: 2, width: 0.25, dtype: 'float64' });
    scope(() =>
      noGrad(() => {
        const images = rand([3, 3, 16, 16], { dtype: 'float64' });
        network.forward(images);
        network.eval();
        const difference = network.forward(images).sub(byEquations(images, network.stateDict()));
        expect(difference.abs().max().item()).toBeLessThan(1e-12);
      }),
    );
    network.dispose();
  });

  test('has the published keys', () => {
    const network = createBackbone('wrn-28-2', { width: 0.25 });
    const modules = new Set([...network.stateDict().keys()].map((key) => key.slice(0, key.lastIndexOf('.'))));
    const block = (name: string) => [...modules].filter((key) => key.startsWith(`${name}.`));
    expect([...modules].filter((key) => !key.includes('.'))).toEqual(['conv1', 'bn1']);
    const parts = ['bn1', 'conv1', 'bn2', 'conv2'].map((part) => `block2.layer.3.${part}`);
    expect(block('block2.layer.3')).toEqual(parts);
    expect(block('block3.layer.0').at(-1)).toBe('block3.layer.0.convShortcut');
    expect([...modules].at(-1)).toBe('bn1');
    network.dispose();
  });

  test('only the batch norms that take no part get no gradient', () => {
    const network = createBackbone('wrn-28-2', { width: 0.25, stem: 'cifar' });
    scope(() =>
      network
        .forward(rand([2, 3, 8, 8]))
        .square()
        .sum()
        .backward(),
    );
    const unused = [...network.namedParameters()].filter(([, parameter]) => parameter.grad === null);
    expect(unused.map(([name]) => name)).toEqual(
      ['block2', 'block3'].flatMap((name) => ['weight', 'bias'].map((part) => `${name}.layer.0.bn1.${part}`)),
    );
    network.dispose();
  });

  test('starts from the published distribution', () => {
    const network = createBackbone('wrn-28-2');
    const weight = network.stateDict().get('block3.layer.1.conv1.weight')!;
    expect(scope(() => weight.std().item()) / Math.sqrt(2 / (128 * 9))).toBeCloseTo(1, 1);
    network.dispose();
  });

  test('refuses what it is not', () => {
    expect(() => new WideResNet({ depth: 27, widen: 2 })).toThrow(/depth of 6 n \+ 4, got 27/);
    expect(() => createBackbone('wrn-28-2', { width: 0.3 })).toThrow(/whole number of channels, got 0.3/);
    expect(() => createBackbone('wrn-28-8', { stem: 'imagenet' })).toThrow(/stem, which belongs to a resnet/);
  });
});
