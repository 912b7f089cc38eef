/**
 * @file What DINO and Daino share: a student that predicts the centered targets of its moving average, parameter groups,
 * a last layer that may wait, and the state of all of it. Only the losses differ.
 * Shapes: L' labeled rows, B unlabeled images, V views, K outputs.
 */
import { type Collective, type nn, noGrad, type optim, scope, setGradients, type Tensor } from '@suave/torch';
import type { RowLayout } from '../../models/index.js';
import { plainPositions, splitViews, type UnlabeledBatch } from '../batch-parts.js';
import { ClusterWatch } from '../cluster-watch.js';
import { logProbabilities, swappedLoss } from '../losses.js';
import type { Batch, Method, ParameterGroup, Progress, StepResult } from '../method.js';
import { MomentumEncoder, type MomentumEncoderOptions, momentumSchedule } from '../momentum-encoder.js';
import { prefixed, scoreInEvalMode, unprefixed } from '../network-state.js';
import { regularizedGroups } from './parameter-groups.js';
import { TeacherTargets, teacherViews } from './teacher-targets.js';

/** The name of τ_t among the schedules. */
const temperatureSchedule = 'teacher_temperature';

/** What a network says of the inputs of a step. */
export interface DistillationOutput {
  /** Scores [rows, K] before temperature. */
  readonly logits: Tensor;
  /** Scores [L', K] of online heads on detached labeled rows; empty without them. */
  readonly online: readonly Tensor[];
  readonly layout: RowLayout;
}

/** A network that scores views: what student and teacher need to be. */
export interface DistillationNetwork extends nn.Module {
  /** K. */
  readonly outDim: number;
  /**
   * @param inputs      labeled images (if any) first, then the views in list order
   * @param numLabeled  L', rows of the first input when it is labeled, else 0
   */
  forward(inputs: readonly Tensor[], numLabeled?: number): DistillationOutput;
  /** Scores [N, K] of one batch of images. */
  classify(images: Tensor): Tensor;
}

/** Options of every method that learns from a teacher; the defaults are each method's own. */
export interface DistillationOptions {
  /** The student. Taken over: trained, checkpointed and disposed by the method. */
  readonly model: DistillationNetwork;
  /** The teacher: a second network of the same architecture, without stochastic depth; it becomes a copy of the student. */
  readonly momentumEncoder: MomentumEncoderOptions<DistillationNetwork>;
  /** τ_s, of the student's predictions. Default 0.1. */
  readonly studentTemperature?: number;
  /** τ_t per epoch. */
  readonly teacherTemperature?: optim.TeacherTemperature;
  /** Default 0.9. */
  readonly centerMomentum?: number;
  /** Largest norm of each parameter's gradient, or null. */
  readonly clipGradNorm?: number | null;
  /** Epochs at the start in which parameters with `last_layer` in their name get no gradient. */
  readonly freezeLastLayerEpochs?: number;
  /** Whose scores `classify` gives. Default `teacher`. */
  readonly classifier?: 'teacher' | 'student';
  readonly collective?: Collective | null;
}

/** The defaults in which the methods differ. */
export type DistillationDefaults = Required<
  Pick<DistillationOptions, 'teacherTemperature' | 'clipGradNorm' | 'freezeLastLayerEpochs'>
> & {
  readonly baseMomentum: number;
  /** Else they are clusters without names. */
  readonly outputsAreClasses: boolean;
};

/** The student's predictions, the teacher's targets, and the loss between them. */
interface Distilled {
  /** Log-probabilities [rows, K] of the student. */
  readonly logProbs: Tensor;
  /** The online heads' scores, as the network gave them. */
  readonly online: readonly Tensor[];
  /** q_0 and q_1, [B, K]. */
  readonly targets: Tensor[];
  readonly loss: Tensor;
}

/** Base of the methods that learn from a teacher. */
export abstract class DistillationMethod implements Method {
  readonly model: DistillationNetwork;
  readonly temperature: number;
  readonly clipGradNorm: number | null;
  abstract readonly predictsClasses: boolean;
  readonly clusters: ClusterWatch;
  /** The network whose scores `classify` gives. */
  readonly classifier: 'teacher' | 'student';
  readonly #teacher: MomentumEncoder<DistillationNetwork>;
  readonly #targets: TeacherTargets;
  readonly #lastLayer: { readonly parameters: Tensor[]; readonly untilEpoch: number };

