/** @file Group 06: forwards, buffers and gradients of every network, state-dict keys, interpolated positions. */
import { readFileSync } from 'node:fs';
import { type nn, noGrad, rand, scope, type Tensor } from '@suave/torch';
import { createBackbone, type SwavModel, type VisionTransformer } from '../../packages/suave/src/models/index.js';
import { place, testDevice } from '../fixtures/devices.js';
import { type GoldenCase, goldenGroup, goldenPath } from './harness.js';
import { buildSwavModel, doubles, fillModel, type ModelParams } from './model-cases.js';
import {
  checkKeys,
  checkModel,
  checkOutputs,
  type Float,
  type Outputs,
  precisions,
  type StoredKey,
} from './model-checks.js';
import { imagesFromBytes, toTensor } from './tensors.js';
import {
  buildDinoHead,
  buildDinoModel,
  buildVit,
  type DinoHeadParams,
  type DinoParams,
  headFromText,
  type VitParams,
} from './transformer-cases.js';
import type { Fill } from './waves.js';

/** Outputs of a SwAV model under the golden names. */
function swavOutputs(model: SwavModel, images: Tensor[], params: ModelParams): Outputs {
  if (params.eval_mode) return { output: model.backbone.featureMap(images[0]) };
  const numLabeled = params.online_eval_multi ? images[0].shape[0] : 0;
  const { embeddings, logits, online } = model.forward(images, numLabeled);
  const named: Outputs = { embedding: embeddings };
  for (const [i, scores] of logits.entries()) named[logits.length === 1 ? 'logits' : `logits${i}`] = scores;
  for (const [i, scores] of online.entries()) named[`pred${i}`] = scores;
  return named;
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
  const model = createBackbone(arch!, {
    stem: 'cifar',
    numClasses: golden.number('num_classes'),
    dtype,
    device: testDevice(),
  });
  checkModel(golden, dtype, model, (network, images) => ({ output: network.forward(images[0]) }));
}

/** Read-outs of one input: attention of the class token, and class and mean tokens of the last blocks. */
function checkReadOuts(golden: GoldenCase, model: VisionTransformer, input: string, images: Tensor): void {
  const extras = golden.names('expected').filter((name) => name.startsWith('extra/') && name.endsWith(`_${input}`));
  noGrad(() => {
    for (const name of extras) {
      const layer = /^extra\/intermediate(\d+)_(cls|tokmean)_/.exec(name);
      if (layer) {
        const tokens_NTC = model.intermediateLayers(images, 2)[Number(layer[1])];
        golden.check(name, doubles(layer[2] === 'cls' ? tokens_NTC.select(1, 0) : tokens_NTC.mean([1])));
      } else {
        golden.check(name, doubles(model.lastSelfAttention(images).select(2, 0)));
      }
    }
  });
}

/** Class features at several image sizes: `output` of the first, `pred0`… of the following ones. */
function checkTransformer(golden: GoldenCase, dtype: Float): void {
  const backbone = createBackbone(String(golden.params.arch), {
    patchSize: golden.number('patch_size'),
    dropPathRate: golden.number('drop_path_rate'),
    dtype,
    device: testDevice(),
  }) as VisionTransformer;
  checkModel(golden, dtype, backbone, (model, inputs) => {
    for (const [i, input] of (golden.params.inputs_in_order as string[]).entries())
      if (dtype === 'float32') checkReadOuts(golden, model, input, inputs[i]);
    return Object.fromEntries(inputs.map((images, i) => [i === 0 ? 'output' : `pred${i - 1}`, model.forward(images)]));
  });
}

