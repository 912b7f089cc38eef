/** @file Suave with a window on its pseudo-labels, for comparison with golden values. */
import { keep, type Tensor } from '@suave/torch';
import { Suave } from '../../packages/suave/src/methods/index.js';

/** The real method; only remembers the assignments of the last step. */
export class RecordingSuave extends Suave {
  pseudoLabels: Tensor[] = [];

  protected override assignments(...args: Parameters<Suave['assignments']>): Tensor[][] {
    const assignments = super.assignments(...args);
    for (const q of this.pseudoLabels) q.dispose();
    this.pseudoLabels = assignments[0].map((q) => keep(q));
    return assignments;
  }

  override dispose(): void {
    for (const q of this.pseudoLabels) q.dispose();
    super.dispose();
  }
}