  constructor(options: DistillationOptions, defaults: DistillationDefaults) {
    const { model, momentumEncoder } = options;
    this.model = model;
    this.temperature = options.studentTemperature ?? 0.1;
    this.clipGradNorm = options.clipGradNorm === undefined ? defaults.clipGradNorm : options.clipGradNorm;
    this.classifier = options.classifier ?? 'teacher';
    const baseMomentum = momentumEncoder.baseMomentum ?? defaults.baseMomentum;
    this.#teacher = new MomentumEncoder({ ...momentumEncoder, baseMomentum }, model);
    const [{ dtype, device }] = model.parameters();
    this.#targets = new TeacherTargets({
      outDim: model.outDim,
      temperature: options.teacherTemperature ?? defaults.teacherTemperature,
      centerMomentum: options.centerMomentum ?? 0.9,
      dtype: dtype === 'float64' ? 'float64' : 'float32',
      device,
      collective: options.collective ?? null,
    });
    this.clusters = new ClusterWatch([model.outDim], defaults.outputsAreClasses ? model.outDim : 0);
    this.#lastLayer = {
      parameters: [...model.namedParameters()].filter(([name]) => name.includes('last_layer')).map(([, p]) => p),
      untilEpoch: options.freezeLastLayerEpochs ?? defaults.freezeLastLayerEpochs,
    };
  }

  /** The moving average of the model. */
  get teacher(): DistillationNetwork {
    return this.#teacher.model;
  }

  /** c [1, K], live. */
  get center(): Tensor {
    return this.#targets.center;
  }

  parameterGroups(): ParameterGroup[] {
    return regularizedGroups(this.model);
  }

  abstract step(batch: Batch, progress: Progress): StepResult;

  /**
   * The student's predictions of all views against the teacher's targets from the global ones (DINO, Eq. 3):
   * `L = 1/(2(V−1)) Σ_{a∈{0,1}} Σ_{v≠a} mean_b CE(q_a[b], o_v[b]/τ_s)`. Labeled images never go through the teacher.
   * @param labeled  [L', C, H, W], which share the student's forward, or null
   */
  protected distill(labeled: Tensor | null, unlabeled: UnlabeledBatch, progress: Progress): Distilled {
    plainPositions(`${this.constructor.name}.step`, unlabeled, { atLeast: teacherViews.length, mixedAllowed: false });
    return scope(() => {
      const targets = this.targets(unlabeled, progress);
      const output = labeled
        ? this.model.forward([labeled, ...unlabeled.views], labeled.shape[0])
        : this.model.forward(unlabeled.views);
      const logProbs = logProbabilities(output.logits, this.temperature);
      const loss = swappedLoss(splitViews(logProbs, output.layout), targets, teacherViews);
      return { logProbs, online: output.online, targets, loss };
    });
  }

  /** The teacher's targets [B, K] of the global views; moves the center. */
  protected targets({ views }: UnlabeledBatch, { epoch, monitored, scheduled }: Progress): Tensor[] {
    return noGrad(() =>
      scope(() => {
        const { logits } = this.#teacher.model.forward(teacherViews.map((view) => views[view]));
        const targets = this.#targets.make(logits, epoch, scheduled?.[temperatureSchedule]);
        if (monitored !== false) this.clusters.add(targets);
        return targets;
      }),
    );
  }

  afterBackward(progress: Progress): void {
    if (progress.epoch < this.#lastLayer.untilEpoch) setGradients(this.#lastLayer.parameters, null);
  }

  afterStep(progress: Progress): void {
    this.#teacher.update(progress);
  }

  variant({ epoch }: Progress): string {
    return epoch < this.#lastLayer.untilEpoch ? 'last layer frozen' : '';
  }

  schedules(progress: Progress): Record<string, number> {
    return {
      [momentumSchedule]: this.#teacher.momentum(progress),
      [temperatureSchedule]: this.#targets.temperature(progress.epoch),
    };
  }

  classify(images: Tensor): Tensor {
    const network = this.classifier === 'teacher' ? this.teacher : this.model;
    return scoreInEvalMode(network, () => network.classify(images));
  }

  state(): Map<string, Tensor> {
    return new Map([...prefixed('model.', this.model.stateDict()), ...this.#teacher.state(), ...this.#targets.state()]);
  }

  loadState(state: ReadonlyMap<string, Tensor>): void {
    this.model.loadStateDict(unprefixed('model.', state));
    this.#teacher.loadState(state);
    this.#targets.loadState(state);
  }

  train(): void {
    this.model.train();
  }

  eval(): void {
    this.model.eval();
  }

  dispose(): void {
    this.clusters.dispose();
    this.#targets.dispose();
    this.#teacher.dispose();
    this.model.dispose();
  }
}
