/**
 * @file Group 08: six official training steps with the real methods, models and optimizers: losses, targets, and a checksum
 * of every state entry after each step, in float32 and in float64.
 */
import { checkDainoTrajectory } from './daino-trajectory.js';
import { goldenGroup } from './harness.js';
import { checkSuaveTrajectory } from './suave-trajectory.js';

goldenGroup('08', [
  {
    when: (golden) => golden.names('expected').length === 0,
    run: (golden) => golden.names('input').forEach((name) => void golden.tensor(name)),
  },
  {
    when: (golden) => 'sinkhorn_iterations' in golden.params,
    variants: (golden) => ({
      float32: () => checkSuaveTrajectory(golden, 'float32'),
      float64: () => checkSuaveTrajectory(golden, 'float64'),
    }),
  },
  {
    when: (golden) => 'teacher_temp' in golden.params,
    variants: (golden) => ({
      float32: () => checkDainoTrajectory(golden, 'float32'),
      float64: () => checkDainoTrajectory(golden, 'float64'),
    }),
  },
]);
