/** @file A user's program in plain JavaScript: an MLP on XOR, and a small convolutional network on bars; prints one JSON object. */
import * as torch from '@suave/torch';

const { nn, optim } = torch;

function train(model, images, targets, { steps, lr }) {
  const optimizer = new optim.SGD(model.parameters(), { lr, momentum: 0.9 });
  for (let step = 0; step < steps; step += 1) {
    torch.scope(() => {
      optimizer.zeroGrad();
      nn.functional.crossEntropy(model.forward(images), targets).backward();
      optimizer.step();
    });
  }
  optimizer.dispose();
}

function accuracy(model, images, targets) {
  model.eval();
  return torch.noGrad(() =>
    torch.scope(() => model.forward(images).argmax({ dim: 1 }).eq(targets).to({ dtype: 'float32' }).mean().item()),
  );
}

function xor() {
  const x = torch.tensor([
    [0, 0],
    [0, 1],
    [1, 0],
    [1, 1],
  ]);
  const y = torch.tensor([0, 1, 1, 0], { dtype: 'int64' });
  const model = new nn.Sequential(new nn.Linear(2, 16), new nn.GELU(), new nn.Linear(16, 2));
  train(model, x, y, { steps: 300, lr: 0.1 });
  return accuracy(model, x, y);
}

/** Images of 8 by 8 with a lit row or a lit column among random pixels. */
function bars(count) {
  const images = Array.from({ length: count }, (_, image) => {
    const lit = (image >> 1) % 8;
    return [
      Array.from({ length: 8 }, (_, row) =>
        Array.from({ length: 8 }, (_, column) => ((image % 2 === 0 ? row : column) === lit ? 1 : 0.7 * Math.random())),
      ),
    ];
  });
  const targets = images.map((_, image) => image % 2);
  return [torch.tensor(images), torch.tensor(targets, { dtype: 'int64' })];
}

function convolution() {
  const model = new nn.Sequential(
    new nn.Conv2d(1, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(128, 2),
  );
  train(model, ...bars(128), { steps: 60, lr: 0.05 });
  return accuracy(model, ...bars(200));
}

torch.manualSeed(0);
console.log(JSON.stringify({ version: torch.libtorchVersion(), xor: xor(), shapes: convolution() }));
