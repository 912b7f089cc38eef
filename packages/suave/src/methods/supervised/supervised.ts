/**
 * @file Supervised learning from the labeled images alone: the baseline that semi-supervised learning has to beat, fine-tuning,
 * and linear probes (where the model's backbone is frozen).
 * Shapes: L' labeled rows (mixed ones included), K classes.
 */
import { scope } from '@suave/torch';
import { SuaveError } from '../../errors.js';
import { type ClassifierNetwork, LinearClassifier } from '../../models/index.js';
import { softCrossEntropy } from '../losses.js';
import { type Batch, oneGroup, type ParameterGroup, type Progress, type StepResult } from '../method.js';
import { labeledTerms } from '../monitoring.js';
import { NetworkMethod } from '../network-method.js';

/** Options of `Supervised`. */
export interface SupervisedOptions {
  /** Taken over: `LinearClassifier`, or a `SwavModel` whose prototypes classify. */
  readonly model: ClassifierNetwork;
  /** T. Default 1, for a linear classifier; prototypes with unit rows need 0.1. */
  readonly temperature?: number;
  /** s. Default 0.01, as in Suave. */
  readonly labelSmoothing?: number;
}

/** Cross entropy with label smoothing on labeled rows; unlabeled images in a batch are not looked at. */
export class Supervised extends NetworkMethod<ClassifierNetwork> {
  readonly predictsClasses = true;
  readonly temperature: number;
  readonly #labelSmoothing: number;

  constructor(options: SupervisedOptions) {
    super(options.model);
    this.temperature = options.temperature ?? 1;
    this.#labelSmoothing = options.labelSmoothing ?? 0.01;
  }

  /** Of a linear classifier, its backbone (`trunk`, unless frozen) and the classifier itself (`head`, with its own rate). */
  parameterGroups(): ParameterGroup[] {
    const { model } = this;
    if (!(model instanceof LinearClassifier)) return oneGroup(model);
    const trunk = model.frozenBackbone ? [] : model.backbone.parameters();
    const groups: ParameterGroup[] = [
      { name: 'trunk', parameters: trunk, decays: true },
      { name: 'head', parameters: model.fc.parameters(), decays: true, rate: 'headLr' },
    ];
    return groups.filter(({ parameters }) => parameters.length > 0);
  }

  step(batch: Batch, progress: Progress): StepResult {
    return scope(() => {
      const { labeled } = batch;
      if (labeled === null) {
        throw new SuaveError(
          'BATCH',
          'Supervised.step: expected labeled images, got none. Give the batch labeled images.',
        );
      }
      this.model.normalizePrototypes_?.();
      const scores = this.model.classify(labeled.images);
      const loss = softCrossEntropy(scores, labeled.targets, {
        temperature: this.temperature,
        labelSmoothing: this.#labelSmoothing,
      });
      const watched = progress.monitored === false ? {} : labeledTerms(scores.detach(), labeled.targets);
      return { loss, terms: { loss_labeled: loss.detach(), ...watched } };
    });
  }
}
