/**
 * @file Suave (Fini et al. 2023): SwAV whose prototypes are the classes. Labeled and unlabeled images share one forward;
 * assignments supervise the unlabeled views, labels the labeled rows.
 * Shapes: L' labeled rows, B unlabeled images, V views and M mixed views of each, K classes, P = K + n prototypes (n = 0).
 */
import { linalgVectorNorm, noGrad, scope, type Tensor } from '@suave/torch';
import { ConfigError } from '../../errors.js';
import { labeledAndUnlabeled, onlineRows, splitViews } from '../batch-parts.js';
import { ClusterWatch } from '../cluster-watch.js';
import {
  crossEntropyOf,
  logProbabilities,
  lossTerms,
  lossWeights,
  type MixedWeight,
  mixedLoss,
  onlineLoss,
  swappedLoss,
  weightedSum,
} from '../losses.js';
import type { Batch, Progress, StepResult } from '../method.js';
import { pseudoLabelTerms, supervisedTerms } from '../monitoring.js';
import { PrototypeMethod, type PrototypeMethodOptions } from '../prototype-method.js';

/** Options of `Suave`; defaults are the paper's. */
export interface SuaveOptions extends PrototypeMethodOptions {
  /** s of the labeled and online losses. Default 0.01. */
  readonly labelSmoothing?: number;
  /**
   * What the share of the mixed loss counts: `views`, as the published numbers were made (default), or `samples`.
   */
  readonly mixedWeight?: MixedWeight;
  /**
   * n, prototypes beyond the K classes, the last of the model, for unlabeled images whose class no label names. Assignments,
   * predictions and every softmax are over K + n; a label has nothing for the extra ones (smoothing stays among the
   * classes), and `classify` scores the classes alone. Default 0.
   */
  readonly extraPrototypes?: number;
}

/** Semi-supervised learning with one prototype per class (and `extraPrototypes` for images of none). */
export class Suave extends PrototypeMethod {
  readonly predictsClasses = true;
  readonly clusters: ClusterWatch;
  readonly #numClasses: number;
  readonly #labelSmoothing: number;
  readonly #mixedWeight: MixedWeight;

  constructor(options: SuaveOptions) {
    super(options);
    const counts = this.model.prototypeCounts;
    if (counts.length !== 1) {
      throw new ConfigError(
        'model.prototypes',
        `Suave: expected a model with one prototype layer, one prototype per class, got ${counts.length} layers.`,
      );
    }
    const extra = options.extraPrototypes ?? 0;
    this.#numClasses = counts[0] - extra;
    if (!(extra >= 0) || this.#numClasses < 1) {
      throw new ConfigError(
        'extraPrototypes',
        `Suave: expected at least one of the model's ${counts[0]} prototypes for a class, got ${extra} extra ones. Give the model K + n prototypes.`,
      );
    }
    this.clusters = new ClusterWatch(counts, this.#numClasses);
    this.#labelSmoothing = options.labelSmoothing ?? 0.01;
    this.#mixedWeight = options.mixedWeight ?? 'views';
  }

  step(batch: Batch, progress: Progress): StepResult {
    return scope(() => {
      const { labeled, unlabeled } = labeledAndUnlabeled('Suave.step', batch, this.#numClasses);
      const plain = this.plainPositions(unlabeled, true);
      this.normalizePrototypes_();
      const numLabeled = labeled.images.shape[0];
      const output = this.model.forward([labeled.images, ...unlabeled.views], numLabeled);
      const [assignments] = this.assignments(output, unlabeled, plain, progress);

      const logProbs = logProbabilities(output.logits[0], this.temperature);
      const views = splitViews(logProbs, output.layout);
      // Columns of extra prototypes have target 0: they count in the softmax and nowhere else.
      const labeledLogProbs = this.#ofClasses(logProbs.narrow(0, 0, numLabeled));
      const weights = lossWeights(
        {
          batch: output.layout.viewRows[0],
          views: plain.length,
          labeled: numLabeled,
          mixedViews: unlabeled.mixedPositions.length,
          numOriginal: onlineRows(labeled),
        },
        this.#mixedWeight,
      );
      const losses = {
        unlabeled: swappedLoss(
          plain.map((position) => views[position]),
          assignments,
          this.assignmentCrops,
        ),
        labeled: crossEntropyOf(labeledLogProbs, labeled.targets, this.#labelSmoothing),
        mixed:
          unlabeled.mixedPositions.length === 0
            ? null
            : mixedLoss(
                unlabeled.mixedPositions.map((position) => views[position]),
                unlabeled.mixedLambdas,
                assignments,
              ),
        online: onlineLoss(output.online, labeled, this.#labelSmoothing),
      };
      const terms = lossTerms(losses);
      if (progress.monitored !== false) {
        Object.assign(terms, this.assignmentTerms([assignments]));
        if (unlabeled.hiddenLabels) Object.assign(terms, pseudoLabelTerms(assignments, unlabeled.hiddenLabels));
        Object.assign(terms, supervisedTerms(labeledLogProbs, output.online, labeled, this.model.hasEnsembleHead));
      }
      return { loss: weightedSum(losses, weights), terms };
    });
  }

  prototypeLengths(): Tensor {
    return noGrad(() =>
      scope(() => linalgVectorNorm(this.model.prototypeWeights[0].narrow(0, 0, this.#numClasses), { dim: [1] })),
    );
  }

  override classify(images: Tensor): Tensor {
    return scope(() => this.#ofClasses(super.classify(images)));
  }

  /** The columns of the classes. */
  #ofClasses(rows_NP: Tensor): Tensor {
    return rows_NP.narrow(1, 0, this.#numClasses);
  }
}
