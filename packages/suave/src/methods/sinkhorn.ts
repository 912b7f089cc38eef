/**
 * @file Sinkhorn-Knopp in the log domain: soft assignments of samples to prototypes whose shares of the samples are given.
 * Shapes: N samples of this rank, K prototypes.
 */
import { type Collective, noGrad, scope, type Tensor } from '@suave/torch';
import { SuaveError } from '../errors.js';
import { atLeastFloat32 } from '../models/index.js';

/** Options of `sinkhornKnopp`. */
export interface SinkhornOptions {
  /** Entropy weight, > 0; 0.05 as in SwAV, smaller is sharper. A scalar tensor on the scores' device is not read back. */
  readonly epsilon?: number | Tensor;
  /** Normalisation rounds, ≥ 1; 3 as in SwAV. */
  readonly iterations?: number;
  /** Sums over ranks; every rank must bring the same N. */
  readonly collective?: Collective | null;
  /**
   * r [K] > 0 on the scores' device: the share of the samples that each prototype gets; only ratios matter. Null (default)
   * and equal entries give every prototype the same share, bit for bit alike.
   */
  readonly prior?: Tensor | null;
}

/**
 * Soft cluster targets by Sinkhorn-Knopp, without gradients (SwAV, Eqs. 3–5).
 *
 * Each round gives every prototype its share of all samples of all ranks (`Σ_n Q_nk = N·r_k`; SwAV: `r_k = 1/K`), then
 * every sample a total of 1: the transport plan nearest to `exp(scores / ε)` with these marginals (Cuturi 2013). The constant
 * factors of the paper's form cancel in the last round and are left out. In the log domain nothing overflows
 * or underflows, so large scores and small epsilon are safe in float32.
 * @param scores_NK  [N, K] prototype scores before temperature; kept. Half types are widened to float32
 * @returns          [N, K], rows sum to 1; a new tensor in at least float32. No host synchronization without ranks
 * @throws SuaveError for a shape that is not a matrix, or options out of range
 */
export function sinkhornKnopp(scores_NK: Tensor, options: SinkhornOptions = {}): Tensor {
  const { epsilon = 0.05, iterations = 3, collective = null, prior = null } = options;
  if (scores_NK.rank !== 2) {
    throw new SuaveError(
      'SHAPE',
      `sinkhornKnopp: expected scores [N, K], got [${scores_NK.shape.join(', ')}]. Flatten views first.`,
    );
  }
  if (prior !== null && prior.shape.join() !== `${scores_NK.shape[1]}`) {
    throw new SuaveError(
      'SHAPE',
      `sinkhornKnopp: expected a prior [${scores_NK.shape[1]}], one share per prototype, got [${prior.shape.join(', ')}].`,
    );
  }
  if ((typeof epsilon === 'number' && !(epsilon > 0)) || !Number.isInteger(iterations) || iterations < 1) {
    throw new SuaveError(
      'OPTION',
      `sinkhornKnopp: expected epsilon > 0 and iterations ≥ 1, got ${epsilon} and ${iterations}.`,
    );
  }
  return noGrad(() =>
    scope(() => {
      const wide = atLeastFloat32(scores_NK).detach();
      // Relative to the largest share, so that equal shares are an exact 0 here.
      const logShares = prior === null ? null : prior.div(prior.amax()).log().to(wide.dtype);
      const excess = (logQ: Tensor) => {
        const mass = logMass(logQ, collective);
        return logShares === null ? mass : mass.sub(logShares);
      };
      let logQ = typeof epsilon === 'number' ? wide.div(epsilon) : wide.div(epsilon);
      for (let i = 1; i < iterations; i++) logQ = logQ.sub(excess(logQ)).logSoftmax(1);
      return logQ.sub(excess(logQ)).softmax(1);
    }),
  );
}

/** Log of each prototype's mass over the samples of all ranks, [1, K]. */
function logMass(logQ_NK: Tensor, collective: Collective | null): Tensor {
  if (collective === null || collective.worldSize === 1) return logQ_NK.logsumexp([0], { keepdim: true });
  const largest = logQ_NK.amax({ dim: [0], keepdim: true });
  collective.allReduceMax_(largest);
  const mass = logQ_NK.sub(largest).exp().sum([0], { keepdim: true });
  collective.allReduceSum_(mass);
  return mass.log().add(largest);
}
