/**
 * @file The network of SwAV and Suave: backbone, projection head, prototypes, and online heads that only watch.
 * Shapes: L' labeled rows, N rows of all inputs, F features, D embedding, K prototypes.
 * State-dict keys are those of the published checkpoints, without a prefix for the backbone.
 */
import { nn, scope, type Tensor } from '@suave/torch';
import { ConfigError } from '../errors.js';
import type { Backbone } from './backbone.js';
import { BackboneModel } from './backbone-model.js';
import {
  ensembleLogits,
  hiddenWidths,
  normalizedRows,
  normalizeRows_,
  OnlineHeads,
  ProjectionHead,
  PrototypeLayers,
} from './heads.js';
import { multiCropForward, type RowLayout, rowLayout } from './multi-crop.js';
import type { Placement } from './placement.js';
import { atLeastFloat32 } from './precision.js';

/** What a forward over a step's inputs gives; rows as `layout` says. */
export interface SwavOutput {
  /** Pooled backbone features [N, F]. */
  readonly features: Tensor;
  /** Embeddings z [N, D] in at least float32, rows of unit length where the model normalizes. */
  readonly embeddings: Tensor;
  /** Scores z Wᵀ [N, K_i] before temperature, one tensor per prototype layer. */
  readonly logits: Tensor[];
  /** Logits [L', classes] of the online heads on detached labeled rows, the ensemble head last. */
  readonly online: Tensor[];
  readonly layout: RowLayout;
}

/** A network that scores images against prototypes: what the SwAV family of methods needs of a model. */
export interface PrototypeNetwork extends nn.Module {
  /** K of each prototype layer. */
  readonly prototypeCounts: readonly number[];
  /** D. */
  readonly embeddingSize: number;
  /** Whether the last online output is the classifier on the concatenated features. */
  readonly hasEnsembleHead: boolean;
  /**
   * @param inputs      labeled images (if any) first, then the views in list order
   * @param numLabeled  L', rows of the first input when it is labeled, else 0
   */
  forward(inputs: readonly Tensor[], numLabeled?: number): SwavOutput;
  /** Scores [N, K_i] of given embeddings [N, D] under the current prototypes, one tensor per layer. */
  prototypeLogits(embeddings: Tensor): Tensor[];
  /** Scales the prototypes to unit length, in place, outside autograd. */
  normalizePrototypes_(): void;
  /** Prototypes [K, D] of each layer, live. */
  readonly prototypeWeights: readonly Tensor[];
}

/** Options of `SwavModel`; defaults are the paper's. */
export interface SwavModelOptions extends Placement {
  /** Taken over: disposed with the model. */
  readonly backbone: Backbone;
  /** Widths of the hidden blocks of the projection; `[0]` = a single Linear. Default `[2048]`. */
  readonly hiddenMlp?: readonly number[];
  /** D, the embedding size; 0 = no projection head. Default 128. */
  readonly outputDim?: number;
  /** Whether embeddings are L2-normalised. Default true. */
  readonly normalize?: boolean;
  /** Number of prototypes, a list of numbers for several layers, or null for none. Default null. */
  readonly prototypes?: number | readonly number[] | null;
  /** Classes of the online heads; null = no online heads. Default null. */
  readonly onlineClasses?: number | null;
  /** Adds the online classifier on the concatenated features, `cls_ensemble`. Default false. */
  readonly ensembleHead?: boolean;
}

/** Backbone + projection head + prototypes (SwAV, section 3; Suave ties prototype k to class k). */
export class SwavModel extends BackboneModel implements PrototypeNetwork {
  /** Whether embeddings are L2-normalised. */
  readonly normalize: boolean;
  readonly #prototypeLayers: readonly nn.Linear[];
  readonly embeddingSize: number;
  readonly projection_head: ProjectionHead | null;
  readonly cls_heads: OnlineHeads | null;
  readonly cls_ensemble: nn.Linear | null;
  readonly prototypes: nn.Linear | PrototypeLayers | null;

