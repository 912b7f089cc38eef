import { describe, expect, test } from 'vitest';
import { CheckpointError } from '../errors.js';
import { backboneForm } from './backbone-keys.js';
import { recognizeCheckpoint } from './checkpoint-layouts.js';

/** A checkpoint whose values are its paths. */
const file = (...paths: string[]) => new Map(paths.map((path) => [path, path]));

const resnet = ['conv1.weight', 'bn1.weight', 'layer1.0.conv1.weight', 'layer4.2.bn3.running_mean'];
const transformer = ['cls_token', 'pos_embed', 'patch_embed.proj.weight', 'blocks.11.attn.qkv.bias', 'norm.weight'];
const dinoHead = ['head.mlp.0.weight', 'head.last_layer.weight_g', 'head.last_layer.weight_v'];

function under(prefix: string, keys: readonly string[]): string[] {
  return keys.map((key) => `/${prefix}${key}`);
}

describe('the backbone is found in', () => {
  const dino = [
    ...under('student/module.backbone.', transformer),
    ...under('student/module.', dinoHead),
    ...under('teacher/backbone.', transformer),
    ...under('teacher/', dinoHead),
    ...under('optimizer/state/0/', ['exp_avg']),
    '/dino_loss/center',
  ];
  const cases: [what: string, paths: string[], layout: RegExp, keys: string[]][] = [
    ['SwAV', under('module.', [...resnet, 'projection_head.0.weight', 'prototypes.weight']), /^SwAV$/, resnet],
    [
      'Suave',
      under('state_dict/module.', [...resnet, 'projection_head.0.0.weight', 'cls_heads.0.bias']),
      /^Suave$/,
      resnet,
    ],
    ['DINO', dino, /^DINO or Daino, teacher$/, transformer],
    ['DINO, the backbone alone', under('', transformer), /vision transformer of DINO or timm/, transformer],
    [
      'PAWS',
      [...under('encoder/module.', [...resnet, 'fc.fc1.weight', 'pred.bn1.bias']), '/opt/state/0/m'],
      /^PAWS$/,
      resnet,
    ],
    [
      'solo-learn',
      under('state_dict/', [
        ...resnet.map((key) => `backbone.${key}`),
        ...resnet.map((key) => `momentum_backbone.${key}`),
        'classifier.weight',
        'projector.0.weight',
        'prototypes.weight_g',
        'queue',
      ]),
      /^solo-learn/,
      resnet,
    ],
    ['torchvision', under('', [...resnet, 'fc.weight', 'fc.bias']), /torchvision or timm/, resnet],
    ['timm', under('', [...transformer, 'head.weight', 'head.bias']), /timm/, transformer],
    [
      "torchvision's vision transformer",
      under('', [
        'class_token',
        'encoder.pos_embedding',
        'conv_proj.weight',
        'encoder.layers.encoder_layer_11.self_attention.in_proj_bias',
        'encoder.ln.weight',
        'heads.head.weight',
      ]),
      /timm/,
      transformer,
    ],
    [
      'a run of Suave',
      under('', [...resnet.map((key) => `model.${key}`), 'queue', 'optimizer.0.momentum']),
      /./,
      resnet,
    ],
    ['a compiled network', under('model/_orig_mod.module.', resnet), /under model/, resnet],
  ];
  test.each(cases)('%s', (_what, paths, layout, keys) => {
    const found = recognizeCheckpoint('file', file(...paths));
    expect([...found.weights.keys()].sort()).toEqual([...keys].sort());
    expect(found.layout).toMatch(layout);
    // every entry is either taken or skipped with its own path
    const seen = [...found.weights.values(), ...found.skipped.map(({ key }) => key)];
    expect(seen.sort()).toEqual([...paths].sort());
  });

  test('of two networks the one that is asked for, else the preferred one', () => {
    const first = (options: Parameters<typeof recognizeCheckpoint>[2]) =>
      recognizeCheckpoint('file', file(...dino), options).weights.get('cls_token');
    expect(first({ which: 'student' })).toBe('/student/module.backbone.cls_token');
    expect(first({ which: 'teacher' })).toBe('/teacher/backbone.cls_token');
    expect(first({ preferred: 'student' })).toBe('/student/module.backbone.cls_token');
    const run = under('', [
      ...transformer.map((key) => `model.backbone.${key}`),
      'momentum_encoder.backbone.cls_token',
    ]);
    const ofRun = recognizeCheckpoint('file', file(...run), { which: 'student' });
    expect(ofRun.weights.get('cls_token')).toBe('/model.backbone.cls_token');
    expect(ofRun.skipped).toContainEqual({
      key: '/momentum_encoder.backbone.cls_token',
      reason: 'state of the run beside the chosen network',
    });
  });
});

