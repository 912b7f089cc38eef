/** @file Counts which prototype wins how many images, the sign by which a collapse is seen. Shapes: B images, K prototypes. */
import { cat, keep, noGrad, oneHot, scope, type Tensor, zeros } from '@suave/torch';

/** Wins of the prototypes of a method, counted on the device in the steps whose metrics are read. */
export class ClusterWatch {
  #wins: Tensor | null = null;

  constructor(
    /** Prototypes of each layer; wins are those of the first. An unlabeled loss of ln K tells that nothing is learned. */
    readonly prototypes: readonly number[],
    /** Leading prototypes that stand for classes, so that each has to win some images; 0 for clusters without names. */
    readonly numClasses: number,
  ) {}

  /** Adds a step. @param assignments  [B, K] of the first layer per assignment crop */
  add(assignments: readonly Tensor[]): void {
    const [numClasses] = this.prototypes;
    noGrad(() =>
      scope(() => {
        const winners = cat(assignments.map((q) => q.argmax({ dim: 1 })));
        this.#wins ??= keep(zeros([numClasses], { dtype: 'int64', device: winners.device }));
        this.#wins.add_(oneHot(winners, { numClasses }).sum([0]));
      }),
    );
  }

  /** Wins [K] since the last call; waits for the device. */
  take(): number[] {
    if (this.#wins === null) return new Array<number>(this.prototypes[0]).fill(0);
    const wins = Array.from(this.#wins.data() as BigInt64Array, Number);
    this.#wins.zero_();
    return wins;
  }

  dispose(): void {
    this.#wins?.dispose();
    this.#wins = null;
  }
}
