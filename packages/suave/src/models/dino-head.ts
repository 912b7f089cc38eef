/**
 * @file The head of DINO and Daino: an MLP to a bottleneck, unit length, and a weight-normalised linear layer.
 * Legend: N rows, F features, H hidden, D bottleneck, K outputs. Keys `mlp.{0,2,4}`, `cls_heads.{i}`, `last_layer`.
 */
import { nn, scope, type Tensor } from '@suave/torch';
import { ConfigError } from '../errors.js';
import { normalizedRows, OnlineHeads } from './heads.js';
import type { Placement } from './placement.js';
import { atLeastFloat32 } from './precision.js';
import { drawTruncated } from './transformer-block.js';

/** A DINO head in numbers; defaults are DINO's. */
export interface DinoHeadOptions extends Placement {
  /** F, width of the backbone's features. */
  readonly inFeatures: number;
  /** K. */
  readonly outDim: number;
  /** H. Default 2048. */
  readonly hiddenDim?: number;
  /** D. Default 256. */
  readonly bottleneckDim?: number;
  /** Linear layers of the MLP; 1 = a single Linear to the bottleneck. Default 3. */
  readonly layers?: number;
  /** Batch norm after each hidden Linear. Default false. */
  readonly batchNorm?: boolean;
  /** Freezes the lengths of the last layer's rows at 1, so that logits are cosines. Default true. */
  readonly normLastLayer?: boolean;
  /** Adds a linear classifier to K on each detached activation, for monitoring. Default false. */
  readonly multiheadEval?: boolean;
}

/** What the head gives for N rows. */
export interface DinoScores {
  /** [N, K] before temperature. */
  readonly logits: Tensor;
  /** Online classifiers' scores [rows, K] on input, hidden activations and bottleneck; empty without `multiheadEval`. */
  readonly online: Tensor[];
}

/** Hidden blocks Linear–(BatchNorm1d)–GELU and a Linear to the bottleneck; a single Linear has no list around it. */
function createMlp(options: Required<Omit<DinoHeadOptions, keyof Placement>>, placement: Placement) {
  const { inFeatures, hiddenDim, bottleneckDim, layers, batchNorm } = options;
  if (layers === 1) return drawTruncated(new nn.Linear(inFeatures, bottleneckDim, placement));
  const parts: nn.Layer[] = [];
  for (let i = 0; i < layers - 1; i++) {
    parts.push(drawTruncated(new nn.Linear(i === 0 ? inFeatures : hiddenDim, hiddenDim, placement)));
    if (batchNorm) parts.push(new nn.BatchNorm1d(hiddenDim, placement));
    parts.push(new nn.GELU());
  }
  parts.push(drawTruncated(new nn.Linear(hiddenDim, bottleneckDim, placement)));
  return new nn.Sequential(...parts);
}

/** `last_layer(normalize(mlp(features)))` (Caron et al. 2021, section 3.1): [N, F] → [N, K]. */
export class DinoHead extends nn.Module {
  readonly mlp: nn.Linear | nn.Sequential;
  readonly cls_heads: OnlineHeads | null;
  readonly last_layer: nn.WeightNormLinear;

  constructor(options: DinoHeadOptions) {
    super();
    const { dtype, device, inFeatures, outDim, hiddenDim = 2048, bottleneckDim = 256, layers = 3 } = options;
    const { batchNorm = false, normLastLayer = true, multiheadEval = false } = options;
    if (!(Number.isInteger(layers) && layers >= 1)) {
      throw new ConfigError(
        'model.head.layers',
        `DinoHead: expected at least 1 linear layer, got ${layers}. DINO uses 3.`,
      );
    }
    const placement = { dtype, device };
    const shape = { inFeatures, outDim, hiddenDim, bottleneckDim, layers, batchNorm, normLastLayer, multiheadEval };
    this.mlp = createMlp(shape, placement);
    const widths = [inFeatures, ...new Array<number>(layers - 1).fill(hiddenDim), bottleneckDim];
    this.cls_heads = multiheadEval ? new OnlineHeads(widths, outDim, placement) : null;
    for (const head of this.cls_heads ?? []) drawTruncated(head as nn.Linear);
    this.last_layer = new nn.WeightNormLinear(bottleneckDim, outDim, placement);
    if (normLastLayer) this.last_layer.weight_g.requiresGrad = false;
  }

  forward(features: Tensor): Tensor {
    return scope(() => this.score(features, 0).logits);
  }

  /**
   * Logits of all rows and the online classifiers' scores of the first `numWatched` rows (all of them by default).
   * The classifiers never send a gradient back.
   */
  score(features: Tensor, numWatched = features.shape[0]): DinoScores {
    return scope(() => {
      const { hidden, bottleneck } = this.#project(features);
      const logits = this.last_layer.forward(normalizedRows(atLeastFloat32(bottleneck)));
      const watched = [features, ...hidden, bottleneck].map((x) => x.narrow(0, 0, numWatched).detach());
      return { logits, online: numWatched > 0 ? (this.cls_heads?.classify(watched) ?? []) : [] };
    });
  }

  /** What the last layer reads for features [N, F]: [N, D], rows of unit length, in at least float32. */
  bottleneck(features: Tensor): Tensor {
    return scope(() => normalizedRows(atLeastFloat32(this.#project(features).bottleneck)));
  }

  #project(features: Tensor): { hidden: Tensor[]; bottleneck: Tensor } {
    if (this.mlp instanceof nn.Linear) return { hidden: [], bottleneck: this.mlp.forward(features) };
    const hidden: Tensor[] = [];
    let x = features;
    for (const layer of this.mlp) {
      x = layer.forward(x);
      if (layer instanceof nn.GELU) hidden.push(x);
    }
    return { hidden, bottleneck: x };
  }
}
