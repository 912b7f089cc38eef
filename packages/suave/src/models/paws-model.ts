/**
 * @file The network of PAWS: backbone, projection `fc` and, where wanted, prediction head `pred`.
 * Legend: N rows of all inputs, F features, D outputs. Keys are the published ones: the backbone's without a prefix,
 * `fc.{fc1,bn1,fc2,bn2,fc3}`, `pred.{bn1,fc1,bn2,fc2}`.
 */
import { cat, nn, relu_, scope, type Tensor } from '@suave/torch';
import { ConfigError } from '../errors.js';
import type { Backbone } from './backbone.js';
import { BackboneModel } from './backbone-model.js';
import { multiCropForwards, type RowLayout, rowLayout } from './multi-crop.js';
import type { Placement } from './placement.js';

/** Options of `PawsModel`; defaults are those of ImageNet. */
export interface PawsModelOptions extends Placement {
  /** Taken over: trained, moved and disposed with the model; without a classifier of its own. */
  readonly backbone: Backbone;
  /** D. Default 2048. */
  readonly outputDim?: number;
  /** Width of the two hidden layers of `fc`. Default: the backbone's features. */
  readonly hiddenDim?: number;
  /** Whether there is a prediction head; without one z is h. Default true. */
  readonly prediction?: boolean;
}

/** What a forward over a step's inputs gives; rows as `layout` says. */
export interface PawsOutput {
  /** Projections [N, D], before the prediction head. */
  readonly h: Tensor;
  /** Predictions [N, D]; the same tensor as `h` without a prediction head. */
  readonly z: Tensor;
  readonly layout: RowLayout;
}

/** Linear–BN–ReLU, Linear–BN–ReLU, Linear: [N, F] → [N, D]. */
class PawsProjection extends nn.Module {
  readonly fc1: nn.Linear;
  readonly bn1: nn.BatchNorm1d;
  readonly fc2: nn.Linear;
  readonly bn2: nn.BatchNorm1d;
  readonly fc3: nn.Linear;

  constructor(inFeatures: number, hiddenDim: number, outputDim: number, placement: Placement) {
    super();
    this.fc1 = new nn.Linear(inFeatures, hiddenDim, placement);
    this.bn1 = new nn.BatchNorm1d(hiddenDim, placement);
    this.fc2 = new nn.Linear(hiddenDim, hiddenDim, placement);
    this.bn2 = new nn.BatchNorm1d(hiddenDim, placement);
    this.fc3 = new nn.Linear(hiddenDim, outputDim, placement);
  }

  forward(features: Tensor): Tensor {
    return scope(() => {
      const first = relu_(this.bn1.forward(this.fc1.forward(features)));
      return this.fc3.forward(relu_(this.bn2.forward(this.fc2.forward(first))));
    });
  }
}

/** BN–Linear to a quarter–BN–ReLU–Linear back: [N, D] → [N, D]. */
class PawsPrediction extends nn.Module {
  readonly bn1: nn.BatchNorm1d;
  readonly fc1: nn.Linear;
  readonly bn2: nn.BatchNorm1d;
  readonly fc2: nn.Linear;

  constructor(dim: number, placement: Placement) {
    super();
    const hidden = Math.floor(dim / 4);
    this.bn1 = new nn.BatchNorm1d(dim, placement);
    this.fc1 = new nn.Linear(dim, hidden, placement);
    this.bn2 = new nn.BatchNorm1d(hidden, placement);
    this.fc2 = new nn.Linear(hidden, dim, placement);
  }

  forward(projections: Tensor): Tensor {
    return scope(() => {
      const hidden = this.fc1.forward(this.bn1.forward(projections));
      return this.fc2.forward(relu_(this.bn2.forward(hidden)));
    });
  }
}

/** `h = fc(backbone(x))`, `z = pred(h)` (Assran et al. 2021). */
export class PawsModel extends BackboneModel {
  readonly fc: PawsProjection;
  readonly pred: PawsPrediction | null;
  /** D. */
  readonly outputDim: number;

  constructor({ backbone, outputDim = 2048, hiddenDim, prediction = true, dtype, device }: PawsModelOptions) {
    super(backbone);
    if (prediction && outputDim < 4) {
      throw new ConfigError(
        'model.outputDim',
        `PawsModel: expected at least 4 outputs for a prediction head, got ${outputDim}. Use more, or no prediction head.`,
      );
    }
    const placement = { dtype, device };
    const width = backbone.outFeatures;
    this.outputDim = outputDim;
    this.fc = new PawsProjection(width, hiddenDim ?? width, outputDim, placement);
    this.pred = prediction ? new PawsPrediction(outputDim, placement) : null;
  }

  /**
   * Runs everything once per run of equally wide inputs, so that the heads' batch-norm statistics are per resolution,
   * unlike SwAV's and DINO's (specification 4.1).
   * @param inputs      labeled (support) images first if any, then the views in list order
   * @param numLabeled  rows of the first input when it is labeled, else 0
   */
  forward(inputs: readonly Tensor[], numLabeled = 0): PawsOutput {
    return scope(() => {
      const runs = multiCropForwards(inputs, (images) => this.#forwardRun(images));
      const join = (parts: Tensor[]) => (parts.length === 1 ? parts[0] : cat(parts));
      const h = join(runs.map((run) => run.h));
      const z = this.pred === null ? h : join(runs.map((run) => run.z));
      return { h, z, layout: rowLayout(inputs, numLabeled) };
    });
  }

  #forwardRun(images: Tensor): Pick<PawsOutput, 'h' | 'z'> {
    return scope(() => {
      const h = this.fc.forward(this.backbone.forward(images));
      return { h, z: this.pred === null ? h : this.pred.forward(h) };
    });
  }
}
