/** @file `swav-cifar10`: the SwAV pre-training of suave-cifar10 and daino-cifar10 alone; numbers in cifar-stages.ts. */
import { cifar10, cifarRecipe } from './cifar.js';
import { cifarSwav, equalizeNote } from './cifar-stages.js';

export const swavCifar10 = cifarRecipe(cifar10, {
  method: 'swav',
  description:
    'SwAV without labels for 32-pixel images with a ResNet-18, 500 epochs: where Suave and Daino start (--init)',
  stages: [cifarSwav],
  notes: [equalizeNote],
});
