/**
 * @file `node bench/onnx.mjs DATA [--arch NAME]… [--images 200] [--side 112] [--json]`: every architecture against its own ONNX model
 * in onnxruntime-web, one thread, on real images. DATA is a folder of class folders, or a .tar.gz of one; it is read only.
 * Networks for CIFAR see images as their recipes evaluate them; those for ImageNet as theirs do, but on crops of --side pixels (224
 * is their own). Weights are random, with statistics of batch norm that are not 0 and 1. Ends with status 1 where a logit or a
 * probability differs by more than 1e-4.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  cat,
  fromTypedArray,
  keep,
  libtorchVersion,
  manualSeed,
  noGrad,
  scope,
  setNumThreads,
  softmax,
} from '@suave/torch';
import { env } from 'onnxruntime-web';
import { cifarEval, dinoEval, imagenetEval } from '../packages/suave/dist/augment/pipelines.js';
import { decodeAll } from '../packages/suave/dist/data/decode-pool.js';
import { decodeBatches } from '../packages/suave/dist/evaluation/decoded-batches.js';
import { createNetwork } from '../packages/suave/dist/evaluation/network.js';
import { joined } from '../packages/suave/dist/evaluation/predict-batch.js';
import { allIndices, prepare } from '../packages/suave/dist/evaluation/scoring.js';
import { buildOnnxModel, encodeOnnxModel, OnnxSession } from '../packages/suave/dist/export/onnx/index.js';
import { openClassFolders } from './lib/class-folders.mjs';
import { describeHardware } from './lib/hardware.mjs';
import { moveWeights } from './lib/trained-weights.mjs';

const tolerance = 1e-4;
const batch = 25;

/** Temperatures of the losses that train these heads, by which logits are divided. */
const temperatures = { prototypes: 0.1, linear: 1, dino: 0.1, paws: 1 };

const heads = {
  prototypes: (classes) => ({
    kind: 'prototypes',
    hidden: [2048],
    outputDim: 128,
    outputs: [classes],
    onlineClasses: null,
    ensembleHead: false,
  }),
  linear: (classes) => ({ kind: 'linear', outputs: [classes], features: null }),
  dino: (classes) => ({
    kind: 'dino',
    head: { hiddenDim: 2048, bottleneckDim: 256, layers: 3, batchNorm: false, normLastLayer: true },
    outputs: [classes],
  }),
  paws: (classes) => ({
    kind: 'paws',
    head: { hiddenDim: 128, outputDim: 128, prediction: true },
    temperature: 0.1,
    outputs: [classes],
  }),
};

const convolutional = { width: 1, patchSize: null, imageSize: null };
const forCifar = { ...convolutional, stem: 'cifar', evaluation: cifarEval };
const forImagenet = { ...convolutional, stem: 'imagenet', evaluation: imagenetEval };
const transformer = { width: 1, stem: 'imagenet', patchSize: 16, imageSize: 224, evaluation: dinoEval };

/** Every architecture with the head that a recipe puts on it. */
const networks = {
  resnet8: { ...forCifar, head: 'prototypes' },
  resnet14: { ...forCifar, head: 'prototypes' },
  resnet20: { ...forCifar, head: 'prototypes' },
  resnet18: { ...forCifar, head: 'prototypes' },
  resnet34: { ...forImagenet, head: 'linear' },
  resnet50: { ...forImagenet, head: 'prototypes' },
  'wrn-28-2': { ...forCifar, head: 'paws' },
  'wrn-28-8': { ...forCifar, head: 'prototypes' },
  vit_tiny: { ...transformer, head: 'dino' },
  vit_small: { ...transformer, head: 'dino' },
  vit_base: { ...transformer, head: 'linear' },
};

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      arch: { type: 'string', multiple: true, default: Object.keys(networks) },
      images: { type: 'string', default: '200' },
      side: { type: 'string', default: '112' },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 1) throw new Error('onnx: expected one folder of class folders. node bench/onnx.mjs DATA');
  const unknown = values.arch.find((arch) => !Object.hasOwn(networks, arch));
  if (unknown !== undefined)
    throw new Error(`onnx: expected --arch to be one of ${Object.keys(networks).join(', ')}, got ${unknown}.`);
  const count = (name) => {
    const value = Number(values[name]);
    if (!(Number.isInteger(value) && value >= 1))
      throw new Error(`onnx: expected --${name} of at least 1, got ${values[name]}.`);
    return value;
  };
  return { data: positionals[0], archs: values.arch, images: count('images'), side: count('side'), json: values.json };
}

/** As many images, of all classes in turn. */
function chooseImages(root, classes, count) {
  const files = classes.map((name) => readdirSync(join(root, name)).sort());
  const chosen = [];
  for (let round = 0; chosen.length < count; round++) {
    const before = chosen.length;
    for (const [i, name] of classes.entries()) {
      if (round < files[i].length && chosen.length < count) chosen.push(join(root, name, files[i][round]));
    }
    if (chosen.length === before) throw new Error(`onnx: expected ${count} images in ${root}, got ${before}.`);
  }
  return chosen;
}

