/**
 * @file `suave-cifar100`: SwAV pre-training, then Suave, for the 32-pixel images of CIFAR-100 (specification 8.3); numbers in cifar-stages.ts.
 */
import { cifar100, cifarRecipe } from './cifar.js';
import { cifarSuave, cifarSwav, equalizeNote } from './cifar-stages.js';

export const suaveCifar100 = cifarRecipe(cifar100, {
  method: 'suave',
  description: 'SwAV pre-training, then Suave, for 32-pixel images with a WideResNet-28-8; a long run, meant for a GPU',
  stages: [cifarSwav, cifarSuave],
  notes: [
    'backbone: the paper does not name it; WideResNet-28-8 is inferred, resnet18 is a cheap alternative',
    equalizeNote,
  ],
});
