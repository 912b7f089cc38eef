/**
 * @file What a learning method is: a small object that owns its modules and its loss. It knows no file, clock,
 * progress bar, optimizer or rank; sums over ranks come through `Collective`.
 * Shapes: L' labeled rows, K classes or prototypes, B unlabeled images, V views and M mixed views of each.
 */
import type { nn, Tensor } from '@suave/torch';
import type { ClusterWatch } from './cluster-watch.js';

/** What one step learns from; either part may be missing where the method allows it. */
export interface Batch {
  readonly labeled: {
    /** [L', C, H, W]: originals first, mixed ones after them. */
    readonly images: Tensor;
    /** Floating [L', K], one-hot or mixed. */
    readonly targets: Tensor;
    /** Rows that are not mixed. */
    readonly numOriginal: number;
  } | null;
  readonly unlabeled: {
    /** V + M batches [B, C, s, s] in list order. */
    readonly views: readonly Tensor[];
    /** Positions of the M mixed views in `views`. */
    readonly mixedPositions: readonly number[];
    /**
     * Weight of the first image of each mixed view; the rest is the image of the reversed batch. Numbers, or float64 scalars on the
     * device where a step must not depend on numbers of the host.
     */
    readonly mixedLambdas: readonly (number | Tensor)[];
    /** int64 [B], true classes for metrics only; −1 where unknown. */
    readonly hiddenLabels: Tensor | null;
  } | null;
}

/** Where training stands; `step` and `epoch` count from 0 within the stage. */
export interface Progress {
  readonly step: number;
  readonly epoch: number;
  readonly stepsPerEpoch: number;
  readonly epochs: number;
  readonly totalSteps: number;
  /** False where nobody will read the metrics of this step, so that they need not be computed. Default true. */
  readonly monitored?: boolean;
  /**
   * The method's `schedules` as float64 scalars on the device, for a step that must not depend on numbers of the host because it is
   * done again and again as captured. Default absent: the numbers themselves.
   */
  readonly scheduled?: Readonly<Record<string, Tensor>>;
}

/** The loss with its graph, and what to write down: scalars on the device, detached. */
export interface StepResult {
  readonly loss: Tensor;
  readonly terms: Record<string, Tensor>;
}

/** Parameters that the optimizer treats alike. */
export interface ParameterGroup {
  /** For messages: `all`, `trunk`, `head`, `regularized`, `unregularized`. */
  readonly name: string;
  readonly parameters: readonly Tensor[];
  /** Whether weight decay applies. */
  readonly decays: boolean;
  /** LARS: neither scaled nor decayed. Default false. */
  readonly excluded?: boolean;
  /** Which rate of the stage's optimizer it follows. Default `lr`. */
  readonly rate?: 'lr' | 'headLr';
}

/** Labeled images prepared as for evaluation. */
export interface LabeledImages {
  /** [B, 3, s, s] */
  readonly images: Tensor;
  /** int64 [B], classes 0 … K−1. */
  readonly labels: Tensor;
}

/** All parameters of a model as one group that decays. */
export function oneGroup(model: nn.Module): ParameterGroup[] {
  return [{ name: 'all', parameters: model.parameters(), decays: true }];
}

/**
 * A learning method. One step is: set `schedules` in the optimizer, `step`, backward, clip, `afterBackward`, optimizer,
 * `afterStep`. The trainer encloses it in one `scope`.
 */
export interface Method {
  /** The network that learns, is checkpointed and handed to the next stage. */
  readonly model: nn.Module;
  /** False where `classify` scores clusters that no label names, so that accuracy means nothing. */
  readonly predictsClasses: boolean;
  /** T: `softmax(classify(images) / temperature)` are the probabilities that the loss trained. */
  readonly temperature: number;
  /** Which clusters win the unlabeled images, where there are clusters. */
  readonly clusters?: ClusterWatch;
  /** Largest norm of each parameter's gradient, or absent; the train step clips between backward and `afterBackward`. */
  readonly clipGradNorm?: number | null;
  /** All that the optimizer may change; a parameter of no group stays as it is. */
  parameterGroups(): ParameterGroup[];
  step(batch: Batch, progress: Progress): StepResult;
  /** Makes the gradients of frozen parts absent. */
  afterBackward(progress: Progress): void;
  /** Moves what follows the optimizer's step, as a momentum encoder. */
  afterStep(progress: Progress): void;
  /** Values of this step that its work, the optimizer or the log need. */
  schedules(progress: Progress): Record<string, number>;
  /**
   * What decides, beside `schedules` and the batch, which work `step` to `afterStep` give to the device: two steps with the same text do the
   * same. Null for a step that also changes something on the host, such as how full a queue is.
   */
  variant(progress: Progress): string | null;
  /** Scores [N, K] of images in eval mode, without gradient; the mode is restored. */
  classify(images: Tensor): Tensor;
  /** Lengths [K] of the prototypes behind the columns of `classify`'s scores, which training takes as 1, where there are such. */
  prototypeLengths?(): Tensor;
  /**
   * Remembers labeled images where `classify` compares with them; called before validation and at the end.
   * @param labeled  batches prepared as for evaluation; a batch is valid until the next one is asked for
   */
  refreshClassifier?(labeled: Iterable<LabeledImages> | AsyncIterable<LabeledImages>): Promise<void>;
  /** Everything that a resumed run needs, live tensors by name. */
  state(): Map<string, Tensor>;
  loadState(state: ReadonlyMap<string, Tensor>): void;
  train(): void;
  eval(): void;
  dispose(): void;
}
