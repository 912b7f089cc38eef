/**
 * @file Several ranks in one process, for checks beside the real ones. Collectives block, so ranks cannot run in turn
 * in one thread; instead every rank is run again from the start until all its reductions are known.
 */
import { type Collective, keep, stack, type Tensor } from '@suave/torch';

class Pending extends Error {}

type Reduction = 'sum' | 'max';

/** Runs a deterministic function once per rank and round; each round makes one more collective known to all. */
export function simulateRanks<T>(worldSize: number, run: (collective: Collective, rank: number) => T): T[] {
  const known: Tensor[] = [];
  for (;;) {
    const asked: Tensor[] = [];
    let kind: Reduction = 'sum';
    const results: T[] = [];
    for (let rank = 0; rank < worldSize; rank++) {
      let call = 0;
      const reduce = (t: Tensor, reduction: Reduction) => {
        if (call < known.length) {
          t.copy_(known[call++]);
          return;
        }
        kind = reduction;
        asked.push(keep(t.clone()));
        throw new Pending();
      };
      const refuse = (): never => {
        throw new Error('simulateRanks: only reductions are simulated.');
      };
      const collective: Collective = {
        rank,
        worldSize,
        allReduceSum_: (t) => reduce(t, 'sum'),
        allReduceMax_: (t) => reduce(t, 'max'),
        allGather: refuse,
        broadcast_: refuse,
        barrier: () => {},
      };
      try {
        results.push(run(collective, rank));
      } catch (error) {
        if (!(error instanceof Pending)) throw error;
      }
    }
    if (results.length === worldSize) return results;
    if (asked.length !== worldSize) throw new Error('simulateRanks: ranks made different numbers of collective calls.');
    const joint = stack(asked);
    known.push(keep(kind === 'sum' ? joint.sum([0]) : joint.amax({ dim: [0] })));
  }
}
