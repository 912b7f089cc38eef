/**
 * @file Daino (Fini et al. 2023): DINO whose outputs are the classes. Labeled and unlabeled images share the student's
 * forward; the teacher supervises the unlabeled views, labels the labeled rows.
 * Shapes: L' labeled rows, B unlabeled images, V views of each, K classes = outputs.
 */
import { scope } from '@suave/torch';
import { labeledAndUnlabeled, onlineRows } from '../batch-parts.js';
import { DistillationMethod, type DistillationOptions } from '../dino/distillation-method.js';
import { crossEntropyOf, lossTerms, lossWeights, onlineLoss, weightedSum } from '../losses.js';
import type { Batch, Progress, StepResult } from '../method.js';
import { assignmentTerms, labeledTerms, pseudoLabelTerms, supervisedTerms } from '../monitoring.js';

/**
 * Options of `Daino`. Its defaults: teacher temperature from 0.04 to 0.07 over ten epochs, momentum from 0.99, neither
 * clipping nor a frozen last layer.
 */
export interface DainoOptions extends DistillationOptions {
  /** s of the supervised loss. Default 0.01. */
  readonly labelSmoothing?: number;
  /**
   * Both networks learn in evaluation mode, as in the published code: no stochastic depth, running statistics of batch
   * norm stay as they were loaded. Default false.
   */
  readonly studentEvalQuirk?: boolean;
}

/**
 * Semi-supervised learning from a teacher with one output per class.
 * `L = (B·V/tot)·L_dino + (L'/tot)·L_s`, `tot = B·V + L'`. The temperature of the supervised loss is the student's.
 * Online heads of the student, where it has some, learn beside it as in Suave.
 */
export class Daino extends DistillationMethod {
  readonly predictsClasses = true;
  readonly #labelSmoothing: number;
  readonly #learnsInEvalMode: boolean;

  constructor(options: DainoOptions) {
    super(options, {
      teacherTemperature: { warmup: 0.04, final: 0.07, warmupEpochs: 10 },
      baseMomentum: 0.99,
      clipGradNorm: null,
      freezeLastLayerEpochs: 0,
      outputsAreClasses: true,
    });
    this.#labelSmoothing = options.labelSmoothing ?? 0.01;
    this.#learnsInEvalMode = options.studentEvalQuirk ?? false;
    if (this.#learnsInEvalMode) this.teacher.eval();
  }

  step(batch: Batch, progress: Progress): StepResult {
    return scope(() => {
      const { labeled, unlabeled } = labeledAndUnlabeled('Daino.step', batch, this.model.outDim);
      const distilled = this.distill(labeled.images, unlabeled, progress);
      const numLabeled = labeled.images.shape[0];
      const labeledLogProbs = distilled.logProbs.narrow(0, 0, numLabeled);
      const losses = {
        unlabeled: distilled.loss,
        labeled: crossEntropyOf(labeledLogProbs, labeled.targets, this.#labelSmoothing),
        online: onlineLoss(distilled.online, labeled, this.#labelSmoothing),
      };
      const weights = lossWeights({
        batch: unlabeled.views[0].shape[0],
        views: unlabeled.views.length,
        labeled: numLabeled,
        mixedViews: 0,
        numOriginal: onlineRows(labeled),
      });
      const terms = lossTerms(losses);
      if (progress.monitored !== false) {
        Object.assign(terms, assignmentTerms([distilled.targets]));
        if (unlabeled.hiddenLabels) Object.assign(terms, pseudoLabelTerms(distilled.targets, unlabeled.hiddenLabels));
        const { online } = distilled;
        Object.assign(
          terms,
          online.length > 0
            ? supervisedTerms(labeledLogProbs, online, labeled)
            : labeledTerms(labeledLogProbs, labeled.targets),
        );
      }
      return { loss: weightedSum(losses, weights), terms };
    });
  }

  override train(): void {
    this.model.train(!this.#learnsInEvalMode);
  }
}
