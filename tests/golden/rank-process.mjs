/**
 * One rank of a test over real processes: receives its task, meets the others over Gloo, sends its numbers back.
 * Plain JavaScript on the compiled packages, because a process of its own is not transformed by the test runner.
 */
import { chunk, fromTypedArray, GlooGroup, setNumThreads } from '@suave/torch';
import {
  logProbabilities,
  sinkhornKnopp,
  swappedLoss,
  TeacherTargets,
} from '../../packages/suave/dist/methods/index.js';

const tensorOf = ({ values, shape }) => fromTypedArray(Float32Array.from(values), shape);

const tasks = {
  /** @returns {number[]} */
  sinkhorn: ({ scores, shape, epsilon, iterations }, collective) => {
    const q = sinkhornKnopp(fromTypedArray(Float32Array.from(scores), shape), { epsilon, iterations, collective });
    return [...q.data()];
  },

  /** @returns {number[]} the losses of all calls, then the center after each */
  dinoLoss: ({ params, student, teacher }, collective) => {
    const targets = new TeacherTargets({
      outDim: params.out_dim,
      temperature: {
        warmup: params.warmup_teacher_temp,
        final: params.teacher_temp,
        warmupEpochs: params.warmup_teacher_temp_epochs,
      },
      centerMomentum: params.center_momentum,
      dtype: 'float32',
      device: 'cpu',
      collective,
    });
    const losses = [];
    const centers = [];
    for (const [call, epoch] of params.epoch_per_call.entries()) {
      const views = chunk(logProbabilities(tensorOf(student[call]), params.student_temp), params.ncrops);
      losses.push(swappedLoss(views, targets.make(tensorOf(teacher[call]), epoch), [0, 1]).item());
      centers.push(...targets.center.data());
    }
    return [...losses, ...centers];
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
