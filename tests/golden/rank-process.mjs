/**
 * One rank of a test over real processes: receives its task, meets the others over Gloo, sends its numbers back.
 * Plain JavaScript on the compiled packages, because a process of its own is not transformed by the test runner.
 */
import { fromTypedArray, GlooGroup, setNumThreads } from '@suave/torch';
import { sinkhornKnopp } from '../../packages/suave/dist/methods/index.js';

const tasks = {
  /** @returns {number[]} */
  sinkhorn: ({ scores, shape, epsilon, iterations }, collective) => {
    const q = sinkhornKnopp(fromTypedArray(Float32Array.from(scores), shape), { epsilon, iterations, collective });
    return [...q.data()];
  },
};

process.once('message', ({ task, input, rank, worldSize, address }) => {
  setNumThreads(1);
  const group = new GlooGroup({ address, rank, worldSize, timeoutSeconds: 60 });
  const numbers = tasks[task](input, group);
  group.barrier();
  group.dispose();
  process.send(numbers, () => process.disconnect());
});