  constructor(options: SwavModelOptions) {
    super(options.backbone);
    const { backbone, hiddenMlp = [2048], outputDim = 128, prototypes = null, onlineClasses = null } = options;
    const placement: Placement = {
      ...(options.dtype ? { dtype: options.dtype } : {}),
      ...(options.device ? { device: options.device } : {}),
    };
    this.normalize = options.normalize ?? true;

    this.projection_head =
      outputDim > 0 ? new ProjectionHead(backbone.outFeatures, hiddenMlp, outputDim, placement) : null;
    this.embeddingSize = outputDim > 0 ? outputDim : backbone.outFeatures;

    if (options.ensembleHead && onlineClasses === null) {
      throw new ConfigError(
        'model.ensembleHead',
        'SwavModel: the ensemble head needs online heads. Set onlineClasses.',
      );
    }
    const widths = [backbone.outFeatures, ...(outputDim > 0 ? [...hiddenWidths(hiddenMlp), outputDim] : [])];
    this.cls_heads = onlineClasses === null ? null : new OnlineHeads(widths, onlineClasses, placement);
    this.cls_ensemble =
      options.ensembleHead && onlineClasses !== null
        ? new nn.Linear(
            widths.reduce((sum, width) => sum + width, 0),
            onlineClasses,
            placement,
          )
        : null;

    if (prototypes === null) {
      this.prototypes = null;
      this.#prototypeLayers = [];
    } else if (typeof prototypes === 'number') {
      this.prototypes = new nn.Linear(this.embeddingSize, prototypes, { bias: false, ...placement });
      this.#prototypeLayers = [this.prototypes];
    } else {
      this.prototypes = new PrototypeLayers(this.embeddingSize, prototypes, placement);
      this.#prototypeLayers = this.prototypes.layers;
    }
  }

  get prototypeCounts(): readonly number[] {
    return this.#prototypeLayers.map((layer) => layer.outFeatures);
  }

  get prototypeWeights(): readonly Tensor[] {
    return this.#prototypeLayers.map((layer) => layer.weight);
  }

  get hasEnsembleHead(): boolean {
    return this.cls_ensemble !== null;
  }

  forward(inputs: readonly Tensor[], numLabeled = 0): SwavOutput {
    return scope(() => {
      const layout = rowLayout(inputs, numLabeled);
      const features = multiCropForward(inputs, (images) => this.backbone.forward(images));
      const { hidden, output } = this.projection_head?.project(features) ?? { hidden: [], output: features };
      const wide = atLeastFloat32(output);
      const embeddings = this.normalize ? normalizedRows(wide) : wide;
      const logits = this.prototypeLogits(embeddings);
      const watched = this.projection_head ? [features, ...hidden, output] : [features];
      return { features, embeddings, logits, online: this.#onlineLogits(watched, numLabeled), layout };
    });
  }

  /** Online heads see labeled rows only and never send a gradient back. */
  #onlineLogits(features: readonly Tensor[], numLabeled: number): Tensor[] {
    const { cls_heads: heads, cls_ensemble: ensemble } = this;
    if (heads === null || numLabeled === 0) return [];
    return scope(() => {
      const detached = features.map((feature) => feature.narrow(0, 0, numLabeled).detach());
      const online = heads.classify(detached);
      return ensemble === null ? online : [...online, ensembleLogits(ensemble, detached)];
    });
  }

  prototypeLogits(embeddings: Tensor): Tensor[] {
    return this.#prototypeLayers.map((layer) => layer.forward(embeddings));
  }

  normalizePrototypes_(): void {
    for (const layer of this.#prototypeLayers) normalizeRows_(layer.weight);
  }

  /** Class scores [N, K] of one batch of images, for evaluation. */
  classify(images: Tensor): Tensor {
    return scope(() => this.forward([images]).logits[0]);
  }
}
