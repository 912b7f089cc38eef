/** @file Checks of the schedules and of averaging in group 04. */
import { optim, scope, type Tensor } from '@suave/torch';
import type { GoldenCase, Handler } from './harness.js';
import { toTensor } from './tensors.js';

function values(golden: GoldenCase, at: (index: number) => number): Float64Array {
  return Float64Array.from({ length: golden.tensor('schedule').data.length }, (_, index) => at(index));
}

function schedule(golden: GoldenCase, names: { base: string; final: string; perEpoch: string; start: string }): void {
  const perEpoch = golden.number(names.perEpoch);
  const law: optim.WarmupCosine = {
    base: golden.number(names.base),
    final: golden.number(names.final),
    totalSteps: perEpoch * golden.number('epochs'),
    warmupSteps: perEpoch * golden.number('warmup_epochs'),
    start: golden.number(names.start),
  };
  golden.check(
    'schedule',
    values(golden, (step) => optim.warmupCosine(law, step)),
  );
}

const has = (golden: GoldenCase, ...names: string[]) => names.every((name) => name in golden.params);

/** Cases of group 04 that compare a schedule or an average of parameters. */
export const scheduleHandlers: readonly Handler[] = [
  {
    hostOnly: true,
    when: (golden) => golden.names().includes('schedule') && has(golden, 'warmup_teacher_temp', 'teacher_temp'),
    run: (golden) => {
      const law: optim.TeacherTemperature = {
        warmup: golden.number('warmup_teacher_temp'),
        final: golden.number('teacher_temp'),
        warmupEpochs: golden.number('warmup_teacher_temp_epochs'),
      };
      golden.check(
        'schedule',
        values(golden, (epoch) => optim.teacherTemperature(law, epoch)),
      );
    },
  },
  {
    hostOnly: true,
    when: (golden) => golden.names().includes('schedule') && has(golden, 'base_value', 'niter_per_ep'),
    run: (golden) =>
      schedule(golden, {
        base: 'base_value',
        final: 'final_value',
        perEpoch: 'niter_per_ep',
        start: 'start_warmup_value',
      }),
  },
  {
    hostOnly: true,
    when: (golden) => golden.names().includes('schedule') && has(golden, 'base_lr', 'iters_per_epoch'),
    run: (golden) =>
      schedule(golden, { base: 'base_lr', final: 'final_lr', perEpoch: 'iters_per_epoch', start: 'start_warmup' }),
  },
  {
    when: (golden) => Array.isArray(golden.params.momenta),
    run: (golden) =>
      scope(() => {
        const numbers = golden.names('input').flatMap((name) => /^teacher(\d+)$/.exec(name)?.[1] ?? []);
        const teachers: Tensor[] = numbers.map((i) => toTensor(golden.tensor(`teacher${i}`)));
        const students: Tensor[] = numbers.map((i) => toTensor(golden.tensor(`student${i}`)));
        for (const [k, momentum] of (golden.params.momenta as number[]).entries()) {
          optim.emaUpdate_(teachers, students, momentum);
          numbers.forEach((i, j) => {
            golden.check(`after${k}/teacher${i}`, teachers[j]!.data() as Float32Array);
          });
        }
      }),
  },
];
