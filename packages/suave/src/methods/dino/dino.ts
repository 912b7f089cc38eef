/** @file DINO (Caron et al. 2021): self-distillation without labels. */
import { scope } from '@suave/torch';
import { unlabeledPart } from '../batch-parts.js';
import type { Batch, Progress, StepResult } from '../method.js';
import { assignmentTerms } from '../monitoring.js';
import { DistillationMethod, type DistillationOptions } from './distillation-method.js';

/**
 * Options of `Dino`. Its defaults: teacher temperature 0.04, momentum from 0.996, gradients clipped at 3, the last layer
 * frozen for one epoch.
 */
export type DinoOptions = DistillationOptions;

/** Self-supervised learning from a teacher. Labeled images in a batch are not looked at: they are among the unlabeled ones too. */
export class Dino extends DistillationMethod {
  /** Its outputs are clusters; no label names them. */
  readonly predictsClasses = false;

  constructor(options: DinoOptions) {
    super(options, {
      teacherTemperature: { warmup: 0.04, final: 0.04, warmupEpochs: 0 },
      baseMomentum: 0.996,
      clipGradNorm: 3,
      freezeLastLayerEpochs: 1,
      outputsAreClasses: false,
    });
  }

  step(batch: Batch, progress: Progress): StepResult {
    return scope(() => {
      const { loss, targets } = this.distill(null, unlabeledPart('Dino.step', batch), progress);
      const watched = progress.monitored === false ? {} : assignmentTerms([targets]);
      return { loss, terms: { loss_unlabeled: loss.detach(), ...watched } };
    });
  }
}
