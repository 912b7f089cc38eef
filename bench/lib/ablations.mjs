/** @file What goes beyond the paper, each with and without: the settings of both sides and the images that it is for. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { extname, join } from 'node:path';
import { openClassFolders } from './class-folders.mjs';

/** Largest class of the long-tailed set over the smallest. */
export const imbalance = 20;
/** Classes of the set with unknown classes that no label names, the last by name. */
export const numUnknown = 2;
/** Share of the training images that is labeled. */
export const labeledShare = 0.05;

/** Settings that both sides of every pair have: a network and a batch for minutes. */
export const common = { 'model.arch': 'resnet8', 'model.width': 0.5, 'logging.every': 10 };

/** `off` and `on` are settings by path, beside those of the recipe (the paper's); `data` names one of `dataSets`. */
export const ablations = {
  prior: {
    title: `class prior from the labels, classes up to 1:${imbalance} apart`,
    data: 'longTailed',
    off: {},
    on: { 'stages.suave.prior': 'labels' },
  },
  extraPrototypes: {
    title: `${numUnknown} extra prototypes, ${numUnknown} classes without labels among the images`,
    data: 'unknownClasses',
    off: {},
    on: { 'stages.suave.extraPrototypes': numUnknown },
  },
  epsilon: {
    title: 'automatic epsilon against 0.05',
    data: 'balanced',
    off: {},
    on: { 'stages.suave.epsilon': 'auto' },
  },
  collapse: {
    title: 'collapse by epsilon = 1, and after its warning: automatic epsilon',
    data: 'balanced',
    off: { 'stages.suave.epsilon': 1 },
    on: { 'stages.suave.epsilon': 'auto' },
  },
};

/** Training images of each class, given their number in all; `labels` tells whether a class has any. */
const dataSets = {
  balanced: (numImages, numClasses) =>
    new Array(numClasses).fill({ images: Math.floor(numImages / numClasses), labels: true }),
  longTailed(numImages, numClasses) {
    const shares = Array.from({ length: numClasses }, (_, k) => imbalance ** (-k / (numClasses - 1)));
    const total = shares.reduce((sum, share) => sum + share, 0);
    return shares.map((share) => ({ images: Math.round((numImages * share) / total), labels: true }));
  },
  unknownClasses: (numImages, numClasses) =>
    Array.from({ length: numClasses }, (_, k) => ({
      images: Math.floor(numImages / numClasses),
      labels: k < numClasses - numUnknown,
    })),
};

/**
 * Copies the images of a set: `train/` and `val/` without class folders, and their labels in `labels.csv`. `val/` has as many images
 * of every labeled class, all of them labeled. Images of one class are taken in the order of their names, validation images from the end.
 * @returns  the folder, and the images of each labeled class in training
 */
export function prepareImages({ source, out, images, val }, name) {
  const data = join(out, `data-${name}-${images}-${val}`);
  mkdirSync(out, { recursive: true });
  const workplace = mkdtempSync(join(out, 'unfinished-'));
  try {
    const { root, classes } = openClassFolders(source, workplace);
    const plan = dataSets[name](images, classes.length);
    const known = classes.filter((_, k) => plan[k].labels);
    const counts = Object.fromEntries(
      classes.map((label, k) => [label, plan[k].images]).filter((_, k) => plan[k].labels),
    );
    if (existsSync(data)) return { data, counts };
    const perClass = Math.floor(val / known.length);
    const target = join(workplace, 'data');
    for (const split of ['train', 'val']) mkdirSync(join(target, split), { recursive: true });
    const rows = ['path,label'];
    classes.forEach((label, k) => {
      const files = readdirSync(join(root, label)).sort();
      if (files.length < plan[k].images + perClass)
        throw new Error(
          `ablations: ${label} has ${files.length} images, needed are ${plan[k].images} and ${perClass} to measure on. Give a smaller --images or --val.`,
        );
      const numLabeled = plan[k].labels ? Math.max(4, Math.round(labeledShare * plan[k].images)) : 0;
      files.slice(0, plan[k].images).forEach((file, i) => {
        const copy = `train/${k}-${i}${extname(file)}`;
        copyFileSync(join(root, label, file), join(target, copy));
        if (i < numLabeled) rows.push(`${copy},${label}`);
      });
      if (!plan[k].labels) return;
      files.slice(files.length - perClass).forEach((file, i) => {
        const copy = `val/${k}-${i}${extname(file)}`;
        copyFileSync(join(root, label, file), join(target, copy));
        rows.push(`${copy},${label}`);
      });
    });
    writeFileSync(join(target, 'labels.csv'), `${rows.join('\n')}\n`);
    renameSync(target, data);
    return { data, counts };
  } finally {
    rmSync(workplace, { recursive: true, force: true });
  }
}
