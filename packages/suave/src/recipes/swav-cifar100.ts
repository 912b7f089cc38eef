/** @file `swav-cifar100`: the SwAV pre-training of suave-cifar100 and daino-cifar100 alone; numbers in cifar-stages.ts. */
import { cifar100, cifarRecipe } from './cifar.js';
import { cifarSwav, equalizeNote } from './cifar-stages.js';

export const swavCifar100 = cifarRecipe(cifar100, {
  method: 'swav',
  description:
    'SwAV without labels for 32-pixel images with a WideResNet-28-8, 500 epochs: where Suave and Daino start (--init)',
  stages: [cifarSwav],
  notes: [equalizeNote],
});
