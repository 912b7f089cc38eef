/**
 * @file Group 04: the parts of Daino: loss and center on one rank and on two real processes, schedules, parameter groups,
 * clipping, a frozen last layer, the teacher's average, stochastic depth.
 */
import { type nn, optim, scope, setGradients, sum, type Tensor } from '@suave/torch';
import { Daino, regularizedGroups } from '../../packages/suave/src/methods/index.js';
import { createBackbone } from '../../packages/suave/src/models/index.js';
import {
  type DinoLossParams,
  describedDinoModel,
  dinoCalls,
  onesLike,
  storedScores,
  teacherTargets,
} from './dino-cases.js';
import { dropPathHandlers } from './drop-path-cases.js';
import { casesOf, type GoldenCase, goldenGroup } from './harness.js';
import { doubles } from './model-cases.js';
import { scheduleHandlers } from './schedule-handlers.js';
import { simulateRanks } from './simulated-ranks.js';
import { imagesFromBytes, toTensor } from './tensors.js';
import { runRanks } from './two-ranks.js';
import { norm, waveHash } from './waves.js';

type Float = 'float32' | 'float64';
const PRECISIONS: readonly Float[] = ['float32', 'float64'];

/** The same test in both precisions. */
function inBoth(check: (dtype: Float) => void): Record<string, () => void> {
  return Object.fromEntries(PRECISIONS.map((dtype) => [dtype, () => scope(() => check(dtype))]));
}

/** The parameters of a loss case, with the temperatures of the case that it names. */
function lossParams(golden: GoldenCase): DinoLossParams {
  const named = golden.params.same_temperatures_as;
  const base = named === undefined ? undefined : casesOf('04').find((other) => other.id === named);
  return { ...base?.params, ...golden.params } as unknown as DinoLossParams;
}

function checkLoss(golden: GoldenCase, dtype: Float): void {
  const params = lossParams(golden);
  const targets = teacherTargets(params, dtype, null);
  for (const [call, got] of dinoCalls(params, storedScores(golden, dtype), targets).entries()) {
    golden.check(`call${call}/loss`, got.loss);
    golden.check(`call${call}/grad_student_output`, got.gradient);
    golden.check(`call${call}/teacher_probs`, got.probabilities);
    golden.check(`call${call}/center_after`, got.center);
  }
  const epochs = Array.from({ length: golden.number('nepochs') }, (_, epoch) => targets.temperature(epoch));
  golden.check('teacher_temp_schedule', epochs);
  golden.checkValue('state_dict_keys', [...targets.state().keys()]);
  targets.dispose();
}

/** Prefix of a rank's scores; ranks without their own take those of the case that the description names. */
function rankPrefix(golden: GoldenCase, rank: number): string {
  return golden.has(`rank${rank}/call0/student_output`) ? `rank${rank}/` : '';
}

/** @param numbers  per rank: the losses of all calls, then the center after each */
function checkRanks(golden: GoldenCase, numbers: readonly (readonly number[])[]): void {
  const calls = lossParams(golden).epoch_per_call.length;
  for (const [rank, values] of numbers.entries()) {
    golden.check(`rank${rank}/losses`, values.slice(0, calls));
    golden.check(`rank${rank}/center_after`, values.slice(calls));
  }
}

function ranksOf(golden: GoldenCase): number[] {
  return Array.from({ length: golden.number('world_size') }, (_, rank) => rank);
}

/** Names of tensors in a model; parameters are found by identity. */
function namesOf(model: nn.Module, tensors: readonly Tensor[], prefix = ''): string[] {
  const names = new Map([...model.namedParameters()].map(([name, tensor]) => [tensor, prefix + name]));
  return tensors.map((tensor) => names.get(tensor)!);
}

function checkGroups(golden: GoldenCase, model: nn.Module): void {
  const expected = golden.expectedValues.regularized as string[];
  const prefix = expected.every((name) => name.startsWith('module.')) ? 'module.' : '';
  const [regularized, unregularized] = regularizedGroups(model);
  golden.checkValue('regularized', namesOf(model, regularized.parameters, prefix));
  golden.checkValue('not_regularized', namesOf(model, unregularized.parameters, prefix));
  const decay = 'weight_decay_of_group_1';
  if (decay in golden.expectedValues) golden.checkValue(decay, unregularized.decays ? 1 : 0);
  if (!regularized.decays) throw new Error(`${golden.id}: the regularized group must decay.`);
  model.dispose();
}

