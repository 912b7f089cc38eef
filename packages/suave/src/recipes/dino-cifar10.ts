/** @file `dino-cifar10`: DINO without labels for 32-pixel images as solo-learn has it (specification 8.4); numbers in cifar-stages.ts. */
import { cifar10, cifarRecipe } from './cifar.js';
import { cifarDino } from './cifar-stages.js';

export const dinoCifar10 = cifarRecipe(cifar10, {
  method: 'dino',
  description: 'DINO without labels for 32-pixel images with a ResNet-18, 1000 epochs',
  stages: [cifarDino],
  notes: ['epochs: 1000 as published; Daino starts from SwAV on these images, so nothing else needs this run'],
});
