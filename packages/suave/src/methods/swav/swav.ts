/** @file SwAV (Caron et al. 2020): swapped prediction of cluster assignments, without labels. */
import { scope } from '@suave/torch';
import { splitViews, unlabeledPart } from '../batch-parts.js';
import { ClusterWatch } from '../cluster-watch.js';
import { logProbabilities, swappedLoss } from '../losses.js';
import type { Batch, Progress, StepResult } from '../method.js';
import { PrototypeMethod, type PrototypeMethodOptions } from '../prototype-method.js';

/** Options of `Swav`; defaults are the paper's. */
export type SwavOptions = PrototypeMethodOptions;

/**
 * Self-supervised learning by swapped prediction. Labeled images in a batch are not looked at: they are among the
 * unlabeled ones too. With several prototype layers the loss is their mean; they share the queue of embeddings.
 */
export class Swav extends PrototypeMethod {
  /** Its prototypes are clusters; no label names them. */
  readonly predictsClasses = false;
  readonly clusters: ClusterWatch;

  constructor(options: SwavOptions) {
    super(options);
    this.clusters = new ClusterWatch(this.model.prototypeCounts, 0);
  }

  step(batch: Batch, progress: Progress): StepResult {
    return scope(() => {
      const unlabeled = unlabeledPart('Swav.step', batch);
      const plain = this.plainPositions(unlabeled, false);
      this.normalizePrototypes_();
      const output = this.model.forward(unlabeled.views);
      const assignments = this.assignments(output, unlabeled, plain, progress);
      const losses = output.logits.map((scores, layer) =>
        swappedLoss(
          splitViews(logProbabilities(scores, this.temperature), output.layout),
          assignments[layer],
          this.assignmentCrops,
        ),
      );
      const loss = losses.reduce((left, right) => left.add(right)).div(losses.length);
      const watched = progress.monitored === false ? {} : this.assignmentTerms(assignments);
      return { loss, terms: { loss_unlabeled: loss.detach(), ...watched } };
    });
  }
}
