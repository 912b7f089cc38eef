/** @file A network of every kind of layer takes no memory that it does not give back. */
import { expect, test } from 'vitest';
import '../index.js';
import { tensor } from '../creation.js';
import { rand } from '../generated/operators.js';
import { liveTensors, scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import * as nn from './index.js';

class Mixed extends nn.Module {
  stem = new nn.Sequential(
    new nn.Conv2d(1, 4, 3, { padding: 'same', paddingMode: 'reflect' }),
    new nn.BatchNorm2d(4),
    new nn.ReLU({ inplace: true }),
    new nn.MaxPool2d(2),
    nn.weightNorm(new nn.Conv2d(4, 4, 1)),
    new nn.GroupNorm(2, 4),
    new nn.SiLU(),
    new nn.ConvTranspose2d(4, 4, 2, { stride: 2 }),
    new nn.InstanceNorm2d(4, { affine: true }),
    new nn.Upsample({ scaleFactor: 0.5, mode: 'bilinear' }),
    new nn.Dropout2d(0.1),
  );
  attention = new nn.MultiheadAttention(4, 2, { batchFirst: true, dropout: 0.1 });
  norm = new nn.LayerNorm(4);
  table = new nn.Embedding(3, 4);
  paths = new nn.DropPath(0.1);
  head = new nn.Sequential(
    new nn.AdaptiveAvgPool1d(1),
    new nn.Flatten(),
    new nn.WeightNormLinear(4, 3),
    new nn.Dropout(0.1),
  );
  loss = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 });

  forward(x: Tensor, labels: Tensor): Tensor {
    return scope(() => {
      const tokens = this.stem
        .forward(x)
        .flatten({ startDim: 2 })
        .transpose(1, 2)
        .add(this.table.forward(labels).unsqueeze(1));
      const [attended] = this.attention.forward(tokens, tokens, tokens, { needWeights: false });
      const mixed = this.norm.forward(tokens.add(this.paths.forward(attended)));
      return this.loss.forward(this.head.forward(mixed.transpose(1, 2)), labels);
    });
  }
}

test('thousands of steps leave as many tensors as the first; dispose frees all', () => {
  const atStart = liveTensors();
  const net = new Mixed();
  const made = liveTensors().count;
  const labels = tensor([0, 2], { dtype: 'int64' });
  const counts = new Set<string>();
  for (let step = 0; step < 2000; step++) {
    scope(() => {
      const loss = net.forward(rand([2, 1, 4, 4]), labels);
      loss.backward();
      if (step % 2 === 1) net.zeroGrad();
    });
    if (step > 0) counts.add(JSON.stringify([step % 2, liveTensors()]));
  }
  expect(counts.size).toBe(2);
  net.zeroGrad();
  expect(liveTensors().count).toBe(made + 1);
  expect(() => scope(() => net.forward(rand([2, 3, 4, 4]), labels))).toThrow(
    /expected \[N, 1, H, W\], got \[2, 3, 4, 4\]/,
  );
  expect(liveTensors().count).toBe(made + 1);
  net.dispose();
  labels.dispose();
  expect(liveTensors()).toEqual(atStart);
});
