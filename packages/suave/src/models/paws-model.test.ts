import { liveTensors, type nn, rand, scope } from '@suave/torch';
import { describe, expect, test } from 'vitest';
import { PawsModel } from './paws-model.js';
import { createBackbone } from './registry.js';

const backbone = () => createBackbone('resnet8', { width: 0.25 });

function parameterCount(module: nn.Module): number {
  return module.parameters().reduce((sum, parameter) => sum + parameter.numel, 0);
}

describe('PawsModel', () => {
  test('has the published keys in their order, the backbone without a prefix', () => {
    const model = new PawsModel({ backbone: backbone(), outputDim: 8 });
    const keys = [...model.stateDict().keys()].filter((key) => /^(conv1|fc|pred)\./.test(key));
    const norm = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'];
    const layer = (name: string) => (name.includes('bn') ? norm : ['weight', 'bias']).map((part) => `${name}.${part}`);
    const heads = ['fc.fc1', 'fc.bn1', 'fc.fc2', 'fc.bn2', 'fc.fc3', 'pred.bn1', 'pred.fc1', 'pred.bn2', 'pred.fc2'];
    expect(keys).toEqual(['conv1.weight', ...heads.flatMap(layer)]);
    model.dispose();
  });

  test('is as wide as on ImageNet by default', () => {
    const model = new PawsModel({ backbone: createBackbone('resnet50') });
    const square = 2048 * 2048 + 2048;
    expect(parameterCount(model.fc)).toBe(3 * square + 4 * 2048);
    expect(parameterCount(model.pred!)).toBe(2 * 2048 * 512 + 2048 + 512 + 2 * (2048 + 512));
    model.dispose();
  });

  test('batch-norm statistics of the heads are per resolution', () => {
    const model = new PawsModel({ backbone: backbone(), outputDim: 8, dtype: 'float32' });
    scope(() => {
      const [support, view, local] = [rand([4, 3, 16, 16]), rand([3, 3, 16, 16]), rand([3, 3, 8, 8])];
      const { h, z, layout } = model.forward([support, view, local], 4);
      expect([h.shape, z.shape]).toEqual([
        [10, 8],
        [10, 8],
      ]);
      expect(layout).toEqual({ numLabeled: 4, viewRows: [3, 3] });
      const alone = model.forward([local]);
      expect(
        alone.z
          .sub(z.narrow(0, 7, 3))
          .abs()
          .max()
          .item(),
      ).toBeLessThan(1e-5);
      expect(model.stateDict().get('pred.bn1.num_batches_tracked')!.item()).toBe(3);
      const largest = h.sub(z).abs().max();
      expect(largest.item()).toBeGreaterThan(0);
      z.sum().backward();
    });
    expect(model.parameters().every((parameter) => parameter.grad !== null)).toBe(true);
    model.dispose();
  });

  test('without a prediction head z is h', () => {
    const model = new PawsModel({ backbone: backbone(), outputDim: 8, prediction: false }).eval();
    const own = liveTensors().count;
    scope(() => {
      const { h, z } = model.forward([rand([2, 3, 8, 8]), rand([2, 3, 16, 16])]);
      expect(z).toBe(h);
    });
    expect(liveTensors().count).toBe(own);
    model.dispose();
    expect(() => new PawsModel({ backbone: backbone(), outputDim: 3 })).toThrow(/at least 4 outputs/);
  });
});
