/**
 * @file Counts which prototype wins how many images, and how even the assignments are: the signs by which a collapse is seen.
 * Shapes: B images, K prototypes.
 */
import { cat, keep, noGrad, ones, scope, type Tensor, zeros } from '@suave/torch';
import { assignmentEntropy } from './automatic-epsilon.js';

/** What was seen since the last look. */
export interface ClusterUse {
  /** Images that each prototype won, [K]. */
  readonly wins: number[];
  /** Mean normalised entropy of the assignments, from 0 (sharp) to 1 (all prototypes alike); 0 where nothing was seen. */
  readonly entropy: number;
}

/** Use of the prototypes of a method, summed on the device in the steps whose metrics are read. */
export class ClusterWatch {
  /** Wins [K], sum of the entropies, number of steps: one float64 vector, read at once. */
  #sums: Tensor | null = null;

  constructor(
    /** Prototypes of each layer; the first is watched. An unlabeled loss of ln K tells that nothing is learned. */
    readonly prototypes: readonly number[],
    /** Leading prototypes that stand for classes, so that each has to win some images; 0 for clusters without names. */
    readonly numClasses: number,
  ) {}

  /** Adds a step. @param assignments  [B, K] of the first layer per assignment crop */
  add(assignments: readonly Tensor[]): void {
    const [prototypes] = this.prototypes;
    noGrad(() =>
      scope(() => {
        const entropy = assignmentEntropy(assignments).reshape([1]);
        const winners = cat(assignments.map((q) => q.argmax({ dim: 1 })));
        const one = ones([winners.numel], { dtype: 'float64', device: winners.device });
        this.#sums ??= keep(zeros([prototypes + 2], { dtype: 'float64', device: winners.device }));
        this.#sums.indexAdd_(0, winners, one); // whole numbers: the order of the additions changes no bit
        this.#sums.narrow(0, prototypes, 2).add_(cat([entropy, one.narrow(0, 0, 1)]));
      }),
    );
  }

  /** What was seen since the last call; waits for the device. */
  take(): ClusterUse {
    const [prototypes] = this.prototypes;
    if (this.#sums === null) return { wins: new Array<number>(prototypes).fill(0), entropy: 0 };
    const sums = Array.from(this.#sums.data() as Float64Array);
    this.#sums.zero_();
    const steps = sums[prototypes + 1];
    return { wins: sums.slice(0, prototypes), entropy: steps === 0 ? 0 : sums[prototypes] / steps };
  }

  dispose(): void {
    this.#sums?.dispose();
    this.#sums = null;
  }
}
