/** @file Our side of `step`: the trainer's own step with a batch that is cut and mixed already. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keep, manualSeed, optim, randn, scope, writeSafetensors } from '@suave/torch';
import { Draws, drawMix, mixLabeled, mixViews } from '../../packages/suave/dist/augment/index.js';
import { Suave } from '../../packages/suave/dist/methods/index.js';
import { createBackbone, SwavModel } from '../../packages/suave/dist/models/index.js';
import { Meter } from '../../packages/suave/dist/training/meter.js';
import { trainStep } from '../../packages/suave/dist/training/train-step.js';
import { answer, readOptions } from '../lib/answer.mjs';

const { unlabeled, labeled, classes, queue, warmUpSteps, checkedSteps } = readOptions();
const hyper = { lr: 0.4, momentum: 0.9, weightDecay: 1e-6, temperature: 0.1, epsilon: 0.05, labelSmoothing: 0.01 };

manualSeed(1);
const model = new SwavModel({
  backbone: createBackbone('resnet18', { stem: 'cifar' }),
  hiddenMlp: [2048],
  outputDim: 128,
  prototypes: classes,
  onlineClasses: classes,
});
const method = new Suave({
  model,
  temperature: hyper.temperature,
  epsilon: hyper.epsilon,
  labelSmoothing: hyper.labelSmoothing,
  queueLength: queue,
});
method.train();
const optimizer = new optim.LARS(method.model.parameters(), {
  lr: hyper.lr,
  momentum: hyper.momentum,
  weightDecay: hyper.weightDecay,
});
const meter = new Meter('cpu');

/** Two global and four local crops, the mixed pair of the globals, and the labeled images with their mixed copies. */
const batch = scope(() => {
  const draws = new Draws(1, 0, 'other').at(0, 0, 0, 0, 'mix');
  const mixing = { cutmixProb: 0, beta: 1 };
  const cut = [32, 32, 18, 18, 18, 18].map((size) => randn([unlabeled, 3, size, size]));
  const { views, positions, lambdas } = mixViews(cut, [drawMix(draws, mixing, 32, 32)], 'globals');
  const labels = Int32Array.from({ length: labeled }, (_, i) => i % classes);
  const originals = randn([labeled, 3, 32, 32]);
  const { images, targets } = mixLabeled(originals, labels, drawMix(draws, mixing, 32, 32), 'extend', {
    numClasses: classes,
  });
  return {
    labeled: { images: keep(images), targets: keep(targets), numOriginal: labeled },
    unlabeled: {
      views: views.map((view) => keep(view)),
      mixedPositions: positions,
      mixedLambdas: lambdas,
      hiddenLabels: null,
    },
  };
});

const folder = mkdtempSync(join(tmpdir(), 'suave-bench-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit());
const file = join(folder, 'step.safetensors');
writeSafetensors(
  file,
  new Map([
    ...[...model.stateDict()].map(([name, tensor]) => [`model.${name}`, tensor]),
    ['labeled.images', batch.labeled.images],
    ['labeled.targets', batch.labeled.targets],
    ...batch.unlabeled.views.map((view, i) => [`view.${i}`, view]),
  ]),
);

const parts = {
  method,
  optimizer,
  meter,
  batch: () => batch,
  groupSettings: () => [{ lr: hyper.lr, weightDecay: hyper.weightDecay }],
  precision: 'fp32',
  device: 'cpu',
  torchSeed: (step) => step,
};
let step = 0;
function sample() {
  trainStep(parts, { step, epoch: 0, stepsPerEpoch: 1e6, epochs: 1, totalSteps: 1e6, monitored: false });
  step++;
}

const losses = Array.from({ length: checkedSteps }, () => {
  sample();
  return scope(() => meter.read().values.loss);
});
while (step < warmUpSteps) sample();

const { mixedPositions, mixedLambdas, views } = batch.unlabeled;
const forPeer = { file, hyper, numViews: views.length, mixedPositions, mixedLambdas };
await answer({ losses, forPeer }, sample);
