/** @file The three training steps that `gpu-step` measures: recipe, batch, images; at full size, small (for a processor), and for the comparison of losses. */

const photos = { height: 256, width: 341 };

/**
 * `unlabeled`, `labeled`: images of a step before the labeled ones are extended; `queue`: its rows; `resident`: images in memory;
 * `steps`: of a sample.
 */
export const gpuModels = {
  resnet18: {
    description: 'Suave, ResNet-18 (CIFAR stem), 256 unlabeled images in 2x32 + 4x18 px crops and 128 labeled ones',
    recipe: 'suave-cifar10',
    stage: 'suave',
    image: { height: 32, width: 32 },
    classes: 10,
    settings: { 'stages.suave.onlineHeads': true },
    full: { unlabeled: 256, labeled: 128, queue: 3840, resident: 8192, steps: 20 },
    small: { unlabeled: 4, labeled: 4, queue: 8, resident: 64, steps: 1 },
    parity: { unlabeled: 4, labeled: 4, queue: 8, resident: 64, checked: 3 },
  },
  resnet50: {
    description: 'Suave, ResNet-50, 64 unlabeled images in 2x224 + 8x96 px crops and 32 labeled ones',
    recipe: 'suave-imagenet-1pct',
    stage: 'suave',
    image: photos,
    classes: 1000,
    settings: {},
    full: { unlabeled: 64, labeled: 32, queue: 3840, resident: 1024, steps: 6 },
    small: { unlabeled: 2, labeled: 2, queue: 4, resident: 16, steps: 1 },
    parity: { unlabeled: 4, labeled: 4, queue: 4, resident: 16, checked: 2 },
  },
  vit: {
    description: 'Daino, ViT-S/16, 64 unlabeled images in 2x224 + 8x96 px crops and 32 labeled ones',
    recipe: 'daino-imagenet-1pct',
    stage: 'daino',
    image: photos,
    classes: 1000,
    settings: {},
    full: { unlabeled: 64, labeled: 32, queue: 0, resident: 1024, steps: 6 },
    small: { unlabeled: 2, labeled: 2, queue: 0, resident: 16, steps: 1 },
    parity: { unlabeled: 2, labeled: 2, queue: 0, resident: 16, checked: 2 },
  },
};

/**
 * What both programs are started with.
 * @param size      `full`, `small`, or `parity`: the same weights and views on both sides, in float32, without stochastic depth
 */
export function gpuWorkload(model, { device, size, threads }) {
  const { description: _, full, small, parity, ...rest } = gpuModels[model];
  const numbers = { full, small, parity }[size];
  const filled = numbers.queue === 0 ? 0 : Math.ceil(numbers.queue / numbers.unlabeled);
  return {
    ...rest,
    ...numbers,
    model,
    device,
    threads,
    // The queue is used once it is full; the autotuner of cuDNN and the capture of a graph come before that.
    warmUpSteps: size === 'full' ? Math.max(12, filled + 4) : filled + 1,
    profiledSteps: size === 'full' ? 10 : 1,
    isParity: size === 'parity',
  };
}
