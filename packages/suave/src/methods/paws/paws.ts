/**
 * @file PAWS (Assran et al. 2021): views of an image must agree on the class that a support of labeled images gives them.
 * Legend: B unlabeled images, V views of each (two global, then local ones), S support rows, K columns of their labels,
 * D embedding.
 */
import { cat, keep, noGrad, scope, type Tensor } from '@suave/torch';
import { SuaveError } from '../../errors.js';
import { type LabeledBatch, labeledAndUnlabeled, plainPositions, type UnlabeledBatch } from '../batch-parts.js';
import { lossTerms } from '../losses.js';
import type { Batch, LabeledImages, ParameterGroup, Progress, StepResult } from '../method.js';
import { NetworkMethod } from '../network-method.js';
import { scoreInEvalMode } from '../network-state.js';
import { type PawsEmbeddings, type PawsLossOptions, pawsLoss } from './losses.js';
import type { PawsClassifier } from './paws-classifier.js';

/** Options of `Paws`; the similarities of loss and classifier have the temperature of the model. */
export interface PawsOptions extends Omit<PawsLossOptions, 'temperature'> {
  /** Taken over: trained, checkpointed and disposed by the method. */
  readonly model: PawsClassifier;
}

/**
 * Groups as the published code splits them: what has `bn` or `bias` in its name is neither scaled nor decayed. The
 * batch norms of shortcuts (`downsample.1.weight`) have neither in their names and belong to the others.
 */
function groupsByName(model: PawsClassifier): ParameterGroup[] {
  const trained = [...model.namedParameters()].filter(([, parameter]) => parameter.requiresGrad);
  const isExcluded = ([name]: readonly [string, Tensor]): boolean => name.includes('bn') || name.includes('bias');
  const tensors = (named: typeof trained) => named.map(([, parameter]) => parameter);
  return [
    { name: 'regularized', parameters: tensors(trained.filter((named) => !isExcluded(named))), decays: true },
    { name: 'unregularized', parameters: tensors(trained.filter(isExcluded)), decays: false, excluded: true },
  ];
}

/**
 * Learns from unlabeled views and a class-stratified support in each step. A batch's `labeled` part is the support: all
 * views of it stacked, with one target column per class of the support. `classify` gives log-probabilities by the bank of
 * labeled images, and throws a CheckpointError before `refreshClassifier` or a state with a bank.
 */
export class Paws extends NetworkMethod<PawsClassifier> {
  readonly predictsClasses = true;
  /** The scores are log-probabilities already. */
  readonly temperature = 1;
  readonly #options: PawsLossOptions;

  constructor({ model, ...options }: PawsOptions) {
    super(model);
    this.#options = { ...options, temperature: model.temperature };
  }

  parameterGroups(): ParameterGroup[] {
    return groupsByName(this.model);
  }

  step(batch: Batch, _progress: Progress): StepResult {
    return scope(() => {
      const { labeled, unlabeled } = labeledAndUnlabeled('Paws.step', batch, batch.labeled?.targets.shape[1] ?? 0);
      plainPositions('Paws.step', unlabeled, { atLeast: 2, mixedAllowed: false });
      const terms = pawsLoss(this.#embeddings(labeled, unlabeled), this.#options);
      const losses = lossTerms({ unlabeled: terms.crossEntropy });
      return { loss: terms.crossEntropy.add(terms.meMax), terms: { ...losses, loss_me_max: terms.meMax.detach() } };
    });
  }

  /** Anchors from z, targets from h; the target of a global view is the other one. */
  #embeddings(labeled: LabeledBatch, { views }: UnlabeledBatch): PawsEmbeddings {
    const support = labeled.images.shape[0];
    const batch = views[0].shape[0];
    const { h, z } = this.model.forward([labeled.images, ...views], support);
    const targets = h.detach();
    return {
      anchorViews: z.narrow(0, support, batch * views.length),
      anchorSupports: z.narrow(0, 0, support),
      targetViews: cat([targets.narrow(0, support + batch, batch), targets.narrow(0, support, batch)]),
      targetSupports: targets.narrow(0, 0, support),
      supportLabels: labeled.targets,
    };
  }

  /** Embeds all labeled images in eval mode: the bank that `classify` compares with. */
  async refreshClassifier(labeled: Iterable<LabeledImages> | AsyncIterable<LabeledImages>): Promise<void> {
    const parts: { embeddings: Tensor; labels: Tensor }[] = [];
    try {
      for await (const { images, labels } of labeled) {
        const embeddings = keep(scoreInEvalMode(this.model, () => this.model.embed(images)));
        parts.push({ embeddings, labels: keep(noGrad(() => labels.clone())) });
      }
      if (parts.length === 0) {
        throw new SuaveError(
          'BATCH',
          'Paws.refreshClassifier: expected labeled images, got none. Give some images a label.',
        );
      }
      const [embeddings, labels] = noGrad(() => [
        cat(parts.map((part) => part.embeddings)),
        cat(parts.map((part) => part.labels)),
      ]);
      this.model.setSupport(embeddings, labels);
    } finally {
      for (const { embeddings, labels } of parts) {
        embeddings.dispose();
        labels.dispose();
      }
    }
  }
}
