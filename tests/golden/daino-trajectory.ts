/** @file The golden trajectory of Daino: the real method, model and optimizer over six official steps. */
import { cat, keep, optim, scope, type Tensor } from '@suave/torch';
import { Daino } from '../../packages/suave/src/methods/index.js';
import { assertNumbers, type GoldenCase } from './harness.js';
import { doubles, fillModel } from './model-cases.js';
import { Checksums, checkLosses, type Float, progressOf, trajectoryBatch } from './trajectory-cases.js';
import { buildDinoModel, type DinoParams } from './transformer-cases.js';
import type { Fill } from './waves.js';

/** The real method; only remembers the teacher's targets of the last step. */
class RecordingDaino extends Daino {
  probabilities: Tensor | null = null;

  protected override targets(...args: Parameters<Daino['targets']>): Tensor[] {
    const targets = super.targets(...args);
    this.probabilities?.dispose();
    this.probabilities = keep(cat(targets));
    return targets;
  }

  override dispose(): void {
    this.probabilities?.dispose();
    super.dispose();
  }
}

/**
 * The bias of the keys has no effect on the outputs: its gradient is rounding noise, which Adam makes steps of. The
 * official checksums leave it out.
 */
function withoutKeyBias(name: string, values: Float64Array): Float64Array {
  if (!name.endsWith('qkv.bias')) return values;
  const third = values.length / 3;
  return values.fill(0, third, 2 * third);
}

function makeRun(golden: GoldenCase, dtype: Float) {
  const params = golden.params.model as DinoParams & { readonly fill: Fill };
  const momenta = golden.params.ema_momentum_per_step as number[];
  const method = new RecordingDaino({
    model: fillModel(buildDinoModel(params, dtype), params.fill),
    momentumEncoder: { model: buildDinoModel(params, dtype), baseMomentum: momenta[0] },
    studentTemperature: golden.number('student_temp'),
    teacherTemperature: {
      warmup: golden.number('warmup_teacher_temp'),
      final: golden.number('teacher_temp'),
      warmupEpochs: golden.number('warmup_teacher_temp_epochs'),
    },
    clipGradNorm: golden.number('clip_grad'),
    freezeLastLayerEpochs: golden.number('freeze_last_layer'),
    labelSmoothing: golden.number('label_smoothing'),
  });
  method.train();
  const groups = method.parameterGroups();
  const optimizer = new optim.AdamW(
    groups.map(({ parameters, decays }) => ({ params: parameters, ...(decays ? {} : { weightDecay: 0 }) })),
    { lr: 0 },
  );
  return { method, optimizer, decaying: groups.map(({ decays }) => decays) };
}

/** Trains the recorded steps and compares everything that was recorded. */
export function checkDainoTrajectory(golden: GoldenCase, dtype: Float): void {
  const { method, optimizer, decaying } = makeRun(golden, dtype);
  const [rates, decays, momenta] = ['lr', 'weight_decay', 'ema_momentum'].map(
    (name) => golden.params[`${name}_per_step`] as number[],
  );
  const sizes = { classes: method.model.outDim, locals: golden.number('local_crops_number') };
  const student = new Checksums(golden, 'student', 'student_entry_order');
  const teacher = new Checksums(golden, 'teacher', 'teacher_entry_order');
  const losses: number[][] = [];
  const rows: Record<'clip_norms' | 'center' | 'teacher_probs', number[]> = {
    clip_norms: [],
    center: [],
    teacher_probs: [],
  };
  golden.checkValue('param_order', [...method.model.namedParameters().keys()]);
  for (const [step, lr] of rates.entries()) {
    const progress = progressOf(step, rates.length, golden.number('epochs'));
    for (const [i, group] of optimizer.paramGroups.entries()) {
      group.lr = lr;
      if (decaying[i]) group.weightDecay = decays[step];
    }
    scope(() => {
      const { loss, terms } = method.step(trajectoryBatch(golden, step, dtype, sizes), progress);
      optimizer.zeroGrad();
      loss.backward();
      rows.clip_norms.push(...doubles(optim.clipGradientsPerTensor_(method.model.parameters(), method.clipGradNorm!)));
      method.afterBackward(progress);
      optimizer.step();
      method.afterStep(progress);
      const [unlabeled, labeled] = [terms.loss_unlabeled.item(), terms.loss_labeled.item()];
      const [pseudo, top1] = [terms.pseudo_label_top1, terms.labeled_top1].map((share) => 100 * share.item());
      losses.push([loss.item(), unlabeled, labeled, pseudo, top1, lr, decays[step]]);
    });
    const { momentum_encoder: momentum } = method.schedules(progress);
    assertNumbers([momentum], [momenta[step]], { atol: 1e-12 }, `${golden.id}: momentum of step ${step}`);
    rows.center.push(...doubles(method.center));
    rows.teacher_probs.push(...doubles(method.probabilities!));
    student.record(method.model, withoutKeyBias);
    teacher.record(method.teacher, withoutKeyBias);
  }
  checkLosses(golden, losses, dtype);
  student.check(dtype);
  teacher.check(dtype);
  const suffix = dtype === 'float32' ? '' : '_f64';
  for (const [name, values] of Object.entries(rows)) golden.check(`${name}${suffix}`, values);
  const lastLayer = method.model.stateDict().get('head.last_layer.weight_v')!;
  golden.check(`last_layer_weight_v_final${suffix}`, doubles(lastLayer));
  method.dispose();
  optimizer.dispose();
}