/** How a network sees images; those for ImageNet in a crop of `side` pixels. */
function inputOf({ resize, crop, ...rest }, side) {
  if (resize === null) return { resize: crop, crop, ...rest };
  return { resize: Math.round((resize * side) / crop), crop: side, ...rest };
}

/** Files as a network sees them, batch by batch: pixels and their dimensions. */
async function prepareImages(paths, input) {
  const batches = [];
  await decodeBatches(
    { paths, decode: (take, run) => decodeAll(paths, { cacheSide: null, exifOrientation: 'apply' }, take, run) },
    {
      batch,
      workers: 1,
      signal: null,
      onSkipped(path, reason) {
        throw new Error(`onnx: ${path}: ${reason}`);
      },
      onBatch(images) {
        const prepared = () => prepare(joined(images), allIndices(images.length), { input, device: 'cpu' });
        batches.push({ pixels: scope(() => prepared().data()), dims: [images.length, 3, input.crop, input.crop] });
      },
    },
  );
  return batches;
}

/** Logits as softmax reads them, [N, K]; a new tensor. */
function logitsOf(network, temperature, { pixels, dims }) {
  return noGrad(() => scope(() => keep(network.classify(fromTypedArray(pixels, dims)).div(temperature))));
}

/** How far two tables of logits [N, K] are from each other. */
function differences(ours, theirs) {
  return scope(() => {
    const largest = (a, b) => a.sub(b).abs().max().item();
    return {
      largest_difference: {
        logits: largest(ours, theirs),
        probabilities: largest(softmax(ours, 1), softmax(theirs, 1)),
      },
      largest_logit: ours.abs().max().item(),
      spread_between_images: ours.std([0]).max().item(),
      same_class: ours
        .argmax({ dim: 1 })
        .eq(theirs.argmax({ dim: 1 }))
        .sum()
        .item(),
    };
  });
}

/** Compares one network with its model. */
async function compare(arch, paths, classes, side) {
  const { head, evaluation, ...backbone } = networks[arch];
  const input = inputOf(evaluation, side);
  const temperature = temperatures[head];
  const model = { arch, ...backbone, ...heads[head](classes) };
  manualSeed(1);
  const network = createNetwork(model, 'cpu');
  moveWeights(network);
  network.eval();
  const target = { network, model, numClasses: classes, imageSize: input.crop, probabilityTemperature: temperature };
  const bytes = encodeOnnxModel(buildOnnxModel(target, { output: 'logits' }));
  const session = await OnnxSession.open(bytes);
  const ours = [];
  const theirs = [];
  let done = 0;
  for (const images of await prepareImages(paths, input)) {
    ours.push(logitsOf(network, temperature, images));
    const { values, dims } = await session.run(images.pixels, images.dims);
    theirs.push(fromTypedArray(values, dims));
    done += images.dims[0];
    process.stderr.write(`\r${arch}: ${done} of ${paths.length} images `);
  }
  process.stderr.write('\n');
  await session.release();
  network.dispose();
  const { stem, patchSize, width } = backbone;
  const first = patchSize === null ? `${stem} stem` : `patches of ${patchSize} px`;
  const model_mib = Number((bytes.length / 2 ** 20).toFixed(1));
  const compared = scope(() => differences(cat(ours), cat(theirs)));
  for (const tensor of [...ours, ...theirs]) tensor.dispose();
  return { arch, width, first_layer: first, head, temperature, crop: input.crop, images: done, model_mib, ...compared };
}

const short = (value) => value.toExponential(1);

async function main() {
  const { data, archs, images, side, json } = readArguments();
  setNumThreads(1);
  const workplace = mkdtempSync(join(tmpdir(), 'suave-onnx-'));
  try {
    const { root, classes } = openClassFolders(data, workplace);
    const paths = chooseImages(root, classes, images);
    const results = [];
    for (const arch of archs) results.push(await compare(arch, paths, classes.length, side));
    const { node } = process.versions;
    const versions = { node, libtorch: libtorchVersion(), onnxruntime_web: env.versions.web };
    const hardware = describeHardware();
    const date = new Date().toISOString();
    const isEqual = results.every(({ largest_difference: { logits, probabilities } }) => {
      return Math.max(logits, probabilities) <= tolerance;
    });
    if (json) {
      console.log(JSON.stringify({ bench: 'onnx', tolerance, results, versions, hardware, date }));
    } else {
      console.log('network     crop  largest difference of logits  of probabilities  largest logit  same class');
      for (const { arch, crop, largest_difference, largest_logit, same_class } of results) {
        const { logits, probabilities } = largest_difference;
        const columns = [arch.padEnd(12), String(crop).padStart(4), short(logits).padStart(30)];
        columns.push(short(probabilities).padStart(18), largest_logit.toFixed(1).padStart(15));
        console.log(`${columns.join('')}${`${same_class} of ${images}`.padStart(12)}`);
      }
    }
    if (!isEqual) process.exitCode = 1;
  } finally {
    rmSync(workplace, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
}
