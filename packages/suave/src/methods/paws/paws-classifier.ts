/**
 * @file The network of PAWS as a classifier: it compares images with the labeled ones that it remembers (PAWS-NN, method
 * specification 4.5). Legend: N images, S labeled images, D embedding, K classes.
 */
import { empty, nn, scope, type Tensor } from '@suave/torch';
import { CheckpointError } from '../../errors.js';
import {
  atLeastFloat32,
  type ClassifierNetwork,
  normalizedRows,
  PawsModel,
  type PawsModelOptions,
} from '../../models/index.js';
import { pawsNearestNeighbourScores } from './soft-neighbours.js';

/** Embeddings of the labeled images and their classes; keys `support.embeddings`, `support.labels`. */
class SupportBank extends nn.Module {
  /** [S, D], rows of unit length. */
  embeddings: Tensor;
  /** int64 [S], classes 0 … K−1. */
  labels: Tensor;

  constructor(embeddings: Tensor, labels: Tensor) {
    super();
    this.embeddings = nn.buffer(embeddings);
    this.labels = nn.buffer(labels);
  }
}

/** Options of `PawsClassifier`. */
export interface PawsClassifierOptions extends PawsModelOptions {
  /** K. */
  readonly numClasses: number;
  /** τ of the similarities. Default 0.1. */
  readonly temperature?: number;
}

/** A `PawsModel` with a bank of labeled images; without a bank its state is that of the model alone. */
export class PawsClassifier extends PawsModel implements ClassifierNetwork {
  readonly numClasses: number;
  /** τ. */
  readonly temperature: number;
  /** What `classify` compares with; null until `setSupport`, or a state that holds some. */
  support: SupportBank | null = null;

  constructor({ numClasses, temperature = 0.1, ...model }: PawsClassifierOptions) {
    super(model);
    this.numClasses = numClasses;
    this.temperature = temperature;
  }

  /** Embeddings z [N, D] of images, rows of unit length, in at least float32. */
  embed(images: Tensor): Tensor {
    return scope(() => normalizedRows(atLeastFloat32(this.forward([images]).z)));
  }

  /**
   * Scores [N, K] of images: `softmax(scores)` are their class probabilities.
   * @throws CheckpointError `CHECKPOINT_WITHOUT_SUPPORT` before the bank is there
   */
  classify(images: Tensor): Tensor {
    const { support, temperature, numClasses } = this;
    if (support === null) {
      throw new CheckpointError(
        'PawsClassifier.classify: expected embeddings of labeled images to compare with, got none. Train to the end of an epoch first.',
        { code: 'CHECKPOINT_WITHOUT_SUPPORT' },
      );
    }
    return scope(() =>
      pawsNearestNeighbourScores(support.embeddings, support.labels, this.embed(images), temperature, numClasses),
    );
  }

  /**
   * Replaces the bank.
   * @param embeddings  [S, D], rows of unit length, on the model's device
   * @param labels      int64 [S], classes 0 … K−1; both belong to the model from now on
   */
  setSupport(embeddings: Tensor, labels: Tensor): void {
    this.support?.dispose();
    this.support = new SupportBank(embeddings, labels);
  }

  /** As of every module; the bank takes the size that the state has, and goes where the state has none. */
  override loadStateDict(
    state: ReadonlyMap<string, Tensor>,
    options: { strict?: boolean } = {},
  ): nn.StateDictDifference {
    const stored = state.get('support.embeddings');
    if (stored === undefined) {
      this.support?.dispose();
      this.support = null;
    } else if (stored.shape[0] !== this.support?.labels.shape[0]) {
      const { device } = this.fc.fc3.weight;
      const [rows] = stored.shape;
      const embeddings = empty([rows, this.outputDim], { dtype: stored.dtype, device });
      this.setSupport(embeddings, empty([rows], { dtype: 'int64', device }));
    }
    return super.loadStateDict(state, options);
  }
}
