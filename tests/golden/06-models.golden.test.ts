/** @file Group 06: ResNet forwards, buffers and gradients, and the state-dict keys of every residual network. */
import { readFileSync } from 'node:fs';
import { fromTypedArray, type nn, scope, type Tensor } from '@suave/torch';
import { createBackbone, type SwavModel } from '../../packages/suave/src/models/index.js';
import { assertNumbers, type GoldenCase, goldenGroup, goldenPath } from './harness.js';
import { buildSwavModel, doubles, fillModel, type ModelParams } from './model-cases.js';
import { imagesFromBytes } from './tensors.js';
import { type Fill, norm, project, waveHash } from './waves.js';

type Float = 'float32' | 'float64';

const LATER = 'belongs to the ViT/DINO issue: vision transformers and their heads';
const SUFFIX: Record<Float, string> = { float32: '', float64: '_f64' };

function inputs(golden: GoldenCase, dtype: Float): Tensor[] {
  return (golden.params.inputs_in_order as string[]).map((name) => imagesFromBytes(golden.tensor(name), dtype));
}

/** Outputs of a SwAV model under the golden names. */
function swavOutputs(model: SwavModel, images: Tensor[], params: ModelParams): Record<string, Tensor> {
  if (params.eval_mode) return { output: model.backbone.featureMap(images[0]) };
  const numLabeled = params.online_eval_multi ? images[0].shape[0] : 0;
  const { embeddings, logits, online } = model.forward(images, numLabeled);
  const named: Record<string, Tensor> = { embedding: embeddings };
  for (const [i, scores] of logits.entries()) named[logits.length === 1 ? 'logits' : `logits${i}`] = scores;
  for (const [i, scores] of online.entries()) named[`pred${i}`] = scores;
  return named;
}

/** `Σ_k Σ out_k · wave("loss:" + k)` in the working precision. */
function waveLoss(outputs: Record<string, Tensor>): Tensor {
  return Object.entries(outputs)
    .map(([name, out]) =>
      out.mul(fromTypedArray(waveHash(`loss:${name}`, out.numel), out.shape, { dtype: out.dtype })).sum(),
    )
    .reduce((left, right) => left.add(right));
}

function sameNames(golden: GoldenCase, what: string, got: string[]): void {
  const expected = golden.expectedValues[what] as string[];
  if (got.join() !== expected.join())
    throw new Error(`${golden.id}: ${what} is [${got.join(', ')}], expected [${expected.join(', ')}].`);
}

function checkBuffers(golden: GoldenCase, model: nn.Module, dtype: Float): void {
  if (!golden.has(`buffer_norm${SUFFIX[dtype]}`)) return;
  const buffers = [...model.namedBuffers()].filter(([name]) => !name.endsWith('num_batches_tracked'));
  sameNames(
    golden,
    'buffer_order',
    buffers.map(([name]) => name),
  );
  golden.check(
    `buffer_norm${SUFFIX[dtype]}`,
    buffers.map(([, buffer]) => norm(doubles(buffer))),
  );
  golden.check(
    `buffer_proj${SUFFIX[dtype]}`,
    buffers.map(([name, buffer]) => project(`buf:${name}`, doubles(buffer))),
  );
}

function checkGradients(golden: GoldenCase, model: nn.Module, outputs: Record<string, Tensor>, dtype: Float): void {
  const suffix = SUFFIX[dtype];
  const compared = golden.names('expected').includes(`grad_norm${suffix}`);
  const loss = waveLoss(outputs);
  if (`loss${suffix}` in golden.expectedValues) golden.checkValue(`loss${suffix}`, loss.item());
  if (!compared) return;
  loss.backward();
  const parameters = [...model.namedParameters()];
  sameNames(
    golden,
    'param_order',
    parameters.map(([name]) => name),
  );
  const gradients = parameters.map(([, parameter]) =>
    parameter.grad ? doubles(parameter.grad) : new Float64Array(parameter.numel),
  );
  const norms = gradients.map((gradient) => norm(gradient));
  const projections = gradients.map((gradient, i) => project(`grad:${parameters[i][0]}`, gradient));
  const zero = new Set(golden.expectedValues.zero_gradient_params as string[] | undefined);
  const largest = Math.max(...norms);
  for (const [i, [name]] of parameters.entries()) {
    if (!zero.has(name)) continue;
    if (!(norms[i] < 1e-5 * largest))
      throw new Error(`${golden.id}: the gradient of ${name} should vanish, its norm is ${norms[i]}.`);
    norms[i] = Number(golden.tensor(`grad_norm${suffix}`).data[i]);
    projections[i] = Number(golden.tensor(`grad_proj${suffix}`).data[i]);
  }
  golden.check(`grad_norm${suffix}`, norms);
  golden.check(`grad_proj${suffix}`, projections);
}

