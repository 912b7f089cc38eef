/** @file A slowly moving copy of a network that makes steadier assignments than the network itself. */
import { type nn, noGrad, optim, type Tensor } from '@suave/torch';
import { CheckpointError, listNames } from '../errors.js';

/**
 * An exponential moving average of a student's parameters.
 *
 * It runs in training mode: its batch norm uses the statistics of its own batch and moves its own running buffers,
 * which are never averaged. `θ_ema ← m θ_ema + (1−m) θ`, parameters only, matched by name.
 */
export class MomentumEncoder<M extends nn.Module> {
  readonly #averaged: Tensor[];
  readonly #sources: Tensor[];

  /**
   * @param model    taken over; becomes a copy of the student (parameters and buffers by name) without gradients
   * @param student  kept; may have entries that the copy lacks, as online heads
   * @throws CheckpointError when the copy has an entry that the student lacks
   */
  constructor(
    readonly model: M,
    student: nn.Module,
  ) {
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

  /** One averaging step after the optimizer's; two native calls whatever the number of parameters. */
  update(momentum: number): void {
    optim.emaUpdate_(this.#averaged, this.#sources, momentum);
  }

  dispose(): void {
    this.model.dispose();
  }
}
