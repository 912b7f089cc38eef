/** @file A backbone with a linear classifier: what supervised training alone uses. */
import { nn, scope, type Tensor } from '@suave/torch';
import type { Backbone } from './backbone.js';
import { BackboneModel } from './backbone-model.js';
import type { Placement } from './placement.js';

/** A network from images to class scores. */
export interface ClassifierNetwork extends nn.Module {
  /** Class scores [N, K] of images [N, C, H, W]. */
  classify(images: Tensor): Tensor;
  /** Called before each training step: scales prototypes to unit length where the network has some. */
  normalizePrototypes_?(): void;
}

/** `fc(backbone(images))`; keys are torchvision's (`conv1.weight` … `fc.weight`, `fc.bias`). */
export class LinearClassifier extends BackboneModel implements ClassifierNetwork {
  readonly fc: nn.Linear;

  /** @param backbone  taken over: disposed with the model */
  constructor(backbone: Backbone, numClasses: number, placement: Placement = {}) {
    super(backbone);
    this.fc = new nn.Linear(backbone.outFeatures, numClasses, placement);
  }

  forward(images: Tensor): Tensor {
    return scope(() => this.fc.forward(this.backbone.forward(images)));
  }

  classify(images: Tensor): Tensor {
    return this.forward(images);
  }
}