/** A named transformer (`MultiCropWrapper(vit_tiny, DINOHead)`) or one by its dimensions, with a DINO head. */
function dinoParams({ params, entry }: GoldenCase): DinoParams {
  if ('vit' in params) return params as unknown as DinoParams;
  const head = {
    ...headFromText(String(params.head)),
    out_dim: params.out_dim,
    norm_last_layer: params.norm_last_layer,
  };
  return { arch: /\((vit_\w+)/.exec(entry.checks)![1], head: head as DinoHeadParams };
}

function checkDino(golden: GoldenCase, dtype: Float): void {
  checkModel(golden, dtype, buildDinoModel(dinoParams(golden), dtype), (model, images) => ({
    output: model.forward(images).logits,
  }));
}

/** A DINO head with online classifiers, on given features. */
function checkDinoHead(golden: GoldenCase): void {
  const params = { ...golden.params, multihead_eval: true } as unknown as DinoHeadParams;
  const head = fillModel(buildDinoHead(golden.number('in_dim'), params, 'float32'), golden.params.fill as Fill);
  scope(() => {
    const { logits, online } = head.score(toTensor(golden.tensor('x')));
    const classifiers = Object.fromEntries(online.map((scores, i) => [`multihead${i}`, scores]));
    checkOutputs(golden, { output: logits, ...classifiers }, 'float32');
  });
  head.dispose();
}

/** Position encodings `pos_AxB` of images of height A and width B. */
function checkPositions(golden: GoldenCase): void {
  const vit = { ...golden.params, depth: 1, num_heads: 1 } as unknown as VitParams;
  const model = fillModel(buildVit(vit, 'float32'), 'hash');
  scope(() => {
    for (const name of golden.names('expected')) {
      const [, height, width] = /^pos_(\d+)x(\d+)$/.exec(name)!;
      golden.check(name, doubles(model.positionEncoding(Number(height), Number(width))));
    }
  });
  model.dispose();
}

/**
 * The reference's ensemble classifier crashes for want of the right width unless its inputs are detached. Ours has one
 * form, which is as wide as all features together, runs, and never sends a gradient into them.
 */
function checkEnsemble(golden: GoldenCase): void {
  const params = { arch: 'ResNet(Bottleneck,[1,1,1,1])', hidden_mlp: [64], output_dim: 32, num_classes: 10 };
  const model = buildSwavModel({ ...params, online_eval_multi: true, ensemble_eval: true }, 'float32');
  const width = model.cls_ensemble!.inFeatures;
  const complete = model.backbone.outFeatures + params.hidden_mlp[0] + params.output_dim;
  if (width !== complete)
    throw new Error(`${golden.id}: the ensemble classifier takes ${width} features, all together are ${complete}.`);
  scope(() =>
    model
      .forward([place(rand([4, 3, 32, 32]))], 4)
      .online.at(-1)!
      .sum()
      .backward(),
  );
  const reached = [...model.namedParameters()].filter(([, parameter]) => parameter.grad).map(([name]) => name);
  if (reached.join() !== 'cls_ensemble.weight,cls_ensemble.bias')
    throw new Error(`${golden.id}: the ensemble classifier sent a gradient to ${reached.join(', ')}.`);
  model.dispose();
}

type StoredModel = Partial<ModelParams> & {
  readonly keys: StoredKey[];
  readonly vit?: VitParams;
  readonly patch_size?: number;
  readonly head?: Omit<DinoHeadParams, 'out_dim'>;
};

/** The model that a name and its parameters in the key file describe; sizes that only the keys tell come from them. */
function modelByName(name: string, stored: StoredModel): nn.Module {
  const shapes = new Map(stored.keys.map(([key, shape]) => [key, shape]));
  const torchvision = /^torchvision_(resnet\d+)(_cifar)?$/.exec(name);
  if (torchvision) {
    const numClasses = shapes.get('fc.weight')![0];
    return createBackbone(torchvision[1]!, { stem: torchvision[2] ? 'cifar' : 'imagenet', numClasses });
  }
  if (stored.arch) return buildSwavModel({ ...stored, arch: stored.arch }, 'float32');
  const gain = [...shapes].find(([key]) => key.endsWith('last_layer.weight_v'));
  if (!gain) return createBackbone(name, { patchSize: stored.patch_size });
  const [outDim, bottleneck] = gain[1];
  if (gain[0].startsWith('last_layer')) {
    const [hidden, inFeatures] = shapes.get('mlp.0.weight')!;
    const sizes = { out_dim: outDim, hidden_dim: hidden, bottleneck_dim: bottleneck };
    return buildDinoHead(inFeatures, { ...sizes, multihead_eval: shapes.has('cls_heads.0.weight') }, 'float32');
  }
  const [, arch, normLast] = /^(vit_[a-z]+)?.*?(?:normlast(\d))?$/.exec(name)!;
  // a head that is described has the default where it says nothing; of a bare name the keys themselves tell
  const kind = stored.keys.find(([key]) => key.endsWith('last_layer.weight_g'))![2];
  const normLastLayer = normLast === undefined ? kind === 'frozen param' : normLast === '1';
  const head = { ...(stored.head ?? { norm_last_layer: normLastLayer }), out_dim: outDim };
  return buildDinoModel({ vit: stored.vit, arch, head }, 'float32');
}

const KEYS = (golden: GoldenCase) =>
  JSON.parse(readFileSync(goldenPath(golden.entry.json_file!), 'utf8')) as Record<string, StoredModel>;

goldenGroup('06', [
  {
    when: (golden) => /^(resnet|ResNet\()/.test(String(golden.params.arch)),
    variants: precisions(checkSwav),
  },
  { when: (golden) => /torchvision resnet\d+/.test(golden.entry.checks), variants: precisions(checkTorchvision) },
  { when: (golden) => /^vit_/.test(String(golden.params.arch)), variants: precisions(checkTransformer) },
  { when: (golden) => 'head' in golden.params, variants: precisions(checkDino) },
  { when: (golden) => 'in_dim' in golden.params && golden.has('x'), run: checkDinoHead },
  { when: (golden) => 'pos_embed' in golden.params, run: checkPositions },
  {
    when: (golden) => golden.entry.json_file !== undefined,
    hostOnly: true,
    variants: (golden) =>
      Object.fromEntries(
        Object.entries(KEYS(golden)).map(([name, stored]) => {
          const counts = golden.expectedValues.models as Record<string, number>;
          return [name, () => checkKeys(`${golden.id}/${name}`, modelByName(name, stored), stored.keys, counts[name])];
        }),
      ),
  },
  { when: (golden) => 'official_errors' in golden.expectedValues, run: checkEnsemble },
]);