describe('heads', () => {
  const keys = (paths: string[]) => [
    ...recognizeCheckpoint('file', file(...paths), { part: 'backbone+head' }).weights.keys(),
  ];

  test("of SwAV get Suave's names", () => {
    const names = ['0.weight', '1.running_mean', '3.weight'].map((key) => `projection_head.${key}`);
    expect(keys(under('module.', [...resnet, ...names, 'prototypes.weight'])).slice(resnet.length)).toEqual([
      'projection_head.0.0.weight',
      'projection_head.0.1.running_mean',
      'projection_head.1.weight',
      'prototypes.weight',
    ]);
  });

  test("of DINO stand beside the backbone under DINO's names", () => {
    const paths = [...under('teacher/module.backbone.', transformer), ...under('teacher/module.', dinoHead)];
    expect(keys(paths)).toEqual([...transformer.map((key) => `backbone.${key}`), ...dinoHead]);
  });

  test("of PAWS and solo-learn are kept, other tasks' classifiers are not", () => {
    expect(keys(under('encoder/', [...resnet, 'fc.fc1.weight', 'pred.fc1.weight']))).toContain('fc.fc1.weight');
    const solo = [...resnet.map((key) => `backbone.${key}`), 'projector.0.weight', 'projector.1.running_mean'];
    expect(keys(under('state_dict/', solo))).toContain('projection_head.0.0.weight');
    const paths = under('', [...resnet, 'fc.weight']);
    const { skipped } = recognizeCheckpoint('file', file(...paths), { part: 'backbone+head' });
    expect(skipped).toEqual([{ key: '/fc.weight', reason: 'a classifier for the classes of another task' }]);
  });
});

describe('is refused', () => {
  test('a file without a network', () => {
    expect(() => recognizeCheckpoint('file', file('/queue'))).toThrow(
      /file: expected the weights of a ResNet.*got queue/,
    );
    expect(() => recognizeCheckpoint('file', file())).toThrow(CheckpointError);
  });

  test.each([under('module.', resnet), under('', [...resnet.map((key) => `model.${key}`), 'queue'])])(
    'a choice between student and teacher where there is one network',
    (...paths) => {
      expect(() => recognizeCheckpoint('file', file(...paths), { which: 'student' })).toThrow(/with a student/);
    },
  );
});

describe('the form of a backbone', () => {
  const shapes = (keys: readonly string[], shape: readonly number[] = [1]) => new Map(keys.map((key) => [key, shape]));

  test('is read from its keys', () => {
    const bottlenecks = ['layer1.2.conv3.weight', 'layer2.3.bn1.bias', 'layer3.5.bn1.bias', 'layer4.2.bn1.bias'];
    const form = backboneForm(shapes(['conv1.weight', ...bottlenecks]))!;
    expect(form.arch).toBe('resnet50');
    expect(form.keys).toHaveLength(318);
    expect(backboneForm(shapes(['conv1.weight', 'layer1.0.bn2.bias', 'layer2.0.bn2.bias']))).toMatchObject({
      arch: null,
      text: 'a ResNet of 1, 1 basic blocks',
    });
    expect(backboneForm(shapes(['cls_token', 'blocks.11.norm1.bias'], [1, 1, 384]))?.arch).toBe('vit_small');
    expect(backboneForm(shapes(['fc.weight']))).toBeNull();
  });

  test.each(['layer1.999999999.conv1.weight', 'layer999999999.0.conv1.weight', 'blocks.999999999.norm1.bias'])(
    'takes no memory for the numbers of a hostile key: %s',
    (key) => {
      const form = backboneForm(shapes(['conv1.weight', 'layer1.0.bn1.bias', key]));
      expect(form?.keys.length).toBeLessThan(100);
    },
  );

  test('is read from any number of keys', () => {
    const many = Array.from({ length: 300_000 }, (_, i) => `blocks.0.norm1.weight${i}`);
    expect(backboneForm(shapes(['cls_token', ...many]))?.keys).toHaveLength(17);
    const heads = Array.from({ length: 300_000 }, (_, i) => `/projection_head.${i}.weight`);
    const paths = ['/conv1.weight', '/projection_head.1.running_mean', ...heads];
    const tensors = new Map(paths.map((path) => [path, path]));
    const { layout } = recognizeCheckpoint('file', tensors, { part: 'backbone+head' });
    expect(layout).toBe('SwAV');
  });
});
