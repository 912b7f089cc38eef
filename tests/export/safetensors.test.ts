/** @file Exported weights are read by torchvision and timm under their own keys, and give what our network gives. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noGrad, rand, readSafetensors, scope, type Tensor, writeSafetensors } from '@suave/torch';
import { afterAll, describe, expect, it } from 'vitest';
import { timmArchitecture, writeSafetensorsFolder } from '../../packages/suave/src/export/safetensors.js';
import type { CheckpointModel } from '../../packages/suave/src/runs/index.js';
import { describeBackbone, writeNetworkCheckpoint } from '../fixtures/network-checkpoint.js';
import { pythonWith, whyNoPython } from '../fixtures/python.js';

const folder = mkdtempSync(join(tmpdir(), 'suave-weights-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Reads safetensors with nothing but the format's description. */
const readWeights = `
import json, sys, struct, numpy, torch
def weights(path):
    data = open(path, 'rb').read()
    size = struct.unpack('<Q', data[:8])[0]
    header = json.loads(data[8:8 + size])
    kinds = {'F32': numpy.float32, 'I64': numpy.int64}
    result = {}
    for name, entry in header.items():
        if name == '__metadata__': continue
        start, end = entry['data_offsets']
        array = numpy.frombuffer(data[8 + size + start:8 + size + end], dtype=kinds[entry['dtype']])
        result[name] = torch.from_numpy(array.reshape(entry['shape']).copy())
    return result
`;

/** Loads the weights strictly, runs the images, prints the outputs. */
const torchvisionProgram = `${readWeights}
import torchvision
folder, arch, classes = sys.argv[1:4]
network = getattr(torchvision.models, arch)(num_classes=max(1, int(classes)))
if int(classes) == 0: network.fc = torch.nn.Identity()
network.load_state_dict(weights(folder + '/model.safetensors'), strict=True)
with torch.no_grad(): out = network.eval()(weights(folder + '/images.safetensors')['images'])
print(json.dumps(out.tolist()))
`;

const timmProgram = `${readWeights}
import timm
folder = sys.argv[1]
config = json.load(open(folder + '/config.json'))
network = timm.create_model(config['architecture'], num_classes=config['num_classes'], **config.get('model_args', {}))
network.load_state_dict(weights(folder + '/model.safetensors'), strict=True)
with torch.no_grad(): out = network.eval()(weights(folder + '/images.safetensors')['images'])
print(json.dumps(out.tolist()))
`;

const torchvision = pythonWith('torch', 'torchvision');
const timm = pythonWith('torch', 'timm');

const linear = (backbone: ReturnType<typeof describeBackbone>): CheckpointModel => ({
  ...backbone,
  kind: 'linear',
  outputs: [3],
  features: null,
});
const prototypes = (backbone: ReturnType<typeof describeBackbone>): CheckpointModel => ({
  ...backbone,
  ...{ kind: 'prototypes', hidden: [16], outputDim: 8, outputs: [3], onlineClasses: 3, ensembleHead: false },
});
const transformer = describeBackbone('vit_tiny', { patchSize: 8, imageSize: 32 });

/** Exports a fresh network and gives the folder and our output for images that are written beside the weights. */
function exported(name: string, model: CheckpointModel): { out: string; ours: number[][] } {
  const out = mkdtempSync(join(folder, `${name}-`));
  const file = join(out, 'checkpoint.safetensors');
  const network = writeNetworkCheckpoint(file, model, { classes: ['a', 'b', 'c'] });
  const images = rand([2, 3, 32, 32]);
  writeSafetensors(join(out, 'images.safetensors'), new Map([['images', images]]));
  const { backbone } = network as unknown as { backbone: { forward(images: Tensor): Tensor } };
  const ours = noGrad(() =>
    scope(() => (model.kind === 'linear' ? network.classify(images) : backbone.forward(images)).toArray()),
  ) as number[][];
  network.dispose();
  images.dispose();
  return { out, ours };
}

function expectClose(theirs: number[][], ours: number[][]): void {
  expect(theirs.length).toBe(ours.length);
  for (const [row, values] of ours.entries())
    for (const [column, value] of values.entries()) expect(theirs[row][column]).toBeCloseTo(value, 4);
}

describe(`weights in torchvision${whyNoPython(torchvision, 'torch', 'torchvision')}`, () => {
  it.skipIf(torchvision === null).each([
    ['resnet18', linear(describeBackbone('resnet18')), 3, 122],
    ['resnet50', prototypes(describeBackbone('resnet50')), 0, 318],
  ] as const)('%s', (arch, model, classes, keys) => {
    const { out, ours } = exported(arch, model);
    const written = writeSafetensorsFolder(join(out, 'checkpoint.safetensors'), out);
    expect(written.files).toEqual(['model.safetensors', 'config.json']);
    expect(written.backbone + written.classifier).toBe(keys);
    expectClose(JSON.parse(torchvision!.run(torchvisionProgram, [out, arch, String(classes)])), ours);
  });
});

describe(`weights in timm${whyNoPython(timm, 'torch', 'timm')}`, () => {
  it.skipIf(timm === null).each([
    ['vit_tiny with a classifier', linear(transformer)],
    ['vit_tiny', prototypes(transformer)],
    ['resnet18', linear(describeBackbone('resnet18'))],
  ])('%s', (name, model) => {
    const { out, ours } = exported(name.replaceAll(' ', '-'), model);
    writeSafetensorsFolder(join(out, 'checkpoint.safetensors'), out);
    expectClose(JSON.parse(timm!.run(timmProgram, [out]).trim().split('\n').at(-1)!), ours);
  });
});

describe('exported weights', () => {
  it('are bit-equal to the checkpoint, without what only training needs', () => {
    const { out } = exported('bits', prototypes(describeBackbone('resnet8', { stem: 'cifar', width: 0.5 })));
    const written = writeSafetensorsFolder(join(out, 'checkpoint.safetensors'), out);
    expect(written).toMatchObject({ files: ['model.safetensors'], classifier: 0, timm: null });
    const ours = readSafetensors(join(out, 'checkpoint.safetensors')).tensors;
    const theirs = readSafetensors(join(out, 'model.safetensors')).tensors;
    expect([...theirs.keys()].every((key) => /^(conv1|bn1|layer\d)\./.test(key))).toBe(true);
    for (const [key, tensor] of theirs) expect(tensor.bytes()).toEqual(ours.get(`model.${key}`)?.bytes());
    for (const tensor of [...ours.values(), ...theirs.values()]) tensor.dispose();
  });

  it('name the network that timm makes, or none', () => {
    expect(timmArchitecture(linear(transformer))).toEqual({
      architecture: 'vit_tiny_patch16_224',
      arguments: { patch_size: 8, img_size: 32 },
    });
    expect(timmArchitecture(linear(describeBackbone('resnet50', { width: 2 })))).toBeNull();
    expect(timmArchitecture(linear(describeBackbone('resnet18', { stem: 'cifar' })))).toBeNull();
    expect(timmArchitecture(linear(describeBackbone('wrn-28-2', { stem: 'cifar' })))).toBeNull();
  });

  it('carry the preparation of images for timm', () => {
    const { out } = exported('config', linear(transformer));
    writeSafetensorsFolder(join(out, 'checkpoint.safetensors'), out);
    expect(JSON.parse(readFileSync(join(out, 'config.json'), 'utf8'))).toMatchObject({
      num_classes: 3,
      label_names: ['a', 'b', 'c'],
      pretrained_cfg: { input_size: [3, 32, 32], crop_pct: 32 / 36, classifier: 'head', interpolation: 'bilinear' },
    });
  });
});
