/**
 * @file `node bench/cifar.mjs CIFAR [options]`: real images. Trains Suave and the supervised-only baseline on 10,000
 * images of CIFAR-10's training folder with 25 labels per class, and compares them on 5,000 images that no run trains on.
 * CIFAR is a folder of class folders, or a .tar.gz of one; it is read only. Copies, label files and runs go to --out.
 */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openClassFolders } from './lib/class-folders.mjs';
import { describeHardware } from './lib/hardware.mjs';

const usage = `Usage: node bench/cifar.mjs CIFAR [--out DIR] [--seeds 1,2] [--train 10000] [--val 5000] [--labels-per-class 25]
                           [--recipe NAME] [--epochs N] [--threads N] [--json]
CIFAR  folder with one folder per class, or a .tar.gz of it
`;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string', default: 'runs/cifar' },
      seeds: { type: 'string', default: '1,2' },
      train: { type: 'string', default: '10000' },
      val: { type: 'string', default: '5000' },
      'labels-per-class': { type: 'string', default: '25' },
      recipe: { type: 'string', default: 'suave-small' },
      epochs: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 1) throw new Error(usage);
  const count = (name) => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`cifar: expected --${name} of at least 1, got ${values[name]}.`);
    return value;
  };
  return {
    source: positionals[0],
    out: values.out,
    recipe: values.recipe,
    json: values.json,
    seeds: values.seeds.split(',').map(Number),
    numTrain: count('train'),
    numVal: count('val'),
    labelsPerClass: count('labels-per-class'),
    threads: count('threads'),
    epochs: values.epochs === undefined ? null : count('epochs'),
  };
}

/** Copies the first images of every class to DATA/train and the following ones to DATA/val. */
function prepare({ source, out, numTrain, numVal }) {
  const data = join(out, `data-${numTrain}-${numVal}`);
  if (existsSync(data)) return data;
  mkdirSync(out, { recursive: true });
  const unfinished = mkdtempSync(join(out, 'unfinished-'));
  try {
    const { root, classes } = openClassFolders(source, unfinished);
    for (const name of classes) {
      const files = readdirSync(join(root, name)).sort();
      const numbers = { train: numTrain / classes.length, val: numVal / classes.length };
      if (
        !Number.isInteger(numbers.train) ||
        !Number.isInteger(numbers.val) ||
        files.length < numbers.train + numbers.val
      ) {
        throw new Error(
          `cifar: ${name} has ${files.length} images, needed are ${numbers.train} to train on and ${numbers.val} to hold out.`,
        );
      }
      let next = 0;
      for (const split of ['train', 'val']) {
        const target = join(unfinished, 'data', split, name);
        mkdirSync(target, { recursive: true });
        for (const file of files.slice(next, next + numbers[split]))
          copyFileSync(join(root, name, file), join(target, file));
        next += numbers[split];
      }
    }
    renameSync(join(unfinished, 'data'), data);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return data;
}

/** Standard error of an accuracy on n images. */
const standardError = (top1, n) => Math.sqrt((top1 * (1 - top1)) / n);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const rounded = (value) => Number(value.toFixed(4));

async function main() {
  const request = readArguments();
  const { out, recipe, seeds, labelsPerClass, threads, epochs, numTrain, numVal } = request;
  // Before libtorch is loaded: the BLAS library reads its variable once.
  for (const name of ['OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'])
    process.env[name] = String(threads);
  const { train } = await import('../packages/suave/dist/index.js');
  const data = prepare(request);
  const runs = [];
  for (const seed of seeds) {
    const run = join(out, `${recipe}-${labelsPerClass}-labels-seed-${seed}`);
    const overrides = Object.entries({
      seed,
      threads,
      'data.labelsPerClass': labelsPerClass,
      ...(epochs === null ? {} : { epochs }),
    });
    const result = await train({
      data,
      out: run,
      recipe,
      overrides: overrides.map(([path, value]) => ({ path, value, isText: false })),
      resume: true,
      baseline: true,
      threads,
      events: {
        note: (text) => console.error(text),
        epochEnded: (record) =>
          console.error(
            `seed ${seed}, ${record.stage} epoch ${record.epoch + 1}: hold-out top-1 ${record.val_top1?.toFixed(3)}`,
          ),
      },
    });
    runs.push({
      seed,
      suave_top1: result.top1,
      supervised_top1: result.baseline.top1,
      suave_seconds: result.seconds,
      supervised_seconds: result.baseline.seconds,
      run,
    });
  }
  const suave = mean(runs.map((run) => run.suave_top1));
  const supervised = mean(runs.map((run) => run.supervised_top1));
  // The runs share one hold-out: averaging over seeds does not make it larger. The two errors are added as if independent.
  const errors = [standardError(suave, numVal), standardError(supervised, numVal)];
  const result = {
    images: numTrain,
    labels_per_class: labelsPerClass,
    val_images: numVal,
    recipe,
    runs: runs.map((run) => ({
      ...run,
      suave_top1: rounded(run.suave_top1),
      supervised_top1: rounded(run.supervised_top1),
    })),
    suave_top1: rounded(suave),
    supervised_top1: rounded(supervised),
    difference: rounded(suave - supervised),
    standard_error: {
      suave: rounded(errors[0]),
      supervised: rounded(errors[1]),
      difference: rounded(Math.hypot(...errors)),
    },
    above_two_standard_errors: suave - supervised > 2 * Math.hypot(...errors),
    threads,
    hardware: describeHardware(),
  };
  process.stdout.write(`${JSON.stringify(result, null, request.json ? 0 : 2)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.message.trim()}\n`);
  process.exitCode = error.exitCode ?? 2;
}
