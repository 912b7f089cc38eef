/** @file A user's program: an MLP on XOR, and a small convolutional network on drawn shapes; prints one JSON object. */
import * as torch from '@suave/torch';
import { nn, optim, type Tensor } from '@suave/torch';

/** Takes steps of AdamW on a loss, freeing what each step makes. */
function train(model: nn.Module, steps: number, lr: number, loss: () => Tensor): number {
  const optimizer = new optim.AdamW(model.parameters(), { lr });
  let last = Number.NaN;
  for (let step = 0; step < steps; step += 1) {
    torch.scope(() => {
      optimizer.zeroGrad();
      const value = loss();
      value.backward();
      optimizer.step();
      last = value.item() as number;
    });
  }
  optimizer.dispose();
  return last;
}

/** The share of rows whose greatest logit is at the target. */
function accuracy(model: nn.Module & { forward(x: Tensor): Tensor }, images: Tensor, targets: Tensor): number {
  model.eval();
  const right = torch.scope(() =>
    torch.noGrad(() => model.forward(images).argmax({ dim: 1 }).eq(targets).to({ dtype: 'float32' }).mean().item()),
  );
  model.train();
  return right as number;
}

function xor(): number {
  const x = torch.tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  const y = torch.tensor([0, 1, 1, 0], { dtype: 'int64' });
  const model = new nn.Sequential(new nn.Linear(2, 16), new nn.GELU(), new nn.Linear(16, 2));
  train(model, 200, 0.05, () => nn.functional.crossEntropy(model.forward(x), y));
  return accuracy(model, x, y);
}

/** Images of 8 by 8: a horizontal bar, a vertical bar or a square, somewhere, in noise. */
function shapes(count: number, seed: number): { images: Tensor; targets: Tensor } {
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const pixels = new Float32Array(count * 64);
  const targets: number[] = [];
  for (let image = 0; image < count; image += 1) {
    const kind = image % 3;
    const [height, width] = kind === 0 ? [1, 5] : kind === 1 ? [5, 1] : [3, 3];
    const top = Math.floor(random() * (9 - height));
    const left = Math.floor(random() * (9 - width));
    for (let place = 0; place < 64; place += 1) {
      const row = place >> 3;
      const column = place & 7;
      const inside = row >= top && row < top + height && column >= left && column < left + width;
      pixels[image * 64 + place] = (inside ? 1 : 0) + 0.4 * (random() - 0.5);
    }
    targets.push(kind);
  }
  return {
    images: torch.fromTypedArray(pixels, [count, 1, 8, 8]),
    targets: torch.tensor(targets, { dtype: 'int64' }),
  };
}

function convolution(): number {
  const model = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 16, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(256, 3),
  );
  const known = shapes(192, 1);
  const unseen = shapes(300, 2);
  train(model, 60, 0.01, () => nn.functional.crossEntropy(model.forward(known.images), known.targets));
  return accuracy(model, unseen.images, unseen.targets);
}

torch.manualSeed(0);
console.log(JSON.stringify({ version: torch.libtorchVersion(), xor: xor(), shapes: convolution() }));
