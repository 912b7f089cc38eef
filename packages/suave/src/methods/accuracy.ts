/** @file Top-k accuracy on the device, without reading anything back. Shapes: N rows, K classes. */
import { argmax, noGrad, scope, type Tensor } from '@suave/torch';

/**
 * Share of the rows whose label is among the k largest scores, for several k at once.
 * @param scores_NK  [N, K], any floating type; a k above K counts as K
 * @param labels     int64 [N], or soft targets [N, K] that are reduced to their largest entry first
 * @returns          one scalar tensor per k, fractions from 0 to 1; no synchronization
 */
export function topkAccuracy(scores_NK: Tensor, labels: Tensor, ks: readonly number[]): Tensor[] {
  return noGrad(() =>
    scope(() => {
      const classes = scores_NK.shape[1];
      const hard = labels.rank === 1 ? labels : argmax(labels, { dim: 1 });
      const [, best] = scores_NK.topk(Math.min(classes, Math.max(...ks)), { dim: 1 });
      const share = best
        .eq(hard.unsqueeze(1))
        .to(scores_NK.dtype === 'float64' ? 'float64' : 'float32')
        .mean([0]);
      return ks.map((k) => share.narrow(0, 0, Math.min(classes, k)).sum());
    }),
  );
}
