/** @file A convolutional network with batch norm tells drawn shapes apart; accuracy on images that it has not seen. */
import * as torch from '@suave/torch';
import { nn, optim, type Tensor } from '@suave/torch';

const { functional: F } = nn;
const SIZE = 12;

class ConvNet extends nn.Module {
  readonly conv1 = new nn.Conv2d(1, 16, 3, { padding: 1, bias: false });
  readonly bn1 = new nn.BatchNorm2d(16);
  readonly conv2 = new nn.Conv2d(16, 32, 3, { padding: 1, bias: false });
  readonly bn2 = new nn.BatchNorm2d(32);
  readonly fc = new nn.Linear(32, 3);

  /** @param images  [N, 1, H, W] @returns logits [N, 3] */
  forward(images: Tensor): Tensor {
    const half = F.maxPool2d(this.bn1.forward(this.conv1.forward(images)).relu(), [2, 2]);
    const features = this.bn2.forward(this.conv2.forward(half)).relu();
    return this.fc.forward(features.mean([2, 3]));
  }
}

/** Noisy images [count, 1, 12, 12] of a horizontal bar, a vertical bar or a square, and their labels [count]. */
function drawShapes(count: number): { images: Tensor; labels: Tensor } {
  const pixels = torch.scope(() => torch.mul(torch.rand([count * SIZE * SIZE]), 0.6).data());
  const places = torch.scope(() => torch.rand([2 * count]).data());
  const labels = Array.from({ length: count }, (_, i) => i % 3);
  for (const [i, label] of labels.entries()) {
    const height = [1, 6, 4][label]!;
    const width = [6, 1, 4][label]!;
    const top = Math.floor(places[2 * i]! * (SIZE - height));
    const left = Math.floor(places[2 * i + 1]! * (SIZE - width));
    for (let y = top; y < top + height; y++) {
      const start = (i * SIZE + y) * SIZE + left;
      pixels.fill(1, start, start + width);
    }
  }
  const images = torch.fromTypedArray(pixels, [count, 1, SIZE, SIZE]);
  return { images, labels: torch.tensor(labels, { dtype: 'int64' }) };
}

/** Share of right answers, in evaluation mode: batch norm uses its running statistics. */
function accuracy(model: ConvNet, { images, labels }: { images: Tensor; labels: Tensor }): number {
  model.eval();
  const share = torch.scope(() =>
    torch.noGrad(() => model.forward(images).argmax({ dim: 1 }).eq(labels).to('float32').mean().item()),
  );
  model.train();
  return share;
}

torch.manualSeed(0);
const seen = drawShapes(480);
const unseen = drawShapes(300);
const model = new ConvNet();
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9, weightDecay: 1e-4 });
const BATCH = 32;
const EPOCHS = 6;

for (let epoch = 0; epoch < EPOCHS; epoch++) {
  for (const group of optimizer.paramGroups) group.lr = 0.1 * (1 - epoch / EPOCHS);
  const order = torch.randperm(480);
  for (let start = 0; start < 480; start += BATCH) {
    torch.scope(() => {
      const batch = order.narrow(0, start, BATCH);
      optimizer.zeroGrad();
      F.crossEntropy(model.forward(seen.images.indexSelect(0, batch)), seen.labels.indexSelect(0, batch)).backward();
      optimizer.step();
    });
  }
  order.dispose();
  console.log(`epoch ${epoch}: accuracy ${accuracy(model, seen).toFixed(3)}`);
}
console.log(`accuracy on unseen shapes: ${accuracy(model, unseen).toFixed(3)}`);
