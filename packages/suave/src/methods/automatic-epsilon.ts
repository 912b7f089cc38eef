/** @file Sinkhorn's ε that follows the scores: kept where the assignments are a given degree sharper than the predictions. */
import { type Collective, keep, noGrad, scope, specialEntr, stack, type Tensor, tensor } from '@suave/torch';

/** Entry of a state that holds ln ε. */
export const automaticEpsilonKey = 'epsilon.log';

/** ε of the first step, as SwAV's. */
const startEpsilon = 0.05;
/** ε stays within a factor of 10 of SwAV's, also where the scores of all images are alike and no ε could reach the target. */
const range = { min: startEpsilon / 10, max: startEpsilon * 10 };
/** Change of ln ε in a step, per unit of entropy missing. */
const rate = 0.1;
/** Wanted entropy of the assignments where the predictions say nothing, as a share of ln K. */
const sharpness = 0.8;

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

/** Wanted entropy of the assignments where the predictions have entropy `h_p`, both as shares of ln K: `h* = 0.8 h_p²`. */
function wantedEntropy(predicted: Tensor): Tensor {
  return predicted.square().mul(sharpness);
}

/**
 * Chooses ε of Sinkhorn-Knopp while training runs: `ln ε ← ln ε + η (h* − h)`, clamped to ε in [0.005, 0.5], with η = 0.1. h is the
 * mean normalised entropy of the assignments of the step (`assignmentEntropy`), `h* = 0.8 h_p²`, where h_p is that of the predictions
 * softmax(scores / T) of the same images. Entropy grows with ε, so ε settles where h = h*; it moves by 8 % in a step at most.
 *
 * Why not a fixed ε: what ε = 0.05 does depends on how far the scores of images differ. While they hardly differ (a new network,
 * strong augmentation) it gives every image nearly the same assignment to all prototypes, and the loss stays at ln K. Why an entropy
 * that follows the predictions: assignments teach as long as they are sharper than what the network says already, and mislead where
 * they are much surer than it can be (a fixed target of 0.3 lost 9 points of accuracy in short runs from scratch). With `0.8 h_p²` they
 * are somewhat sharper while nothing is known (0.8 at h_p = 1), and about as much sharper as ε = 0.05 makes them at T = 0.1 later on.
 *
 * ε is a scalar on the device and is never read back; all ranks compute the same one. A pure function of the scores so far.
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

  /**
   * Moves ε after a step.
   * @param assignments  all [B, K] of the step on this rank
   * @param predictions  softmax(scores / T) of the same images
   */
  follow(assignments: readonly Tensor[], predictions: readonly Tensor[]): void {
    noGrad(() =>
      scope(() => {
        const entropies = stack([assignmentEntropy(assignments), assignmentEntropy(predictions)]);
        if (this.#collective !== null && this.#collective.worldSize > 1) {
          this.#collective.allReduceSum_(entropies);
          entropies.div_(this.#collective.worldSize);
        }
        const [assigned, predicted] = entropies.unbind();
        this.#logEpsilon
          .add_(wantedEntropy(predicted).sub(assigned).mul(rate))
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
