/**
 * @file `node bench/ablations.mjs CIFAR [options]`: what goes beyond the paper, each with and without, on real images and the same
 * seeds. CIFAR is a folder of class folders, or a .tar.gz of one; it is read only. Copies and runs go to --out, finished runs are
 * not repeated. Prints a table in Markdown; the figures are in OUT/ablations.json.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ablations, common, prepareImages } from './lib/ablations.mjs';
import { describeHardware } from './lib/hardware.mjs';

const usage = `Usage: node bench/ablations.mjs CIFAR [--only NAME,NAME] [--seeds 1,2] [--images 5000] [--val 2000] [--epochs 10]
                               [--recipe suave-small] [--threads N] [--out runs/ablations] [--json]
CIFAR  folder with one folder per class, or a .tar.gz of it
${Object.entries(ablations)
  .map(([name, { title }]) => `  ${name.padEnd(16)}${title}`)
  .join('\n')}
`;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      only: { type: 'string', default: Object.keys(ablations).join(',') },
      seeds: { type: 'string', default: '1,2' },
      images: { type: 'string', default: '5000' },
      val: { type: 'string', default: '2000' },
      epochs: { type: 'string', default: '10' },
      recipe: { type: 'string', default: 'suave-small' },
      threads: { type: 'string', default: String(availableParallelism()) },
      out: { type: 'string', default: 'runs/ablations' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  if (positionals.length !== 1) throw new Error(usage);
  const names = values.only.split(',');
  const unknown = names.find((name) => !Object.hasOwn(ablations, name));
  if (unknown !== undefined) throw new Error(`ablations: no ablation "${unknown}".\n\n${usage}`);
  const count = (name, text = values[name]) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1)
      throw new Error(`ablations: expected --${name} of at least 1, got ${text}.`);
    return value;
  };
  return {
    source: positionals[0],
    names,
    seeds: values.seeds.split(',').map((seed) => count('seeds', seed)),
    images: count('images'),
    val: count('val'),
    epochs: count('epochs'),
    recipe: values.recipe,
    threads: count('threads'),
    out: values.out,
    json: values.json,
  };
}

/** Trains one side for one seed and measures it on val/. */
async function runOne({ train, evaluate, readMetrics, runPaths }, request, name, side, seed, { data, counts }) {
  const { recipe, epochs, images, val, threads, out } = request;
  const { data: dataSet, [side]: own } = ablations[name];
  // Named by what it is: ablations share a run where one side of both is the same.
  const what = Object.entries(own).map(([path, value]) => `-${path.split('.').at(-1)}-${value}`);
  const run = join(out, `${dataSet}${what.join('')}-seed-${seed}-${images}-${val}-images-${epochs}-epochs-${recipe}`);
  const settings = {
    ...common,
    epochs,
    seed,
    threads,
    'data.labels': join(data, 'labels.csv'),
    ...own,
  };
  const warnings = [];
  const result = await train({
    data,
    out: run,
    recipe,
    overrides: Object.entries(settings).map(([path, value]) => ({ path, value, isText: false })),
    resume: true,
    baseline: false,
    threads,
    events: {
      warning: (text) => warnings.push(text),
      epochEnded: ({ stage, epoch, val_top1 }) =>
        console.error(`${name} ${side}, seed ${seed}, ${stage} epoch ${epoch + 1}: top-1 ${val_top1?.toFixed(3)}`),
    },
  });
  const { evaluation } = await evaluate({ model: run, data });
  const classes = Object.entries(evaluation.classes);
  const total = classes.reduce((sum, [label]) => sum + counts[label], 0);
  const log = join(run, 'warnings.json'); // a finished run tells no warning again
  if (!result.alreadyFinished) writeFileSync(log, JSON.stringify(warnings));
  const last = readMetrics(runPaths(run).metrics).at(-1);
  return {
    seed,
    run,
    top1: evaluation.top1,
    // As in training, where the classes are not as many: each class counts by its images there.
    top1_by_share: classes.reduce((sum, [label, { top1 }]) => sum + (top1 * counts[label]) / total, 0),
    loss: evaluation.loss,
    val_images: evaluation.images,
    last_epsilon: last.epsilon ?? null,
    warnings: existsSync(log) ? JSON.parse(readFileSync(log, 'utf8')) : [],
    seconds: result.seconds,
  };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (value) => (100 * value).toFixed(1);

/** Mean difference on − off over the seeds, and its standard error by the images of val/ as if both sides were independent. */
function compare(pairs, key) {
  const off = mean(pairs.map((pair) => pair.off[key]));
  const on = mean(pairs.map((pair) => pair.on[key]));
  const numVal = pairs[0].off.val_images;
  const error = Math.sqrt((off * (1 - off) + on * (1 - on)) / numVal);
  return { off, on, difference: on - off, standard_error: error };
}

function table(results) {
  const rows = results.map(({ title, top1, top1_by_share, pairs }) => {
    const perSeed = (side) => pairs.map((pair) => percent(pair[side].top1)).join(', ');
    const difference = ({ difference, standard_error }) =>
      `${difference >= 0 ? '+' : ''}${percent(difference)} ± ${percent(standard_error)}`;
    const warned = (side) =>
      `${pairs.filter((pair) => pair[side].warnings.some((text) => /^stage /.test(text))).length} of ${pairs.length}`;
    return `| ${title} | ${percent(top1.off)} (${perSeed('off')}) | ${percent(top1.on)} (${perSeed('on')}) | ${difference(top1)} | ${difference(top1_by_share)} | ${warned('off')}, ${warned('on')} |`;
  });
  return [
    '| what | without: top-1 % (seeds) | with | difference | the same, classes by their share in training | runs with a collapse warning: without, with |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

async function main() {
  const request = readArguments();
  if (request === null) {
    process.stdout.write(usage);
    return;
  }
  const { names, seeds, threads, out } = request;
  // Before libtorch is loaded: the BLAS library reads its variable once.
  for (const name of ['OPENBLAS_NUM_THREADS', 'OMP_NUM_THREADS', 'MKL_NUM_THREADS'])
    process.env[name] = String(threads);
  const suave = await import('../packages/suave/dist/index.js');
  const results = [];
  for (const name of names) {
    const { title, data: dataSet, off, on } = ablations[name];
    const images = prepareImages(request, dataSet);
    const pairs = [];
    for (const seed of seeds) {
      const pair = {};
      for (const side of ['off', 'on']) pair[side] = await runOne(suave, request, name, side, seed, images);
      pairs.push(pair);
    }
    results.push({
      name,
      title,
      settings: { off, on },
      train_images: images.counts,
      top1: compare(pairs, 'top1'),
      top1_by_share: compare(pairs, 'top1_by_share'),
      pairs,
    });
    const { recipe, images: numImages, val, epochs } = request;
    const record = { recipe, images: numImages, val, epochs, common, threads, hardware: describeHardware(), results };
    const text = JSON.stringify(record, null, 2);
    writeFileSync(join(out, 'ablations.json'), `${text}\n`); // after each, so that an interruption loses none
    if (name === names.at(-1)) process.stdout.write(`${request.json ? text : table(results)}\n`);
  }
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.message.trim()}\n`);
  process.exitCode = error.exitCode ?? 2;
}
