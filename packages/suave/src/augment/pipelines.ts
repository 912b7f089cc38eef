/**
 * @file The published pipelines as values (method specification 6.1). Sources: P the paper's supplement, C the
 * published Suave/Daino code, S SwAV, D DINO, L solo-learn.
 */
import {
  cifar10Normalization,
  cifar100Normalization,
  imagenetNormalization,
  swavNormalization,
} from './normalization.js';
import type { BlurSpec, EvalSpec, JitterSpec, ViewSpec } from './view-spec.js';

/** Color jitter of SwAV at strength 1 (S, P). */
export const swavJitter: JitterSpec = { brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2, prob: 0.8 };
/** Color jitter of labeled images (P, C). */
export const labeledJitter: JitterSpec = { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, prob: 0.8 };
/** Color jitter of labeled images in fine-tuning (P, C). */
export const lightJitter: JitterSpec = { brightness: 0.1, contrast: 0.1, saturation: 0.1, hue: 0.1, prob: 0.8 };
/** Color jitter of DINO (D, C). */
export const dinoJitter: JitterSpec = { brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1, prob: 0.8 };

const blurWith = (prob: number): BlurSpec => ({ prob, sigma: [0.1, 2] });

/** Unlabeled global crops of Suave and SwAV on ImageNet (S, P, C). */
export const imagenetGlobal: ViewSpec = {
  name: 'global',
  size: 224,
  scale: [0.14, 1],
  interpolation: 'bilinear',
  flipProb: 0.5,
  jitter: swavJitter,
  grayProb: 0.2,
  blur: blurWith(0.5),
  solarize: null,
  ...swavNormalization,
};

/** Unlabeled local crops of Suave and SwAV on ImageNet, scale (.08, .14) as in the paper (P). */
export const imagenetLocal: ViewSpec = { ...imagenetGlobal, name: 'local', size: 96, scale: [0.08, 0.14] };

/** The local crops of the published code: scale (.05, .14) (S, C). */
export const imagenetLocalOfficial: ViewSpec = { ...imagenetLocal, scale: [0.05, 0.14] };

/** Labeled images on ImageNet, of Suave and of Daino (P, C). */
export const imagenetLabeled: ViewSpec = {
  ...imagenetGlobal,
  name: 'labeled',
  scale: [0.08, 1],
  jitter: labeledJitter,
  blur: null,
};

/** Unlabeled views in fine-tuning: two crops with flips and no colors (P: no distortion and blur; C: no gray either). */
export const finetuneUnlabeled: ViewSpec = {
  ...imagenetGlobal,
  name: 'fine-tune unlabeled',
  scale: [0.08, 1],
  jitter: null,
  grayProb: 0,
  blur: null,
};

/** Labeled images in fine-tuning: light jitter, no gray (P, C). */
export const finetuneLabeled: ViewSpec = {
  ...finetuneUnlabeled,
  name: 'fine-tune labeled',
  jitter: lightJitter,
};

/** Labeled images with 3-Augment (C, off by default): used with two repeats of each image in a batch. */
export const threeAugmentLabeled: ViewSpec = {
  ...finetuneUnlabeled,
  name: '3-Augment labeled',
  threeAugment: { sigma: [0.1, 2], threshold: 128 },
  jitter: { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0, prob: 1 },
};

/** 3-Augment with the simple crop: shorter side to 224 (bicubic), reflected borders, random square (C). */
export const threeAugmentSimpleLabeled: ViewSpec = {
  ...threeAugmentLabeled,
  cropMode: 'simple',
  interpolation: 'bicubic',
};

/** First global crop of Daino and DINO: always blurred (D, C). */
export const dainoGlobal0: ViewSpec = {
  name: 'global 0',
  size: 224,
  scale: [0.25, 1],
  interpolation: 'bicubic',
  flipProb: 0.5,
  jitter: dinoJitter,
  grayProb: 0.2,
  blur: blurWith(1),
  solarize: null,
  ...imagenetNormalization,
};

/** Second global crop of Daino and DINO: seldom blurred, sometimes solarized (D, C). */
export const dainoGlobal1: ViewSpec = {
  ...dainoGlobal0,
  name: 'global 1',
  blur: blurWith(0.1),
  solarize: { prob: 0.2, threshold: 128 },
};

/** Local crops of Daino and DINO (D, C). */
export const dainoLocal: ViewSpec = {
  ...dainoGlobal0,
  name: 'local',
  size: 96,
  scale: [0.05, 0.25],
  blur: blurWith(0.5),
};

/** Training images of linear and fine-tuning baselines: crop and flip; SwAV's normalization (S). */
export const baselineLabeled: ViewSpec = { ...finetuneUnlabeled, name: 'baseline' };

/** Unlabeled global crops on CIFAR-100: 32 pixels, scale (.6, 1), colors as on ImageNet (P). */
export const cifarGlobal: ViewSpec = {
  ...imagenetGlobal,
  size: 32,
  scale: [0.6, 1],
  ...cifar100Normalization,
};

/** Unlabeled local crops on CIFAR-100: scale (.1, .6) (P); 18 pixels, which the paper does not state. */
export const cifarLocal: ViewSpec = { ...cifarGlobal, name: 'local', size: 18, scale: [0.1, 0.6] };

/** Labeled images on CIFAR-100: 32 pixels, scale (.08, 1) (P). */
export const cifarLabeled: ViewSpec = { ...imagenetLabeled, size: 32, ...cifar100Normalization };

/** A pipeline with CIFAR-10's statistics instead of CIFAR-100's (L). */
export function withCifar10Statistics<Spec extends ViewSpec | EvalSpec>(spec: Spec): Spec {
  return { ...spec, ...cifar10Normalization };
}

/** Evaluation of Suave, Daino and SwAV on ImageNet (S, C). */
export const imagenetEval: EvalSpec = { resize: 256, crop: 224, interpolation: 'bilinear', ...swavNormalization };

/** Evaluation of DINO on ImageNet (D). */
export const dinoEval: EvalSpec = { resize: 256, crop: 224, interpolation: 'bicubic', ...imagenetNormalization };

/** Evaluation on CIFAR-100: the image as it is. */
export const cifarEval: EvalSpec = { resize: null, crop: 32, interpolation: 'bilinear', ...cifar100Normalization };
