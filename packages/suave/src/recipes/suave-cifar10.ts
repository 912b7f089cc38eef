/**
 * @file `suave-cifar10`: SwAV pre-training, then Suave, for the 32-pixel images of CIFAR-10 (specification 8.3 with K = 10, 8.5); numbers in cifar-stages.ts.
 */
import { cifar10, cifarRecipe } from './cifar.js';
import { cifarSuave, cifarSwav, equalizeNote } from './cifar-stages.js';

export const suaveCifar10 = cifarRecipe(cifar10, {
  method: 'suave',
  description: 'SwAV pre-training, then Suave, for 32-pixel images with a ResNet-18; a long run, meant for a GPU',
  stages: [cifarSwav, cifarSuave],
  notes: ['backbone: resnet18 is the cheap alternative to the WideResNet-28-8 of suave-cifar100', equalizeNote],
});
