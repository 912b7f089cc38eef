/**
 * @file `daino-cifar100`: SwAV pre-training, then Daino, for the 32-pixel images of CIFAR-100 (specification 8.3); numbers in cifar-stages.ts.
 */
import { cifar100, cifarRecipe } from './cifar.js';
import { cifarDaino, cifarSwav, equalizeNote } from './cifar-stages.js';

export const dainoCifar100 = cifarRecipe(cifar100, {
  method: 'daino',
  description: 'SwAV pre-training, then Daino, for 32-pixel images with a WideResNet-28-8; a long run, meant for a GPU',
  stages: [cifarSwav, cifarDaino],
  notes: [equalizeNote],
});
