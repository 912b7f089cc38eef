/** @file Sinkhorn's ε that follows the scores: kept where the assignments have a wanted mean entropy. */
import { type Collective, keep, noGrad, scope, specialEntr, type Tensor, tensor } from '@suave/torch';

/** Entry of a state that holds ln ε. */
export const automaticEpsilonKey = 'epsilon.log';

/** ε of the first step, as SwAV's. */
const startEpsilon = 0.05;
/** ε stays within a factor of 10 of SwAV's, also where the scores of all images are alike and no ε could reach the target. */
const range = { min: startEpsilon / 10, max: startEpsilon * 10 };
/** Change of ln ε in a step, per unit of entropy missing. */
const rate = 0.1;
/** Wanted mean entropy of the assignments as a share of ln K. */
const targetEntropy = 0.3;

/**
 * Mean entropy of assignments as a share of the largest possible: `mean_b −Σ_k q_bk ln q_bk / ln K`, from 0 (every image has one
 * prototype) to 1 (all prototypes alike).
 * @param assignments  [B, K] per assignment crop, rows sum to 1; of several prototype layers, all of them
 * @returns            a float64 scalar on the device; the mean over the list
 */
export function assignmentEntropy(assignments: readonly Tensor[]): Tensor {
  return noGrad(() =>
    scope(() => {
      const means = assignments.map((q) => {
        const [rows, prototypes] = q.shape;
        return specialEntr(q)
          .sum({ dtype: 'float64' })
          .div(rows * Math.log(Math.max(2, prototypes)));
      });
      return means.reduce((left, right) => left.add(right)).div(means.length);
    }),
  );
}

/**
 * Chooses ε of Sinkhorn-Knopp while training runs: `ln ε ← ln ε + η (h* − h)`, clamped to ε in [0.005, 0.5], where h is the mean
 * normalised entropy of the assignments of the step (`assignmentEntropy`), h* = 0.3 and η = 0.1. Entropy grows with ε, so ε
 * settles where h = h*; it moves by 8 % in a step at most, tens of steps for a factor of two near the target.
 *
 * Why an entropy and not a fixed ε: what ε = 0.05 does depends on how far the scores of images differ. While they hardly differ
 * (a new network, strong augmentation) it gives every image nearly the same assignment to all prototypes, h is near 1, and the
 * loss stays at ln K. Why 0.3: an image is shared by about `K^0.3` prototypes, 2 of 10 and 8 of 1000. That is sharp enough to say
 * something that the predictions (temperature 0.1, softer) do not say yet, and soft enough that a wrong assignment leaves the
 * right class some weight; ε = 0.05 passes it in the middle of a run on images of ten classes.
 *
 * ε is a scalar on the device and is never read back; all ranks compute the same one. A pure function of the assignments so far.
 */
export class AutomaticEpsilon {
  readonly #logEpsilon: Tensor;
  readonly #collective: Collective | null;

  constructor(device: string, collective: Collective | null = null) {
    this.#logEpsilon = keep(tensor(Math.log(startEpsilon), { dtype: 'float64', device }));
    this.#collective = collective;
  }

  /** ε of the next step, a float64 scalar on the device; the caller's. */
  value(): Tensor {
    return noGrad(() => this.#logEpsilon.exp());
  }

  /** Moves ε after a step. @param assignments  all [B, K] of the step on this rank */
  follow(assignments: readonly Tensor[]): void {
    noGrad(() =>
      scope(() => {
        const entropy = assignmentEntropy(assignments);
        if (this.#collective !== null && this.#collective.worldSize > 1) {
          this.#collective.allReduceSum_(entropy);
          entropy.div_(this.#collective.worldSize);
        }
        this.#logEpsilon
          .add_(entropy.sub(targetEntropy).mul(-rate))
          .clamp_({ min: Math.log(range.min), max: Math.log(range.max) });
      }),
    );
  }

  /** ln ε, a scalar. */
  state(): Map<string, Tensor> {
    return new Map([[automaticEpsilonKey, this.#logEpsilon]]);
  }

  /** Restores `state()`. @param state  with `automaticEpsilonKey` */
  loadState(state: ReadonlyMap<string, Tensor>): void {
    noGrad(() => this.#logEpsilon.copy_(state.get(automaticEpsilonKey)!));
  }

  dispose(): void {
    this.#logEpsilon.dispose();
  }
}
