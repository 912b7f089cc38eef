/** @file The golden trajectories of Suave: the real method, model and optimizer over six official steps. */
import { optim, scope } from '@suave/torch';
import { assertNumbers, type GoldenCase } from './harness.js';
import { buildSwavModel, doubles, fillModel, type ModelParams } from './model-cases.js';
import { RecordingSuave } from './recording-suave.js';
import { Checksums, checkLosses, type Float, progressOf, trajectoryBatch } from './trajectory-cases.js';
import type { Fill } from './waves.js';

/** What a run leaves behind for comparison beside checksums. */
interface Trajectory {
  readonly losses: number[][];
  readonly pseudoLabels: number[];
}

const COUNTS: Record<string, number> = { one: 1, two: 2, three: 3, four: 4, five: 5, six: 6 };

/** "in two epochs of three iterations" of the description; one epoch where it says nothing. */
function epochsOf(golden: GoldenCase): number {
  return COUNTS[/(\w+) epochs of/.exec(golden.entry.checks)?.[1] ?? ''] ?? 1;
}

function makeRun(golden: GoldenCase, dtype: Float) {
  const params = golden.params.model as ModelParams & { readonly ema_model: string | null };
  const momenta = golden.params.ema_momentum_per_step as number[] | null;
  const model = fillModel(buildSwavModel(params, dtype), params.fill as Fill);
  const method = new RecordingSuave({
    model,
    momentumEncoder: momenta && { model: buildSwavModel(params, dtype, false), baseMomentum: momenta[0] },
    temperature: golden.number('temperature'),
    epsilon: golden.number('epsilon'),
    sinkhornIterations: golden.number('sinkhorn_iterations'),
    assignmentCrops: golden.params.crops_for_assign as number[],
    labelSmoothing: golden.number('label_smoothing'),
    queueLength: golden.number('queue_length'),
    freezePrototypesSteps: golden.number('freeze_prototypes_niters'),
    warmupProjectionEpochs: golden.number('warmup_proj_nepochs'),
  });
  method.train();
  const settings = golden.params.optimizer as { momentum: number; weight_decay: number; eta: number };
  const optimizer = new optim.LARS(method.model.parameters(), {
    lr: 0,
    momentum: settings.momentum,
    weightDecay: settings.weight_decay,
    trustCoefficient: settings.eta,
  });
  return { method, optimizer };
}

/** Trains the recorded steps and compares everything that was recorded. */
export function checkSuaveTrajectory(golden: GoldenCase, dtype: Float): void {
  const { method, optimizer } = makeRun(golden, dtype);
  const rates = golden.params.lr_per_step as number[];
  const momenta = golden.params.ema_momentum_per_step as number[] | null;
  const [, locals] = golden.params.nmb_crops as [number, number];
  const sizes = { classes: (golden.params.model as ModelParams).num_classes!, locals };
  const record: Trajectory = { losses: [], pseudoLabels: [] };
  const student = new Checksums(golden, 'state', 'state_entry_order');
  const teacher = new Checksums(golden, 'ema_state', 'ema_state_entry_order');
  for (const [step, lr] of rates.entries()) {
    const progress = progressOf(step, rates.length, epochsOf(golden));
    scope(() => {
      for (const group of optimizer.paramGroups) group.lr = lr;
      const { loss, terms } = method.step(trajectoryBatch(golden, step, dtype, sizes), progress);
      optimizer.zeroGrad();
      loss.backward();
      method.afterBackward(progress);
      optimizer.step();
      method.afterStep(progress);
      const term = (name: string) => terms[name]?.item() ?? 0;
      record.losses.push([
        loss.item(),
        term('loss_unlabeled'),
        term('loss_labeled'),
        term('loss_mixed'),
        term('loss_online'),
        lr,
      ]);
      for (const q of method.pseudoLabels) record.pseudoLabels.push(...doubles(q));
    });
    if (momenta) {
      const { momentum_encoder: momentum } = method.schedules(progress);
      assertNumbers([momentum], [momenta[step]], { atol: 1e-12 }, `${golden.id}: momentum of step ${step}`);
    }
    student.record(method.model);
    if (method.teacher) teacher.record(method.teacher);
  }
  checkLosses(golden, record.losses, dtype);
  student.check(dtype);
  teacher.check(dtype);
  const suffix = dtype === 'float32' ? '' : '_f64';
  golden.check(
    `pseudo_labels${suffix}`,
    record.pseudoLabels,
    dtype === 'float32' ? { allowed: perStep(golden, 'pseudo_labels') } : undefined,
  );
  golden.check(`queue_final${suffix}`, doubles(method.queue!.values));
  golden.check(`prototypes_final${suffix}`, doubles(method.model.stateDict().get('prototypes.weight')!));
  method.dispose();
  optimizer.dispose();
}

function perStep(golden: GoldenCase, name: string): number[] {
  const stored = golden.description(name)?.tolerance;
  const steps = typeof stored === 'object' ? stored.per_step_atol : undefined;
  if (!steps) throw new Error(`${golden.id}/${name}: expected a tolerance per step.`);
  const perRow = golden.tensor(name).data.length / steps.length;
  return steps.flatMap((atol) => new Array<number>(perRow).fill(atol));
}