function checkOutputs(golden: GoldenCase, outputs: Record<string, Tensor>, dtype: Float): void {
  const own = golden
    .names('expected')
    .filter((name) => name.startsWith('out/') && name.endsWith('_f64') === (dtype === 'float64'));
  for (const name of own) {
    const key = name.slice(4).replace(/_f64$/, '');
    if (!outputs[key]) throw new Error(`${golden.id}: the model has no output "${key}".`);
    golden.check(name, doubles(outputs[key]));
  }
}

function checkModel<M extends nn.Module>(
  golden: GoldenCase,
  dtype: Float,
  model: M,
  forward: (model: M, images: Tensor[]) => Record<string, Tensor>,
): void {
  fillModel(model, golden.params.fill as Fill);
  const training = golden.params.mode === 'train';
  model.train(training);
  scope(() => {
    const outputs = forward(model, inputs(golden, dtype));
    checkOutputs(golden, outputs, dtype);
    checkBuffers(golden, model, dtype);
    if (training) checkGradients(golden, model, outputs, dtype);
  });
  model.dispose();
}

function checkSwav(golden: GoldenCase, dtype: Float): void {
  const params = golden.params as unknown as ModelParams;
  checkModel(golden, dtype, buildSwavModel(params, dtype), (model, images) => {
    if (golden.has('extra/backbone_global1') && dtype === 'float32') {
      const pooled = model.backbone.forward(imagesFromBytes(golden.tensor('global1_u8'), dtype));
      golden.check('extra/backbone_global1', doubles(pooled));
    }
    return swavOutputs(model, images, params);
  });
}

/** A network of torchvision with a stem for small images and a classifier. */
function checkTorchvision(golden: GoldenCase, dtype: Float): void {
  const [, arch] = /torchvision (resnet\d+)/.exec(golden.entry.checks)!;
  const model = createBackbone(arch!, { stem: 'cifar', numClasses: golden.number('num_classes'), dtype });
  checkModel(golden, dtype, model, (network, images) => ({ output: network.forward(images[0]) }));
}

/** A float64 run only where the case has float64 values; a float32 run only where it has float32 ones. */
function precisions(check: (golden: GoldenCase, dtype: Float) => void) {
  return (golden: GoldenCase) => {
    const names = golden.names('expected');
    return Object.fromEntries(
      (['float32', 'float64'] as const)
        .filter((dtype) => names.some((name) => name.endsWith('_f64') === (dtype === 'float64')))
        .map((dtype) => [dtype, () => check(golden, dtype)]),
    );
  };
}

type StoredModel = ModelParams & { readonly keys: [name: string, shape: number[], kind: string][] };

function modelByName(name: string, stored: StoredModel): nn.Module | null {
  const torchvision = /^torchvision_(resnet\d+)(_cifar)?$/.exec(name);
  if (torchvision) {
    const numClasses = stored.keys.find(([key]) => key === 'fc.weight')![1][0];
    return createBackbone(torchvision[1]!, { stem: torchvision[2] ? 'cifar' : 'imagenet', numClasses });
  }
  return stored.arch ? buildSwavModel(stored, 'float32') : null;
}

function checkKeys(golden: GoldenCase, name: string, stored: StoredModel): void {
  const model = modelByName(name, stored)!;
  const parameters = model.namedParameters();
  const got = [...model.stateDict()].map(([key, entry]) => [
    key,
    entry.shape,
    parameters.has(key) ? 'param' : 'buffer',
  ]);
  const expected = stored.keys;
  for (const [i, entry] of expected.entries()) {
    if (JSON.stringify(got[i]) !== JSON.stringify(entry)) {
      throw new Error(`${golden.id}/${name}[${i}]: expected ${JSON.stringify(entry)}, got ${JSON.stringify(got[i])}.`);
    }
  }
  assertNumbers(
    [got.length],
    [(golden.expectedValues.models as Record<string, number>)[name]],
    'exact',
    `${name}: entries`,
  );
  model.dispose();
}

goldenGroup('06', [
  {
    when: (golden) => /^(resnet|ResNet\()/.test(String(golden.params.arch)),
    variants: precisions(checkSwav),
  },
  { when: (golden) => /torchvision resnet\d+/.test(golden.entry.checks), variants: precisions(checkTorchvision) },
  {
    when: (golden) => golden.entry.json_file !== undefined,
    variants: (golden) => {
      const models = JSON.parse(readFileSync(goldenPath(golden.entry.json_file!), 'utf8')) as Record<
        string,
        StoredModel
      >;
      return Object.fromEntries(
        Object.entries(models).map(([name, stored]) => {
          const known = /^torchvision_resnet/.test(name) || stored.arch !== undefined;
          return [name, known ? () => checkKeys(golden, name, stored) : { skip: LATER }];
        }),
      );
    },
  },
  {
    when: (golden) => 'official_errors' in golden.expectedValues,
    skip: 'nothing to compare: options that crash in the official code, documented only',
  },
  {
    when: (golden) =>
      'vit' in golden.params || 'pos_embed' in golden.params || /vit|dino/i.test(golden.entry.reference),
    skip: LATER,
  },
]);
