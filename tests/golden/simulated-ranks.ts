/**
 * @file Several ranks in one process, for checks beside the real ones. Collectives block, so ranks cannot run in turn
 * in one thread; instead every rank is run again from the start until all its collective calls are known.
 */
import { type Collective, keep, stack, type Tensor, unbind } from '@suave/torch';

class Pending extends Error {}

type Operation = 'sum' | 'max' | 'gather';

/** Runs a deterministic function once per rank and round; each round makes one more collective known to all. */
export function simulateRanks<T>(worldSize: number, run: (collective: Collective, rank: number) => T): T[] {
  const known: Tensor[] = [];
  for (;;) {
    const asked: Tensor[] = [];
    let kind: Operation = 'sum';
    const results: T[] = [];
    for (let rank = 0; rank < worldSize; rank++) {
      let call = 0;
      const joint = (t: Tensor, operation: Operation): Tensor => {
        if (call < known.length) return known[call++];
        kind = operation;
        asked.push(keep(t.clone()));
        throw new Pending();
      };
      const refuse = (): never => {
        throw new Error('simulateRanks: only reductions and gathering are simulated.');
      };
      const collective: Collective = {
        rank,
        worldSize,
        allReduceSum_: (t) => void t.copy_(joint(t, 'sum')),
        allReduceMax_: (t) => void t.copy_(joint(t, 'max')),
        allGather: (t) => unbind(joint(t, 'gather')),
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
    known.push(keep(combined(stack(asked), kind)));
  }
}

function combined(all: Tensor, operation: Operation): Tensor {
  if (operation === 'gather') return all;
  return operation === 'sum' ? all.sum([0]) : all.amax({ dim: [0] });
}
