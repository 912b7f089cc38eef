/**
 * @file What SwAV and Suave share: prototypes normalised at the start of a step, assignments by Sinkhorn-Knopp with a
 * queue and an optional momentum encoder, frozen parts, and the state of all of it. Only the losses differ.
 * Shapes: L' labeled rows, B unlabeled images, V + M views, K prototypes.
 */
import { type Collective, noGrad, scope, setGradients, type Tensor } from '@suave/torch';
import { CheckpointError } from '../errors.js';
import type { PrototypeNetwork, SwavOutput } from '../models/index.js';
import { Assigner, type AssignmentOptions } from './assignments.js';
import { plainPositions, splitViews, type UnlabeledBatch } from './batch-parts.js';
import type { ClusterWatch } from './cluster-watch.js';
import { type Batch, type Method, oneGroup, type ParameterGroup, type Progress, type StepResult } from './method.js';
import {
  MomentumEncoder,
  type MomentumEncoderOptions,
  momentumEncoderPrefix,
  momentumSchedule,
} from './momentum-encoder.js';
import { assignmentTerms } from './monitoring.js';
import { prefixed, scoreInEvalMode, unprefixed } from './network-state.js';
import type { AssignmentQueue } from './queue.js';

/** Options of every method with prototypes; defaults are the paper's. */
export interface PrototypeMethodOptions extends AssignmentOptions {
  /** Taken over: trained, checkpointed and disposed by the method. */
  readonly model: PrototypeNetwork;
  /**
   * A second network of the same architecture (online heads not needed) that makes the assignments; it is taken over and
   * becomes a moving average of the model. `baseMomentum` rises to 1 along a cosine, or stays where the schedule is
   * `constant`. Default none; 0.996 where present.
   */
  readonly momentumEncoder?: MomentumEncoderOptions<PrototypeNetwork> | null;
  /** Unmixed views whose assignments supervise the others. Default [0, 1], the global crops. */
  readonly assignmentCrops?: readonly number[];
  /** Steps at the start in which prototypes get no gradient. Default 0. */
  readonly freezePrototypesSteps?: number;
  /** Epochs at the start in which only projection head and prototypes learn. Default 0. */
  readonly warmupProjectionEpochs?: number;
  readonly collective?: Collective | null;
}

/** Base of the methods that learn from prototypes. */
export abstract class PrototypeMethod implements Method {
  readonly model: PrototypeNetwork;
  readonly temperature: number;
  abstract readonly predictsClasses: boolean;
  protected readonly assignmentCrops: readonly number[];
  /** Which prototypes win the images of the monitored steps. */
  abstract readonly clusters: ClusterWatch;
  readonly #assigner: Assigner;
  readonly #teacher: MomentumEncoder<PrototypeNetwork> | null;
  readonly #prototypes: { readonly parameters: Tensor[]; readonly untilStep: number };
  readonly #trunk: { readonly parameters: Tensor[]; readonly untilEpoch: number };

