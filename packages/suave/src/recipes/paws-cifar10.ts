/** @file `paws-cifar10`: PAWS for 32-pixel images (specification 4.6). Sources: W PAWS, I inferred. */

import type { Normalization } from '../augment/normalization.js';
import { cifarGlobal, cifarLocal } from '../augment/pipelines.js';
import { cifar10, cifarRecipe } from './cifar.js';
import { pawsDefaults, pawsLars } from './paws-imagenet.js';
import type { PawsStage, ViewConfig } from './schema.js';
import { viewOf } from './views.js';

/** CIFAR-10 statistics as PAWS has them (W). */
const statistics: Normalization = { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] };

/** Jitter at strength .5, solarized and equalized now and then, no blur (W); gray .2 as in SwAV's distortion (I). */
const colors = {
  normalization: null,
  jitter: { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, prob: 0.8 }, // W: .5 x (.8, .8, .8, .2)
  grayProb: 0.2, // I
  blur: null, // W
  solarize: { prob: 0.2, threshold: 'random' }, // W
  equalizeProb: 0.2, // W
} satisfies Partial<ViewConfig>;

const globalView = viewOf(cifarGlobal, statistics, { ...colors, scale: [0.75, 1] }); // W

const paws: PawsStage = {
  ...pawsDefaults,
  name: 'paws',
  epochs: 600, // W
  batch: { unlabeled: 256, classes: 10, imagesPerClass: 64, supportViews: 2 }, // W
  views: {
    unlabeled: [
      { ...globalView, count: 2 },
      viewOf(cifarLocal, statistics, { ...colors, count: 6, scale: [0.3, 0.75] }), // W; 6: as on ImageNet
    ],
    support: { ...globalView, name: 'support' }, // W
  },
  head: { hiddenDim: 128, outputDim: 128, prediction: false }, // W; width of the hidden layers: I
  optimizer: {
    ...pawsLars, // 10 epochs of warm-up, decay 1e-6: as on ImageNet (I)
    lr: 3.2, // W
    startLr: 0.8, // W
    finalLr: 0.032, // W
  },
};

export const pawsCifar10 = cifarRecipe(cifar10, {
  method: 'paws',
  description: 'PAWS for 32-pixel images with a WideResNet-28-2, 600 epochs',
  stages: [paws],
  arch: 'wrn-28-2', // W
  outputDim: 128, // W
  seed: 0, // ours
  statistics,
  notes: [
    'end: the published run is followed by 30 epochs of fine-tuning with another loss, which is not part of this recipe',
  ],
});
