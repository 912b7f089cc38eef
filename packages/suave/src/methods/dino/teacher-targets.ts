/**
 * @file Soft targets of a teacher: centered against collapse into one output, sharpened against collapse into a constant.
 * Shapes: B images, 2B rows of the two global views, K outputs.
 */
import { type Collective, chunk, keep, noGrad, optim, scope, softmax, sum, type Tensor, zeros } from '@suave/torch';
import { CheckpointError } from '../../errors.js';
import { atLeastFloat32 } from '../../models/index.js';

/** The global crops, whose targets supervise the other views. */
export const teacherViews = [0, 1] as const;

const centerKey = 'center';

/** How targets are made. */
export interface TeacherTargetsOptions {
  /** K. */
  readonly outDim: number;
  /** τ_t per epoch. */
  readonly temperature: optim.TeacherTemperature;
  /** Share of the center that stays in a step. */
  readonly centerMomentum: number;
  readonly dtype: 'float32' | 'float64';
  readonly device: string;
  /** Sums over ranks. */
  readonly collective: Collective | null;
}

/** Owns the center and makes the targets of a step (DINO, Eqs. 4 and 5). */
export class TeacherTargets {
  /** c, [1, K]; zeros at the start. */
  readonly center: Tensor;
  readonly #options: TeacherTargetsOptions;

  constructor(options: TeacherTargetsOptions) {
    this.#options = options;
    const { outDim, dtype, device } = options;
    this.center = keep(zeros([1, outDim], { dtype, device }));
  }

  /** τ_t of an epoch. */
  temperature(epoch: number): number {
    return optim.teacherTemperature(this.#options.temperature, epoch);
  }

  /**
   * `q = softmax((t − c) / τ_t)`; afterwards `c ← m c + (1−m)·mean of t over the rows of all ranks`, so that a step's
   * scores are centered by those of the steps before.
   * @param scores       t, [2B, K], the teacher's scores of global view 0, then of view 1; half types are widened
   * @param scheduled    τ_t as a scalar on the device instead of that of the epoch
   * @returns            q_0 and q_1, [B, K], constants
   */
  make(scores: Tensor, epoch: number, scheduled?: Tensor): Tensor[] {
    return noGrad(() =>
      scope(() => {
        const wide = atLeastFloat32(scores.detach());
        const centered = wide.sub(this.center);
        const targets = softmax(scheduled ? centered.div(scheduled) : centered.div(this.temperature(epoch)), 1);
        this.#moveCenter(wide);
        return chunk(targets, teacherViews.length);
      }),
    );
  }

  #moveCenter(scores: Tensor): void {
    const { centerMomentum, collective } = this.#options;
    const mean = sum(scores, [0], { keepdim: true });
    collective?.allReduceSum_(mean);
    mean.div_(scores.shape[0] * (collective?.worldSize ?? 1));
    this.center.mul_(centerMomentum).add_(mean, { alpha: 1 - centerMomentum });
  }

  /** The center's entry, live. */
  state(): Map<string, Tensor> {
    return new Map([[centerKey, this.center]]);
  }

  /** Restores the center. @throws CheckpointError when it is missing or of another number of outputs */
  loadState(state: ReadonlyMap<string, Tensor>): void {
    const stored = state.get(centerKey);
    if (stored?.numel !== this.#options.outDim) {
      const got = stored === undefined ? 'none' : `[${stored.shape.join(', ')}]`;
      throw new CheckpointError(
        `teacher targets: expected a center [1, ${this.#options.outDim}] in the state, got ${got}. ` +
          'Resume with the configuration of the run.',
      );
    }
    noGrad(() => this.center.copy_(stored));
  }

  dispose(): void {
    this.center.dispose();
  }
}
