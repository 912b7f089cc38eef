/** @file Accuracy, loss and probabilities of a classifier from its scores. Shapes: N images, K classes. */
import { logSoftmax, noGrad, scope, type Tensor, tensor } from '@suave/torch';

/** What a classifier scored on images of known class. Accuracies are fractions. */
export interface Score {
  top1: number;
  top5: number;
  /** Cross entropy of `softmax(scores / temperature)`, nats. */
  loss: number;
  images: number;
  /** Per class of the evaluated images. */
  classes: { top1: number; images: number }[];
}

/**
 * Scores a classifier; ties count for the class with the smaller index.
 * @param scores_NK    float32 [N, K] on the CPU
 * @param labels       class index of every row
 * @param temperature  T of the probabilities
 */
export function scoreOf(scores_NK: Tensor, labels: Int32Array, temperature: number): Score {
  const [numImages, numClasses] = scores_NK.shape;
  const scores = scores_NK.data() as Float32Array;
  const classes = Array.from({ length: numClasses }, () => ({ top1: 0, images: 0 }));
  let top1 = 0;
  let top5 = 0;
  for (let row = 0; row < numImages; row++) {
    const label = labels[row];
    const own = scores[row * numClasses + label];
    let better = 0;
    for (let k = 0; k < numClasses; k++) {
      const score = scores[row * numClasses + k];
      if (score > own || (score === own && k < label)) better++;
    }
    const entry = classes[label];
    entry.images++;
    if (better === 0) {
      top1++;
      entry.top1++;
    }
    if (better < 5) top5++;
  }
  for (const entry of classes) if (entry.images > 0) entry.top1 /= entry.images;
  return {
    top1: top1 / numImages,
    top5: top5 / numImages,
    loss: lossOf(scores_NK, labels, temperature),
    images: numImages,
    classes,
  };
}

/** Mean cross entropy of `softmax(scores / temperature)` in nats, computed in float64. */
export function lossOf(scores_NK: Tensor, labels: Int32Array, temperature: number): number {
  return noGrad(() =>
    scope(() => {
      const targets = tensor(labels).to('int64');
      const logProbs = logSoftmax(scores_NK.to('float64').div(temperature), 1);
      return -logProbs.gather(1, targets.unsqueeze(1)).mean().item();
    }),
  );
}

/**
 * The temperature with the smallest cross entropy (temperature scaling, Guo et al. 2017), by golden-section search over ln T,
 * between 0.001 and 100. The loss is convex in 1/T, so the search finds the minimum.
 * @param scores_NK  float32 [N, K] of images that were not trained on
 */
export function fitTemperature(scores_NK: Tensor, labels: Int32Array): number {
  const golden = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(1e-3);
  let high = Math.log(100);
  const loss = (logTemperature: number): number => lossOf(scores_NK, labels, Math.exp(logTemperature));
  let left = high - golden * (high - low);
  let right = low + golden * (high - low);
  let lossLeft = loss(left);
  let lossRight = loss(right);
  while (high - low > 1e-4) {
    if (lossLeft <= lossRight) {
      high = right;
      right = left;
      lossRight = lossLeft;
      left = high - golden * (high - low);
      lossLeft = loss(left);
    } else {
      low = left;
      left = right;
      lossLeft = lossRight;
      right = low + golden * (high - low);
      lossRight = loss(right);
    }
  }
  return Math.exp((low + high) / 2);
}
