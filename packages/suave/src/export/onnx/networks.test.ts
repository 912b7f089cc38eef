import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveTensors, noGrad, scope, softmax, type Tensor, tensor } from '@suave/torch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeBackbone } from '../../../../../tests/fixtures/network-checkpoint.js';
import { pythonWith, whyNoPython } from '../../../../../tests/fixtures/python.js';
import { trainedLike, variedImages } from '../../../../../tests/fixtures/trained-like.js';
import { backboneFamily, backboneNames } from '../../models/index.js';
import type { CheckpointBackbone, CheckpointModel } from '../../runs/index.js';
import { buildOnnxModel, encodeOnnxModel, type OnnxModel, OnnxSession } from './index.js';

const numClasses = 10;
const probabilityTemperature = 0.5;
const tolerance = 1e-4;

/** One network of each kind; the prototypes beyond the classes are no outputs. */
const heads = {
  prototypes: { kind: 'prototypes', hidden: [48], outputDim: 32, outputs: [13], onlineClasses: 10, ensembleHead: true },
  linear: { kind: 'linear', outputs: [numClasses], features: null },
  dino: {
    kind: 'dino',
    head: { hiddenDim: 40, bottleneckDim: 24, layers: 3, batchNorm: true, normLastLayer: false },
    outputs: [numClasses],
  },
  paws: {
    kind: 'paws',
    head: { hiddenDim: 48, outputDim: 64, prediction: true },
    temperature: 0.3,
    outputs: [numClasses],
  },
} as const;
type Kind = keyof typeof heads;
const kinds = Object.keys(heads) as Kind[];

/** Narrow ones, so that all of them take seconds: width changes the sizes of a graph alone. */
const narrow: Readonly<Record<string, number>> = {
  resnet18: 1 / 4,
  resnet34: 1 / 4,
  resnet50: 1 / 8,
  'wrn-28-2': 1 / 2,
  'wrn-28-8': 1 / 8,
  vit_tiny: 1 / 3,
  vit_small: 1 / 6,
  vit_base: 1 / 6,
};

function backboneOf(arch: string, options: Partial<CheckpointBackbone> = {}): CheckpointBackbone {
  const isTransformer = backboneFamily(arch) === 'vision-transformer';
  const stem = isTransformer || /resnet(18|50)/.test(arch) ? 'imagenet' : 'cifar';
  const patches = isTransformer ? { patchSize: 8, imageSize: 64 } : {};
  return { ...describeBackbone(arch), stem, ...patches, ...options };
}

const model = (arch: string, head: object, options: Partial<CheckpointBackbone> = {}): CheckpointModel =>
  ({ ...backboneOf(arch, options), ...head }) as CheckpointModel;

const probe = (features: { lastBlocks: number; averagePatches: boolean }): CheckpointModel =>
  model('vit_tiny', { ...heads.linear, features }, { width: narrow.vit_tiny });

const largest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

const probabilities = (logits: Float32Array, columns: number): Float32Array =>
  scope(() => softmax(tensor(Array.from(logits)).reshape([-1, columns]), 1).data() as Float32Array);

interface Comparison {
  numClasses?: number | null;
  side?: number;
  output?: 'logits' | 'features';
}

/** The model of a network that looks trained; it is compared with that network, one image and three at a time. */
async function compare(description: CheckpointModel, options: Comparison = {}): Promise<OnnxModel> {
  const { side = 32, output = 'logits' } = options;
  const classes = options.numClasses === undefined ? numClasses : options.numClasses;
  const network = trainedLike(description);
  const target = { network, model: description, numClasses: classes, imageSize: side, probabilityTemperature };
  const onnx = buildOnnxModel(target, { output });
  const ours = (images: Tensor): Float32Array =>
    noGrad(() =>
      scope(() => {
        if (output === 'features') return network.backbone.forward(images).data() as Float32Array;
        const scores = network.classify(images);
        const columns = scores.narrow(1, 0, classes ?? scores.shape[1]);
        return columns.div(probabilityTemperature).contiguous().data() as Float32Array;
      }),
    );
  const session = await OnnxSession.open(encodeOnnxModel(onnx));
  for (const count of [1, 3]) {
    const images = variedImages(count, side);
    const expected = ours(images);
    const { values, dims } = await session.run(images.data() as Float32Array, images.shape);
    images.dispose();
    const columns = expected.length / count;
    expect(dims).toEqual([count, columns]);
    expect(values.every(Number.isFinite)).toBe(true);
    expect(largest(values, expected)).toBeLessThan(tolerance);
    if (output === 'logits')
      expect(largest(probabilities(values, columns), probabilities(expected, columns))).toBeLessThan(tolerance);
    // images that the network cannot tell apart would compare nothing
    if (count === 3) expect(largest(expected.slice(0, columns), expected.slice(columns))).toBeGreaterThan(0.01);
  }
  await session.release();
  network.dispose();
  return onnx;
}

/** Everything that a node reads is there before it, everything that is there is read, nothing is there twice. */
function expectTidy({ graph }: OnnxModel): void {
  const known = new Set(graph.input.map(({ name }) => name));
  for (const { name } of graph.initializer) known.add(name);
  expect(known.size).toBe(graph.input.length + graph.initializer.length);
  const read = new Set(graph.output.map(({ name }) => name));
  for (const { input, output } of graph.node) {
    for (const name of input) {
      expect(known).toContain(name);
      read.add(name);
    }
    for (const name of output) {
      expect(known).not.toContain(name);
      known.add(name);
    }
  }
  expect([...known].filter((name) => !read.has(name))).toEqual([]);
  for (const { dims, rawData, dataType } of graph.initializer) {
    const size = dataType === 1 ? 4 : 8;
    expect(rawData.length).toBe(size * dims.reduce((product, dim) => product * dim, 1));
  }
}

