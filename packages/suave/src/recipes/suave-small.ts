/**
 * @file `suave-small`, the default: any folder, any number of classes, on a few processor cores or one GPU.
 * Image size, backbone, batch sizes, queue and epochs follow from the data; `notes` say what was picked and why.
 * Numbers marked P, C, S, L are those of `parts.ts`; numbers without a mark are ours.
 */
import { imagenetNormalization } from '../augment/normalization.js';
import {
  baselineOf,
  cacheSideFor,
  commonConfig,
  commonData,
  labeledColors,
  normalizationConfig,
  plainSchedule,
  suaveDefaults,
  suaveLars,
  swavColors,
  transformerFor,
} from './parts.js';
import { withPreset } from './quirks.js';
import type { DataFacts, Recipe, RecipeHints } from './recipe.js';
import type { Config, SuaveStage, SwavStage, ViewConfig } from './schema.js';

/** Largest power of two that is at most `value`, at least `minimum`. */
function powerOfTwo(value: number, minimum: number): number {
  let power = minimum;
  while (power * 2 <= value) power *= 2;
  return power;
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** Side of the global crops: what the images have, up to what the machine can train in reasonable time. */
function pickImageSize(facts: DataFacts): number {
  const sizes = facts.device === 'cuda' ? [32, 64, 96, 128, 224] : [32, 48, 64];
  return sizes.findLast((size) => size <= facts.shorterSide * 1.1) ?? sizes[0];
}

function pickModel(facts: DataFacts, size: number, hints: RecipeHints): Config['model'] {
  const family = hints.arch ?? (facts.device === 'cpu' ? 'resnet8' : size >= 224 ? 'resnet50' : 'resnet18');
  const isSmallFamily = ['resnet8', 'resnet14', 'resnet20'].includes(family);
  return {
    arch: family,
    width: 1,
    stem: size <= 64 ? 'cifar' : 'imagenet',
    hidden: [isSmallFamily ? 256 : 2048], // 2048: P
    outputDim: 128, // P
    ...transformerFor(family, size),
  };
}

interface Batches {
  unlabeled: number;
  labeled: number;
  stepsPerEpoch: number;
}

/** At least 16 steps an epoch where the data allow it; half as many labeled images, as the paper has (256 and 128). */
function pickBatches(facts: DataFacts): Batches {
  const largest = facts.device === 'cuda' ? 256 : 64; // 256: P
  const unlabeled = Math.max(2, Math.min(powerOfTwo(Math.min(largest, facts.numTrain / 16), 8), facts.numTrain));
  const labeled = Math.max(2, Math.min(Math.floor(unlabeled / 2), facts.numLabeled));
  return { unlabeled, labeled, stepsPerEpoch: Math.max(1, Math.floor(facts.numTrain / unlabeled)) };
}

/** Epochs so that a run sees a fixed number of images: about half an hour on two cores, some hours on a GPU. */
function pickEpochs(facts: DataFacts, size: number): number {
  const images = facts.device === 'cuda' ? 20_000_000 : 200_000 * Math.max(1, facts.threads / 2);
  return Math.round(clamp((images * (32 / size) ** 2) / facts.numTrain, 10, 200)); // 200: P on CIFAR
}

/**
 * Rows that Sinkhorn-Knopp sees are about four for each class, as in the paper (3840 and a batch of 256 for 1000 classes): a
 * batch that has them needs no queue. At most 15 batches (P) and less than an epoch, so that no image meets itself.
 */
function pickQueue(facts: DataFacts, batch: Batches): number {
  const missing = Math.ceil((4 * facts.numClasses) / batch.unlabeled) - 1;
  return batch.unlabeled * clamp(missing, 0, Math.min(15, batch.stepsPerEpoch - 1));
}

/**
 * The paper's rate on CIFAR, 2.8 for a batch of 128 and 78,000 steps, in proportion to the batch. LARS moves every layer by a share
 * of its own length in a step, so a run of fewer steps gets longer ones: by the square root, five times at most.
 */
function pickLearningRate(batch: Batches, epochs: number): { lr: number; startLr: number; finalLr: number } {
  const stretch = clamp(Math.sqrt(78_000 / (epochs * batch.stepsPerEpoch)), 1, 5);
  const lr = Number(((2.8 * stretch * Math.max(batch.unlabeled, 32)) / 128).toPrecision(2));
  return { lr, startLr: 0, finalLr: lr / 100 };
}

/** Two global crops of (.3, 1) and four local ones of half the size, all with SwAV's colors. */
function unlabeledViews(size: number, preset: Config['preset']): ViewConfig[] {
  const smallestLocal = preset === 'paper' ? 0.08 : 0.05; // P .08, C .05 (D1)
  const blurSigma: [number, number] = [0.1, Math.max(0.5, (2 * size) / 224)]; // C: .1 to 2 at 224 pixels
  const blur = { prob: 0.5, sigma: blurSigma };
  return [
    { ...swavColors, name: 'global', count: 2, size, scale: [0.3, 1], blur },
    { ...swavColors, name: 'local', count: 4, size: Math.round((size * 9) / 16), scale: [smallestLocal, 0.4], blur },
  ];
}

export const suaveSmall: Recipe = {
  name: 'suave-small',
  description:
    'any folder of images, any number of classes; sizes, backbone and epochs follow from the data (the default)',
  build(facts, hints) {
    const size = pickImageSize(facts);
    const model = pickModel(facts, size, hints);
    const batch = pickBatches(facts);
    const epochs = hints.epochs ?? pickEpochs(facts, size);
    const preset = hints.preset ?? 'paper';
    const queue = { size: pickQueue(facts, batch), startEpoch: 0 };
    const views = unlabeledViews(size, preset);
    const optimizer = {
      ...suaveLars,
      ...pickLearningRate(batch, epochs),
      warmupEpochs: Math.min(5, epochs / 4), // C: 5
      weightDecay: 3e-6, // P on CIFAR
    };
    const suave: SuaveStage = {
      ...structuredClone(suaveDefaults),
      name: 'suave',
      epochs,
      init: 'backbone',
      batch: { unlabeled: batch.unlabeled, labeled: batch.labeled, labeledRepeats: 1 },
      views: { unlabeled: views, labeled: { ...labeledColors, name: 'labeled', count: 1, size, scale: [0.2, 1] } },
      epsilon: 0.05, // P, S
      queue,
      optimizer,
    };
    const stages: Config['stages'] = [suave];
    if (facts.device === 'cuda') stages.unshift(swavBefore(suave, epochs));
    const baseline = baselineOf(suave, epochs, batch.stepsPerEpoch, {
      ...plainSchedule,
      kind: 'sgd',
      lr: 0.05,
      startLr: 0,
      finalLr: 0,
      warmupEpochs: Math.min(1, epochs / 4),
      weightDecay: 5e-4,
      momentum: 0.9,
      nesterov: true,
    });
    const resize = size <= 48 ? size : cacheSideFor(size);
    return {
      config: withPreset({
        ...structuredClone(commonConfig),
        recipe: 'suave-small',
        preset,
        device: facts.device,
        threads: facts.threads,
        data: { ...commonData, cacheSide: Math.max(resize, cacheSideFor(size)) },
        normalization: normalizationConfig(imagenetNormalization),
        model,
        evaluation: { resize, crop: size, interpolation: 'bilinear', batch: facts.device === 'cuda' ? 512 : 128 },
        stages,
        baseline,
      }),
      notes: notesFor(facts, size, model, batch, stages, hints),
    };
  },
};

/** SwAV with the same views before Suave (the paper's way), as long as Suave itself; worth it where a GPU makes it cheap. */
function swavBefore(suave: SuaveStage, epochs: number): SwavStage {
  return {
    name: 'swav',
    method: 'swav',
    epochs,
    init: 'nothing',
    batch: { unlabeled: suave.batch.unlabeled },
    views: { unlabeled: structuredClone(suave.views.unlabeled) },
    prototypes: [300],
    temperature: suave.temperature,
    epsilon: suave.epsilon,
    sinkhornIterations: suave.sinkhornIterations,
    queue: { size: suave.queue.size, startEpoch: Math.min(15, Math.floor(epochs / 4)) }, // S: 15
    freezePrototypesEpochs: 1, // S
    optimizer: structuredClone(suave.optimizer),
  };
}

function notesFor(
  facts: DataFacts,
  size: number,
  model: Config['model'],
  batch: Batches,
  stages: Config['stages'],
  hints: RecipeHints,
): string[] {
  const where =
    facts.device === 'cuda' ? 'a GPU' : `${facts.threads} processor thread${facts.threads === 1 ? '' : 's'}`;
  const epochs = stages.map((stage) => `${stage.epochs} of ${stage.name}`).join(', then ');
  return [
    `image size ${size} px: the images' shorter side is ${Math.round(facts.shorterSide)} px and training is on ${where}`,
    `backbone ${model.arch} (width ${model.width}, ${model.stem} stem): ${hints.arch === undefined ? `fits ${size} px images on ${where}` : 'as asked'}`,
    `batch ${batch.unlabeled} unlabeled + ${batch.labeled} labeled: ${batch.stepsPerEpoch} steps for an epoch of ${facts.numTrain} images`,
    `epochs ${epochs}: ${hints.epochs === undefined ? 'a fixed budget of images for this machine' : 'as asked'}`,
  ];
}