  constructor(options: PrototypeMethodOptions) {
    this.model = options.model;
    this.temperature = options.temperature ?? 0.1;
    this.assignmentCrops = options.assignmentCrops ?? [0, 1];
    this.#assigner = new Assigner(options);
    this.#teacher = options.momentumEncoder ? new MomentumEncoder(options.momentumEncoder, this.model) : null;
    const named = [...this.model.namedParameters()];
    const select = (test: (name: string) => boolean) =>
      named.filter(([name]) => test(name)).map(([, tensor]) => tensor);
    const isPrototype = (name: string) => name.includes('prototypes');
    this.#prototypes = { parameters: select(isPrototype), untilStep: options.freezePrototypesSteps ?? 0 };
    this.#trunk = {
      parameters: select((name) => !isPrototype(name) && !name.includes('projection_head')),
      untilEpoch: options.warmupProjectionEpochs ?? 0,
    };
  }

  /** The momentum encoder's network, if there is one. */
  get teacher(): PrototypeNetwork | null {
    return this.#teacher?.model ?? null;
  }

  /** The queue, once a step has made it. */
  get queue(): AssignmentQueue | null {
    return this.#assigner.queue;
  }

  parameterGroups(): ParameterGroup[] {
    return oneGroup(this.model);
  }

  abstract step(batch: Batch, progress: Progress): StepResult;

  /** Prototype rows to unit length, of the model and of the momentum encoder: the first act of every step. */
  protected normalizePrototypes_(): void {
    this.model.normalizePrototypes_();
    this.#teacher?.model.normalizePrototypes_();
  }

  /**
   * Pseudo-labels [B, K_i] per prototype layer and assignment crop, by the momentum encoder where there is one.
   * @param plain  positions of the unmixed views in the list
   */
  protected assignments(
    output: SwavOutput,
    unlabeled: UnlabeledBatch,
    plain: readonly number[],
    progress: Progress,
  ): Tensor[][] {
    const positions = this.assignmentCrops.map((crop) => plain[crop]);
    return noGrad(() =>
      scope(() => {
        const network = this.#teacher?.model ?? this.model;
        const source = this.#teacher
          ? this.#teacher.model.forward(positions.map((position) => unlabeled.views[position]))
          : output;
        const chosen = this.#teacher ? positions.map((_, i) => i) : positions;
        const choose = (rows: Tensor) => {
          const views = splitViews(rows.detach(), source.layout);
          return chosen.map((i) => views[i]);
        };
        const scores = source.logits.map(choose);
        const assignments = this.#assigner.assign(choose(source.embeddings), scores, network, progress.epoch);
        if (progress.monitored !== false) this.clusters.add(assignments[0]);
        return assignments;
      }),
    );
  }

  /** What to write down about a step's assignments, per prototype layer and assignment crop; with an automatic ε, its value. */
  protected assignmentTerms(assignments: readonly (readonly Tensor[])[]): Record<string, Tensor> {
    const epsilon = this.#assigner.nextEpsilon();
    return { ...(epsilon === null ? {} : { epsilon }), ...assignmentTerms(assignments) };
  }

  /** Positions of unmixed views in list order; checks the batch. */
  protected plainPositions(unlabeled: UnlabeledBatch, mixedAllowed: boolean): number[] {
    const atLeast = Math.max(1, ...this.assignmentCrops) + 1;
    return plainPositions(`${this.constructor.name}.step`, unlabeled, { atLeast, mixedAllowed });
  }

  afterBackward(progress: Progress): void {
    if (progress.step < this.#prototypes.untilStep) setGradients(this.#prototypes.parameters, null);
    if (progress.epoch < this.#trunk.untilEpoch) setGradients(this.#trunk.parameters, null);
  }

  afterStep(progress: Progress): void {
    this.#teacher?.update(progress);
  }

  variant({ step, epoch }: Progress): string | null {
    if (this.#assigner.changesWith(epoch)) return null;
    const frozen = [step < this.#prototypes.untilStep && 'prototypes', epoch < this.#trunk.untilEpoch && 'trunk'];
    return [...frozen.filter((part) => part !== false), this.queue === null ? '' : 'queue'].join();
  }

  schedules(progress: Progress): Record<string, number> {
    return this.#teacher ? { [momentumSchedule]: this.#teacher.momentum(progress) } : {};
  }

  classify(images: Tensor): Tensor {
    return scoreInEvalMode(this.model, () => this.model.forward([images]).logits[0]);
  }

  state(): Map<string, Tensor> {
    return new Map([
      ...prefixed('model.', this.model.stateDict()),
      ...(this.#teacher?.state() ?? []),
      ...this.#assigner.state(),
    ]);
  }

  loadState(state: ReadonlyMap<string, Tensor>): void {
    const hasTeacher = [...state.keys()].some((name) => name.startsWith(momentumEncoderPrefix));
    if (hasTeacher !== (this.#teacher !== null)) {
      throw new CheckpointError(
        `${this.constructor.name}.loadState: expected a state ${this.#teacher ? 'with' : 'without'} a momentum encoder, ` +
          'got the other kind. Resume with the configuration of the run.',
      );
    }
    this.model.loadStateDict(unprefixed('model.', state));
    this.#teacher?.loadState(state);
    this.#assigner.loadState(state, this.model.parameters()[0].device);
  }

  train(): void {
    this.model.train();
  }

  eval(): void {
    this.model.eval();
  }

  dispose(): void {
    this.clusters.dispose();
    this.#assigner.dispose();
    this.#teacher?.dispose();
    this.model.dispose();
  }
}
