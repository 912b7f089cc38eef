/** @file A slowly moving copy of a network that makes steadier assignments than the network itself. */
import { type nn, noGrad, optim, type Tensor } from '@suave/torch';
import { CheckpointError, listNames } from '../errors.js';
import type { Progress } from './method.js';
import { prefixed, unprefixed } from './network-state.js';

/** Prefix of the averaged network's entries in a method's state. */
export const momentumEncoderPrefix = 'momentum_encoder.';

/** The name of m among the schedules of a method. */
export const momentumSchedule = 'momentum_encoder';

/** Of what a `MomentumEncoder` is made. */
export interface MomentumEncoderOptions<M extends nn.Module> {
  /** Taken over; becomes a copy of the student (parameters and buffers by name) without gradients. */
  readonly model: M;
  /** m₀, from 0 to 1. Default 0.996. */
  readonly baseMomentum?: number;
  /** `cosine`: from m₀ up to 1 over the stage, as published (default); `constant`: m₀ in every step. */
  readonly schedule?: 'cosine' | 'constant';
}

/**
 * An exponential moving average of a student's parameters.
 *
 * It runs in training mode: its batch norm uses the statistics of its own batch and moves its own running buffers,
 * which are never averaged. `θ_ema ← m θ_ema + (1−m) θ`, parameters only, matched by name.
 */
export class MomentumEncoder<M extends nn.Module> {
  readonly model: M;
  readonly #baseMomentum: number;
  readonly #schedule: 'cosine' | 'constant';
  readonly #averaged: Tensor[];
  readonly #sources: Tensor[];

  /**
   * @param student  kept; may have entries that the copy lacks, as online heads
   * @throws CheckpointError when the copy has an entry that the student lacks
   */
  constructor({ model, baseMomentum, schedule }: MomentumEncoderOptions<M>, student: nn.Module) {
    this.model = model;
    this.#baseMomentum = baseMomentum ?? 0.996;
    this.#schedule = schedule ?? 'cosine';
    const own = model.stateDict();
    const source = student.stateDict();
    const missing = [...own.keys()].filter((name) => !source.has(name));
    if (missing.length > 0) {
      throw new CheckpointError(
        `momentum encoder: expected every entry in the student, it lacks ${listNames(missing)}. Use the same architecture.`,
      );
    }
    noGrad(() => {
      for (const [name, target] of own) target.copy_(source.get(name)!);
    });
    const parameters = model.namedParameters();
    const students = student.namedParameters();
    model.requiresGrad_(false);
    model.train();
    this.#averaged = [...parameters.values()];
    this.#sources = [...parameters.keys()].map((name) => students.get(name)!);
  }

  /** m of a step. */
  momentum({ step, totalSteps }: Progress): number {
    return this.#schedule === 'constant' ? this.#baseMomentum : optim.emaMomentum(this.#baseMomentum, step, totalSteps);
  }

  /** One averaging step after the optimizer's; two native calls whatever the number of parameters. */
  update(progress: Progress): void {
    const momentum = progress.scheduled?.[momentumSchedule] ?? this.momentum(progress);
    optim.emaUpdate_(this.#averaged, this.#sources, momentum);
  }

  /** The network's entries, live. */
  state(): Map<string, Tensor> {
    return prefixed(momentumEncoderPrefix, this.model.stateDict());
  }

  /** Restores the network. @throws CheckpointError when entries are missing or do not fit */
  loadState(state: ReadonlyMap<string, Tensor>): void {
    this.model.loadStateDict(unprefixed(momentumEncoderPrefix, state));
  }

  dispose(): void {
    this.model.dispose();
  }
}
