/**
 * @file The network of DINO and Daino, student or teacher: a backbone and a DINO head on all crops at once.
 * Legend: N rows of all inputs, L' labeled rows, F features, K outputs. Keys `backbone.*`, `head.*`.
 */
import { nn, scope, type Tensor } from '@suave/torch';
import type { Backbone } from './backbone.js';
import { refuseClassifier } from './backbone-model.js';
import { DinoHead, type DinoHeadOptions } from './dino-head.js';
import type { ClassifierNetwork } from './linear-classifier.js';
import { multiCropForward, type RowLayout, rowLayout } from './multi-crop.js';

/** Options of `DinoModel`: a backbone, and the head's numbers but for its input. */
export interface DinoModelOptions extends Omit<DinoHeadOptions, 'inFeatures'> {
  /** Taken over: trained, moved and disposed with the model; without a classifier of its own. */
  readonly backbone: Backbone;
}

/** What a forward over a step's inputs gives; rows as `layout` says. */
export interface DinoOutput {
  /** Backbone features [N, F]. */
  readonly features: Tensor;
  /** Scores [N, K] before temperature. */
  readonly logits: Tensor;
  /** Scores [L', K] of the online classifiers on detached labeled rows; empty without them. */
  readonly online: Tensor[];
  readonly layout: RowLayout;
}

/** Backbone and DINO head (Caron et al. 2021; Daino ties output k to class k). */
export class DinoModel extends nn.Module implements ClassifierNetwork {
  readonly backbone: Backbone;
  readonly head: DinoHead;

  constructor({ backbone, ...head }: DinoModelOptions) {
    super();
    refuseClassifier(backbone, 'DinoModel');
    this.backbone = backbone;
    this.head = new DinoHead({ inFeatures: backbone.outFeatures, ...head });
  }

  /** K. */
  get outDim(): number {
    return this.head.last_layer.outFeatures;
  }

  /**
   * One backbone call per run of equally wide inputs, one call of the head on all rows.
   * @param inputs      labeled images (if any) first, then the views in list order
   * @param numLabeled  L', rows of the first input when it is labeled, else 0
   */
  forward(inputs: readonly Tensor[], numLabeled = 0): DinoOutput {
    return scope(() => {
      const features = multiCropForward(inputs, (images) => this.backbone.forward(images));
      return { features, ...this.head.score(features, numLabeled), layout: rowLayout(inputs, numLabeled) };
    });
  }

  classify(images: Tensor): Tensor {
    return scope(() => this.forward([images]).logits);
  }
}
