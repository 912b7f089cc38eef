/**
 * @file What SwAV and Suave share: prototypes normalised at the start of a step, assignments by Sinkhorn-Knopp with a
 * queue and an optional momentum encoder, frozen parts, and the state of all of it. Only the losses differ.
 * Shapes: L' labeled rows, B unlabeled images, V + M views, K prototypes.
 */
import { type Collective, chunk, noGrad, optim, scope, setGradients, type Tensor } from '@suave/torch';
import { CheckpointError, SuaveError } from '../errors.js';
import type { PrototypeNetwork, RowLayout, SwavOutput } from '../models/index.js';
import { Assigner, type AssignmentOptions } from './assignments.js';
import type { Batch, Method, Progress, StepResult } from './method.js';
import { MomentumEncoder } from './momentum-encoder.js';
import type { AssignmentQueue } from './queue.js';

/** Options of every method with prototypes; defaults are the paper's. */
export interface PrototypeMethodOptions extends AssignmentOptions {
  /** Taken over: trained, checkpointed and disposed by the method. */
  readonly model: PrototypeNetwork;
  /**
   * A second network of the same architecture (online heads not needed) that makes the assignments; it is taken over and
   * becomes a moving average of the model. `baseMomentum` rises to 1 along a cosine. Default none; 0.996 where present.
   */
  readonly momentumEncoder?: { readonly model: PrototypeNetwork; readonly baseMomentum?: number } | null;
  /** T of predictions. Default 0.1. */
  readonly temperature?: number;
  /** Unmixed views whose assignments supervise the others. Default [0, 1], the global crops. */
  readonly assignmentCrops?: readonly number[];
  /** Steps at the start in which prototypes get no gradient. Default 0. */
  readonly freezePrototypesSteps?: number;
  /** Epochs at the start in which only projection head and prototypes learn. Default 0. */
  readonly warmupProjectionEpochs?: number;
  readonly collective?: Collective | null;
}

/** The unlabeled part of a batch, present. */
export type UnlabeledBatch = NonNullable<Batch['unlabeled']>;

/** Base of the methods that learn from prototypes. */
export abstract class PrototypeMethod implements Method {
  readonly model: PrototypeNetwork;
  readonly temperature: number;
  abstract readonly predictsClasses: boolean;
  protected readonly assignmentCrops: readonly number[];
  readonly #assigner: Assigner;
  readonly #teacher: MomentumEncoder<PrototypeNetwork> | null;
  readonly #baseMomentum: number;
  readonly #prototypes: { readonly parameters: Tensor[]; readonly untilStep: number };
  readonly #trunk: { readonly parameters: Tensor[]; readonly untilEpoch: number };

  constructor(options: PrototypeMethodOptions) {
    this.model = options.model;
    this.temperature = options.temperature ?? 0.1;
    this.assignmentCrops = options.assignmentCrops ?? [0, 1];
    this.#assigner = new Assigner(options);
    this.#teacher = options.momentumEncoder ? new MomentumEncoder(options.momentumEncoder.model, this.model) : null;
    this.#baseMomentum = options.momentumEncoder?.baseMomentum ?? 0.996;
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

  trainableParameters(): Tensor[] {
    return this.model.parameters();
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
        return this.#assigner.assign(choose(source.embeddings), source.logits.map(choose), network, progress.epoch);
      }),
    );
  }

  /** Positions of unmixed views in list order; checks the batch. */
  protected plainPositions(unlabeled: UnlabeledBatch, mixedAllowed: boolean): number[] {
    const mixed = new Set(unlabeled.mixedPositions);
    const plain = unlabeled.views.map((_, i) => i).filter((i) => !mixed.has(i));
    const needed = Math.max(1, ...this.assignmentCrops) + 1;
    if (plain.length < needed || (mixed.size > 0 && !mixedAllowed)) {
      throw new SuaveError(
        'BATCH',
        `${this.constructor.name}.step: expected at least ${needed} unmixed views${mixedAllowed ? '' : ' and no mixed ones'}, ` +
          `got ${plain.length} and ${mixed.size} mixed. Set the views of the recipe accordingly.`,
      );
    }
    const rows = unlabeled.views.map((view) => view.shape[0]);
    if (rows.some((count) => count !== rows[0])) {
      throw new SuaveError(
        'BATCH',
        `${this.constructor.name}.step: expected the same images in every view, got ${rows.join(', ')} of them.`,
      );
    }
    return plain;
  }

  afterBackward(progress: Progress): void {
    if (progress.step < this.#prototypes.untilStep) setGradients(this.#prototypes.parameters, null);
    if (progress.epoch < this.#trunk.untilEpoch) setGradients(this.#trunk.parameters, null);
  }

  afterStep(progress: Progress): void {
    this.#teacher?.update(this.#momentum(progress));
  }

  #momentum(progress: Progress): number {
    return optim.emaMomentum(this.#baseMomentum, progress.step, progress.totalSteps);
  }

  schedules(progress: Progress): Record<string, number> {
    return this.#teacher ? { momentum_encoder: this.#momentum(progress) } : {};
  }

  classify(images: Tensor): Tensor {
    const { training } = this.model;
    this.model.eval();
    try {
      return noGrad(() => scope(() => this.model.forward([images]).logits[0]));
    } finally {
      this.model.train(training);
    }
  }

  state(): Map<string, Tensor> {
    return new Map([
      ...prefixed('model.', this.model.stateDict()),
      ...prefixed('momentum_encoder.', this.#teacher?.model.stateDict() ?? new Map()),
      ...this.#assigner.state(),
    ]);
  }

  loadState(state: ReadonlyMap<string, Tensor>): void {
    const teacher = unprefixed('momentum_encoder.', state);
    if (teacher.size > 0 !== (this.#teacher !== null)) {
      throw new CheckpointError(
        `${this.constructor.name}.loadState: expected a state ${this.#teacher ? 'with' : 'without'} a momentum encoder, ` +
          'got the other kind. Resume with the configuration of the run.',
      );
    }
    this.model.loadStateDict(unprefixed('model.', state));
    this.#teacher?.model.loadStateDict(teacher);
    this.#assigner.loadState(state, this.model.parameters()[0].device);
  }

  train(): void {
    this.model.train();
  }

  eval(): void {
    this.model.eval();
  }

  dispose(): void {
    this.#assigner.dispose();
    this.#teacher?.dispose();
    this.model.dispose();
  }
}

/** The unlabeled rows of a head's output, one [B, …] tensor per view in list order; all views have the same number of rows. */
export function splitViews(rows: Tensor, { numLabeled, viewRows }: RowLayout): Tensor[] {
  const unlabeled = numLabeled === 0 ? rows : rows.narrow(0, numLabeled, viewRows[0] * viewRows.length);
  return chunk(unlabeled, viewRows.length);
}

/** A map with a prefix before every key. */
export function prefixed<T>(prefix: string, map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map([...map].map(([key, value]) => [prefix + key, value]));
}

/** The entries under a prefix, without it. */
export function unprefixed<T>(prefix: string, map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map(
    [...map].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
  );
}
