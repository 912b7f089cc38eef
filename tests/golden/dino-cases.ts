/** @file The network that group 04 describes in words, and the DINO loss on given scores. */
import { type Collective, cat, chunk, fromTypedArray, scope, type Tensor } from '@suave/torch';
import { logProbabilities, swappedLoss, TeacherTargets } from '../../packages/suave/src/methods/index.js';
import type { DinoModel } from '../../packages/suave/src/models/index.js';
import { place, testDevice } from '../fixtures/devices.js';
import type { GoldenCase } from './harness.js';
import { doubles, fillModel } from './model-cases.js';
import { toTensor } from './tensors.js';
import { buildDinoModel, type DinoHeadParams } from './transformer-cases.js';
import type { Fill } from './waves.js';

type Float = 'float32' | 'float64';

/** The model that the group of Daino's parts describes in words; other dimensions may be written the same way. */
export function describedDinoModel(
  description: string,
  head: Pick<DinoHeadParams, 'norm_last_layer' | 'use_bn'>,
  dtype: Float,
  fill?: Fill,
): DinoModel {
  const number = (pattern: RegExp) => {
    const found = pattern.exec(description);
    if (!found) throw new Error(`expected ${pattern} in the model "${description}".`);
    return Number(found[1]);
  };
  const vit = {
    img_size: number(/img (\d+)/),
    patch_size: number(/patch (\d+)/),
    embed_dim: number(/\bdim (\d+)/),
    depth: number(/depth (\d+)/),
    num_heads: number(/heads (\d+)/),
    mlp_ratio: number(/mlp_ratio (\d+)/),
    qkv_bias: true,
  };
  const sizes = {
    out_dim: number(/DINOHead\(\d+,\s*(\d+)/),
    hidden_dim: number(/hidden (\d+)/),
    bottleneck_dim: number(/bottleneck (\d+)/),
  };
  const model = buildDinoModel({ vit, head: { ...sizes, ...head } }, dtype);
  return fill ? fillModel(model, fill) : model;
}

/** What one call of the loss leaves behind. */
export interface DinoCall {
  readonly loss: Float64Array;
  readonly gradient: Float64Array;
  readonly probabilities: Float64Array;
  readonly center: Float64Array;
}

/** The numbers that a case of the DINO loss fixes; a case on several ranks takes the temperatures of another one. */
export interface DinoLossParams {
  readonly out_dim: number;
  readonly ncrops: number;
  readonly warmup_teacher_temp: number;
  readonly teacher_temp: number;
  readonly warmup_teacher_temp_epochs: number;
  readonly student_temp: number;
  readonly center_momentum: number;
  readonly epoch_per_call: readonly number[];
}

/** The real targets of a teacher, as the parameters say. */
export function teacherTargets(params: DinoLossParams, dtype: Float, collective: Collective | null): TeacherTargets {
  return new TeacherTargets({
    outDim: params.out_dim,
    temperature: {
      warmup: params.warmup_teacher_temp,
      final: params.teacher_temp,
      warmupEpochs: params.warmup_teacher_temp_epochs,
    },
    centerMomentum: params.center_momentum,
    dtype,
    device: testDevice(),
    collective,
  });
}

/** Successive calls of the loss on given scores of student and teacher. */
export function dinoCalls(
  params: DinoLossParams,
  scores: (call: number, who: 'student' | 'teacher') => Tensor,
  targets: TeacherTargets,
): DinoCall[] {
  return params.epoch_per_call.map((epoch, call) =>
    scope(() => {
      const student = scores(call, 'student');
      student.requiresGrad = true;
      const probabilities = targets.make(scores(call, 'teacher'), epoch);
      const views = chunk(logProbabilities(student, params.student_temp), params.ncrops);
      const loss = swappedLoss(views, probabilities, [0, 1]);
      loss.backward();
      return {
        loss: doubles(loss),
        gradient: doubles(student.grad!),
        probabilities: doubles(cat(probabilities)),
        center: doubles(targets.center),
      };
    }),
  );
}

/** Scores of a call as stored, on the first rank of cases with several. */
export function storedScores(golden: GoldenCase, dtype: Float, prefix = ''): Parameters<typeof dinoCalls>[1] {
  return (call, who) => toTensor(golden.tensor(`${prefix}call${call}/${who}_output`), dtype);
}

/** A tensor of ones in the shape of another, as a gradient. */
export function onesLike(tensor: Tensor): Tensor {
  return place(fromTypedArray(new Float32Array(tensor.numel).fill(1), tensor.shape));
}