/** The description that "same small ViT" points to. */
function smallVit(): string {
  const described = casesOf('04').find((other) => /^VisionTransformer\(/.test(String(other.params.model)));
  if (!described) throw new Error('expected a case of group 04 that describes the small transformer.');
  return described.params.model as string;
}

function checkClipping(golden: GoldenCase, dtype: Float): void {
  const model = describedDinoModel(smallVit(), { norm_last_layer: false, use_bn: false }, dtype, 'hash');
  const { logits } = model.forward([imagesFromBytes(golden.tensor('image_u8'), dtype)]);
  const wave = toTensor({ dtype: 'F64', shape: logits.shape, data: waveHash('loss', logits.numel) }, dtype);
  sum(logits.mul(wave)).backward();
  const named = model.namedParameters();
  const gradient = (name: string) => doubles(named.get(name)!.grad!);
  golden.checkValue('param_order', [...named.keys()]);
  golden.check('norms_before', doubles(optim.clipGradientsPerTensor_([...named.values()], golden.number('clip'))));
  golden.check(
    'norms_after',
    [...named.keys()].map((name) => norm(gradient(name))),
  );
  golden.check('grad_after_patch_embed', gradient('backbone.patch_embed.proj.weight'));
  golden.check('grad_after_last_layer_v', gradient('head.last_layer.weight_v'));
  model.dispose();
}

/** Names without a gradient after the method's `afterBackward`, per "epochE_freezeF". */
function checkFrozenLastLayer(golden: GoldenCase): void {
  const expected = golden.expectedValues.gradients_none as Record<string, string[]>;
  const absent = Object.keys(expected).map((setting) => {
    const [, epoch, freeze] = /^epoch(\d+)_freeze(\d+)$/.exec(setting)!.map(Number);
    const network = () => describedDinoModel(smallVit(), { norm_last_layer: false }, 'float32');
    const method = new Daino({
      model: network(),
      momentumEncoder: { model: network() },
      freezeLastLayerEpochs: freeze,
    });
    const named = [...method.model.namedParameters()];
    const parameters = named.map(([, parameter]) => parameter);
    setGradients(parameters, parameters.map(onesLike));
    method.afterBackward({ step: epoch, epoch, stepsPerEpoch: 1, epochs: 10, totalSteps: 10 });
    const names = named.filter(([, parameter]) => parameter.grad === null).map(([name]) => name);
    method.dispose();
    return [setting, names];
  });
  golden.checkValue('gradients_none', Object.fromEntries(absent));
}

const isLoss = (golden: GoldenCase) => 'ncrops' in golden.params && 'epoch_per_call' in golden.params;

goldenGroup('04', [
  {
    when: (golden) => isLoss(golden) && golden.params.world_size === 1,
    variants: (golden) => inBoth((dtype) => checkLoss(golden, dtype)),
  },
  {
    when: (golden) => isLoss(golden) && Number(golden.params.world_size) > 1,
    hostOnly: ['real processes'],
    variants: (golden) => ({
      'real processes': async () => {
        const params = lossParams(golden);
        const numbers = (rank: number, who: string) =>
          params.epoch_per_call.map((_, call) => {
            const { data, shape } = golden.tensor(`${rankPrefix(golden, rank)}call${call}/${who}_output`);
            return { values: [...(data as Float32Array)], shape };
          });
        const inputs = ranksOf(golden).map((rank) => ({
          params,
          student: numbers(rank, 'student'),
          teacher: numbers(rank, 'teacher'),
        }));
        checkRanks(golden, await runRanks('dinoLoss', inputs));
      },
      'ranks in turn': () =>
        scope(() => {
          const params = lossParams(golden);
          const results = simulateRanks(ranksOf(golden).length, (collective, rank) => {
            const scores = storedScores(golden, 'float64', rankPrefix(golden, rank));
            const calls = dinoCalls(params, scores, teacherTargets(params, 'float64', collective));
            return [...calls.flatMap(({ loss }) => [...loss]), ...calls.flatMap(({ center }) => [...center])];
          });
          checkRanks(golden, results);
        }),
    }),
  },
  ...scheduleHandlers,
  {
    when: (golden) => 'regularized' in golden.expectedValues && 'model' in golden.params,
    hostOnly: true,
    run: (golden) => checkGroups(golden, describedDinoModel(golden.params.model as string, golden.params, 'float32')),
  },
  {
    when: (golden) => 'regularized' in golden.expectedValues && /resnet\d+/.test(golden.entry.checks),
    hostOnly: true,
    run: (golden) =>
      checkGroups(golden, createBackbone(/resnet\d+/.exec(golden.entry.checks)![0], { numClasses: 1000 })),
  },
  {
    when: (golden) => typeof golden.params.clip === 'number' && golden.names().includes('norms_before'),
    variants: (golden) => inBoth((dtype) => checkClipping(golden, dtype)),
  },
  { when: (golden) => 'gradients_none' in golden.expectedValues, run: checkFrozenLastLayer },
  ...dropPathHandlers,
]);