const python = pythonWith('onnx');
let folder = '';
const files: string[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'suave-onnx-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Keeps a model for the checker. */
function keepForChecker(onnx: OnnxModel): void {
  if (python === null) return;
  const file = join(folder, `${files.length}.onnx`);
  writeFileSync(file, encodeOnnxModel(onnx));
  files.push(file);
}

describe('in onnxruntime-web, within 1e-4', () => {
  describe.each(backboneNames)('%s', (arch) => {
    test.each(kinds)('%s', async (kind) => {
      const before = liveTensors();
      const onnx = await compare(model(arch, heads[kind], { width: narrow[arch] ?? 1 }));
      expect(liveTensors()).toEqual(before);
      expectTidy(onnx);
      if (kind === kinds[backboneNames.indexOf(arch) % kinds.length]) keepForChecker(onnx);
    });
  });

  test.each(['resnet20', 'resnet18', 'wrn-28-2', 'vit_tiny'])('features of %s at its own width', async (arch) => {
    const onnx = await compare(model(arch, heads.linear), { output: 'features' });
    expectTidy(onnx);
    expect(onnx.graph.initializer.map(({ name }) => name)).not.toContain('fc.weight');
    keepForChecker(onnx);
  });

  test.each([
    ['resnet50 with the cifar stem', model('resnet50', heads.dino, { width: 1 / 8, stem: 'cifar' }), 16],
    ['resnet34 with the imagenet stem', model('resnet34', heads.linear, { width: 1 / 4, stem: 'imagenet' }), 50],
    ['resnet8, twice as wide', model('resnet8', heads.prototypes, { width: 2 }), 20],
    ['resnet14, four times as wide', model('resnet14', heads.paws, { width: 4 }), 20],
    [
      'patches of 16, resampled positions',
      model('vit_tiny', heads.dino, { patchSize: 16, imageSize: 224, width: 1 / 3 }),
      48,
    ],
    [
      'patches of 4, stored positions',
      model('vit_tiny', heads.paws, { patchSize: 4, imageSize: 32, width: 1 / 3 }),
      32,
    ],
    [
      'pixels beyond whole patches',
      model('vit_tiny', heads.prototypes, { patchSize: 8, imageSize: 32, width: 1 / 3 }),
      45,
    ],
    ['class tokens of four blocks', probe({ lastBlocks: 4, averagePatches: false }), 32],
    ['class token and mean of the patches', probe({ lastBlocks: 1, averagePatches: true }), 32],
    ['both of three blocks', probe({ lastBlocks: 3, averagePatches: true }), 32],
    ['DINO head of one layer', model('resnet8', { ...heads.dino, head: { ...heads.dino.head, layers: 1 } }), 32],
    [
      'DINO head without batch norm',
      model('resnet8', { ...heads.dino, head: { ...heads.dino.head, batchNorm: false } }),
      32,
    ],
    [
      'PAWS without prediction head',
      model('resnet8', { ...heads.paws, head: { ...heads.paws.head, prediction: false } }),
      32,
    ],
    ['PAWS with probabilities that vanish', model('resnet8', { ...heads.paws, temperature: 0.005 }), 32],
    ['two hidden layers', model('resnet8', { ...heads.prototypes, hidden: [24, 20] }), 32],
    ['linear projection', model('resnet8', { ...heads.prototypes, hidden: [0] }), 32],
    ['no projection', model('resnet8', { ...heads.prototypes, outputDim: 0 }), 32],
  ])('%s', async (_title, description, side) => {
    const onnx = await compare(description, { side });
    expectTidy(onnx);
    keepForChecker(onnx);
  });

  test('clusters of the first of several layers of prototypes, all of them', async () => {
    const description = model('resnet8', {
      ...heads.prototypes,
      outputs: [17, 19],
      onlineClasses: null,
      ensembleHead: false,
    });
    const onnx = await compare(description, { numClasses: null });
    expectTidy(onnx);
    expect(onnx.graph.output[0].type.tensorType.shape.dim).toEqual([{ dimParam: 'batch' }, { dimValue: 17 }]);
    expect(onnx.graph.initializer.map(({ name }) => name)).toContain('prototypes.prototypes0.weight');
    keepForChecker(onnx);
  });
});

test(`the checker of ONNX finds nothing, shapes included${whyNoPython(python, 'onnx')}`, {
  skip: python === null,
}, () => {
  const program = `
import sys, onnx
for path in sys.argv[1:]:
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    values = {value.name: value.type.tensor_type for value in inferred.graph.value_info}
    last = model.graph.node[-1]
    assert last.output[0] == model.graph.output[0].name, last
    for node in model.graph.node[:-1]:
        assert all(name in values and values[name].shape.dim for name in node.output), node
print(len(sys.argv) - 1, model.ir_version, model.opset_import[0].version)
`;
  expect(python?.run(program, files).trim()).toBe(`${files.length} 8 17`);
  expect(files.length).toBeGreaterThan(0);
});
