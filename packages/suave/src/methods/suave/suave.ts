/**
 * @file Suave (Fini et al. 2023): SwAV whose prototypes are the classes. Labeled and unlabeled images share one forward;
 * assignments supervise the unlabeled views, labels the labeled rows.
 * Shapes: L' labeled rows, B unlabeled images, V views and M mixed views of each, K classes = prototypes.
 */
import { scope, type Tensor } from '@suave/torch';
import { ConfigError } from '../../errors.js';
import type { SwavOutput } from '../../models/index.js';
import { type LabeledBatch, labeledAndUnlabeled, splitViews } from '../batch-parts.js';
import {
  crossEntropyOf,
  logProbabilities,
  lossTerms,
  lossWeights,
  type MixedWeight,
  mixedLoss,
  softCrossEntropy,
  swappedLoss,
  weightedSum,
} from '../losses.js';
import type { Batch, Progress, StepResult } from '../method.js';
import { labeledTerms, onlineTerms, pseudoLabelTerms } from '../monitoring.js';
import { PrototypeMethod, type PrototypeMethodOptions } from '../prototype-method.js';

/** Options of `Suave`; defaults are the paper's. */
export interface SuaveOptions extends PrototypeMethodOptions {
  /** s of the labeled and online losses. Default 0.01. */
  readonly labelSmoothing?: number;
  /**
   * What the share of the mixed loss counts: `views`, as the published numbers were made (default), or `samples`.
   */
  readonly mixedWeight?: MixedWeight;
}

/** Semi-supervised learning with one prototype per class. */
export class Suave extends PrototypeMethod {
  readonly predictsClasses = true;
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
    this.#numClasses = counts[0];
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
      const weights = lossWeights(
        {
          batch: output.layout.viewRows[0],
          views: plain.length,
          labeled: numLabeled,
          mixedViews: unlabeled.mixedPositions.length,
          numOriginal: labeled.numOriginal,
        },
        this.#mixedWeight,
      );
      const losses = {
        unlabeled: swappedLoss(
          plain.map((position) => views[position]),
          assignments,
          this.assignmentCrops,
        ),
        labeled: crossEntropyOf(logProbs.narrow(0, 0, numLabeled), labeled.targets, this.#labelSmoothing),
        mixed:
          unlabeled.mixedPositions.length === 0
            ? null
            : mixedLoss(
                unlabeled.mixedPositions.map((position) => views[position]),
                unlabeled.mixedLambdas,
                assignments,
              ),
        online: this.#onlineLoss(output, labeled),
      };
      const terms = lossTerms(losses);
      if (progress.monitored !== false) {
        if (unlabeled.hiddenLabels) Object.assign(terms, pseudoLabelTerms(assignments, unlabeled.hiddenLabels));
        Object.assign(terms, this.#labeledMetrics(output, logProbs, labeled));
      }
      return { loss: weightedSum(losses, weights), terms };
    });
  }

  /** Sum over the online heads, on unmixed rows; null without heads. The heads' inputs are detached. */
  #onlineLoss(output: SwavOutput, labeled: LabeledBatch): Tensor | null {
    if (output.online.length === 0) return null;
    const targets = labeled.targets.narrow(0, 0, labeled.numOriginal);
    const losses = output.online.map((logits) =>
      softCrossEntropy(logits.narrow(0, 0, labeled.numOriginal), targets, { labelSmoothing: this.#labelSmoothing }),
    );
    return losses.reduce((left, right) => left.add(right));
  }

  #labeledMetrics(
    output: SwavOutput,
    logProbs: Tensor,
    { targets, numOriginal }: LabeledBatch,
  ): Record<string, Tensor> {
    return {
      ...labeledTerms(logProbs.narrow(0, 0, targets.shape[0]), targets),
      ...onlineTerms(
        logProbs.narrow(0, 0, numOriginal).detach().exp(),
        output.online.map((logits) => logits.narrow(0, 0, numOriginal)),
        targets.narrow(0, 0, numOriginal),
        this.model.hasEnsembleHead,
      ),
    };
  }
}
