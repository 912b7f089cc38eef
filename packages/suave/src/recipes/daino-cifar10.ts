/**
 * @file `daino-cifar10`: SwAV pre-training, then Daino, for the 32-pixel images of CIFAR-10 (specification 8.3 with K = 10, 8.5); numbers in cifar-stages.ts.
 */
import { cifar10, cifarRecipe } from './cifar.js';
import { cifarDaino, cifarSwav, equalizeNote } from './cifar-stages.js';

export const dainoCifar10 = cifarRecipe(cifar10, {
  method: 'daino',
  description: 'SwAV pre-training, then Daino, for 32-pixel images with a ResNet-18; a long run, meant for a GPU',
  stages: [cifarSwav, cifarDaino],
  notes: [equalizeNote],
});
