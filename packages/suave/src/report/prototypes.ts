/** @file Which prototypes the measured images fall to. */
import { noGrad, scope, type Tensor } from '@suave/torch';
import type { PrototypeUse } from './report-data.js';

/**
 * Counts the wins.
 * @param scores_NK  one row an image, one column a prototype, on the CPU
 * @param names      of the prototypes that stand for classes: the first ones
 */
export function prototypeUse(scores_NK: Tensor, names: readonly string[]): PrototypeUse {
  const winners = noGrad(() => scope(() => scores_NK.argmax({ dim: 1 }).data() as BigInt64Array));
  const wins = new Array<number>(scores_NK.shape[1]).fill(0);
  for (const winner of winners) wins[Number(winner)]++;
  const shares = wins.map((count) => count / winners.length).filter((share) => share > 0);
  const entropy = shares.reduce((sum, share) => sum - share * Math.log(share), 0);
  return { wins, names: [...names], effective: Math.exp(entropy) };
}
