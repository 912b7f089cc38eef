/**
 * @file `node bench/gpu-cifar.mjs DATA --out DIR`: a real run in a given time. SwAV, then Suave on CIFAR-10 with 25 labels a class, a
 * ResNet-18, and the labels alone beside it, all by `suave train`. A trial of two epochs measures what an epoch takes here; the
 * epochs are chosen so that everything, the trial too, ends within --minutes. Accuracy is that on held-out training images.
 */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openClassFolders } from './lib/class-folders.mjs';
import { curveSvg } from './lib/curve-svg.mjs';
import { describeGpu, describeHardware } from './lib/hardware.mjs';
import { epochsFor, secondsPerEpoch, swavSettings } from './lib/time-budget.mjs';

const usage = `Usage: node bench/gpu-cifar.mjs DATA --out DIR [--minutes 10] [--device cuda] [--precision bf16] [--labels-per-class 25]
                               [--holdout 0.1] [--seed 1] [--images N] [--small] [--threads N] [--json]
DATA  folder of class folders, a .tar.gz of one, or a file of suave prepare
--images N  of each class only the first N (folders alone);  --small  a network and batches for a processor
`;

/** Of the time for training, what SwAV gets. */
const swavShare = 0.45;
/** Seconds kept free at the end, and the part of the time that is planned with: an epoch may take longer than in the trial. */
const reserve = 10;
const planned = 0.93;
const suave = fileURLToPath(new URL('../packages/suave/bin/suave.js', import.meta.url));
/** A network for minutes on a processor: that the program works, not that it learns. */
const smallSettings = {
  'model.arch': 'resnet8',
  'model.width': 0.5,
  'model.hidden': '[64]',
  'stages.swav.batch.unlabeled': 32,
  'stages.swav.queue.size': 64,
  'stages.swav.prototypes': '[30]',
  'stages.suave.batch.unlabeled': 32,
  'stages.suave.batch.labeled': 16,
  'stages.suave.queue.size': 64,
  'baseline.batch.labeled': 16,
};

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      out: { type: 'string', default: 'runs/gpu-cifar' },
      minutes: { type: 'string', default: '10' },
      device: { type: 'string', default: 'cuda' },
      precision: { type: 'string' },
      'labels-per-class': { type: 'string', default: '25' },
      holdout: { type: 'string', default: '0.1' },
      seed: { type: 'string', default: '1' },
      images: { type: 'string' },
      small: { type: 'boolean', default: false },
      threads: { type: 'string', default: String(availableParallelism()) },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length !== 1) throw new Error(usage);
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new Error(`gpu-cifar: expected --minutes above 0, got ${values.minutes}.`);
  return {
    ...values,
    source: positionals[0],
    minutes,
    precision: values.precision ?? (values.device === 'cuda' ? 'bf16' : 'fp32'),
    images: values.images === undefined ? null : Number(values.images),
  };
}

/** DATA as `suave train` takes it: a prepared file as it is, else class folders, unpacked or reduced where need be. */
function prepareData({ source, out, images }) {
  mkdirSync(out, { recursive: true });
  const isArchive = statSync(source).isFile() && /\.(tar\.gz|tgz)$/.test(source);
  if (statSync(source).isFile() && !isArchive) return source;
  if (!isArchive && images === null) return source;
  const data = join(out, images === null ? 'data' : `data-${images}`);
  if (existsSync(data)) return data;
  const unfinished = `${data}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const { root, classes } = openClassFolders(source, unfinished);
  if (images === null) renameSync(root, join(unfinished, 'train'));
  else
    for (const name of classes) {
      const target = join(unfinished, 'train', name);
      mkdirSync(target, { recursive: true });
      const files = readdirSync(join(root, name)).sort().slice(0, images);
      for (const file of files) copyFileSync(join(root, name, file), join(target, file));
    }
  rmSync(join(unfinished, 'unpacked'), { recursive: true, force: true });
  renameSync(unfinished, data);
  return data;
}

const say = (text) => process.stderr.write(`gpu-cifar: ${text}\n`);

/** Runs `suave train`; what it says goes to standard error. @returns exit status, its JSON result where there is one */
function train(request, run, settings, secondsLeft) {
  const { data, out, device, precision, seed, threads, holdout } = request;
  const all = { 'logging.every': 20, ...(request.small ? smallSettings : {}), ...settings };
  const args = [
    ...[suave, 'train', data, '--out', run, '--recipe', 'suave-cifar10', '--cache', join(out, 'cache')],
    ...['--labels-per-class', request['labels-per-class'], '--holdout', holdout, '--baseline', '--seed', seed],
    ...[
      '--device',
      device,
      '--precision',
      precision,
      '--threads',
      threads,
      '--workers',
      threads,
      '--log',
      'none',
      '--json',
    ],
    ...Object.entries(all).flatMap(([path, value]) => ['--set', `${path}=${value}`]),
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    // Stops with a checkpoint; what was reached is in the run folder.
    const late = setTimeout(() => child.kill('SIGINT'), 1000 * Math.max(1, secondsLeft));
    const killed = setTimeout(() => child.kill('SIGKILL'), 1000 * Math.max(1, secondsLeft) + 60_000);
    child.on('error', reject);
    child.on('close', (status) => {
      clearTimeout(late);
      clearTimeout(killed);
      resolve({ status, result: text.trim() === '' ? null : JSON.parse(text) });
    });
  });
}

/** Lines of a run's metrics. */
function metricsOf(run) {
  const file = join(run, 'metrics.jsonl');
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

/** Images that a run has set aside. */
function heldOut(run) {
  const file = join(run, 'splits/val.csv');
  if (!existsSync(file)) return 0;
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines[0]?.startsWith('path,') ? lines.length - 1 : lines.length;
}

const curveOf = (records) =>
  records
    .filter(({ val_top1 }) => typeof val_top1 === 'number')
    .map(({ seconds, epoch, val_top1 }) => ({ seconds, epoch: epoch + 1, top1: val_top1 }));

const standardError = (top1, n) => (top1 === null || n === 0 ? null : Math.sqrt((top1 * (1 - top1)) / n));
const rounded = (value) => (value === null || value === undefined ? null : Number(value.toFixed(4)));

/** The costs of an epoch of each stage, from a run of two. */
async function trial(request, secondsLeft) {
  const run = join(request.out, 'trial');
  rmSync(run, { recursive: true, force: true });
  const { status } = await train(request, run, { epochs: 2, ...swavSettings(2) }, secondsLeft);
  if (status !== 0) throw new Error(`gpu-cifar: the trial ended with exit status ${status}; its messages are above.`);
  const [main, baseline] = [metricsOf(run), metricsOf(join(run, 'baseline'))];
  const cost = {
    swav: secondsPerEpoch(main, 'swav'),
    suave: secondsPerEpoch(main, 'suave'),
    baseline: secondsPerEpoch(baseline, 'baseline'),
  };
  return { cost, trained: 2 * (cost.swav + cost.suave) + cost.baseline };
}

async function main() {
  const started = performance.now();
  const elapsed = () => (performance.now() - started) / 1000;
  const request = readArguments();
  const left = () => 60 * request.minutes - elapsed();
  request.data = prepareData(request);
  const before = elapsed();
  const { cost, trained } = await trial(request, left() / 2);
  // Start, reading, graphs and reports come again; what was decoded is in the cache.
  const overhead = elapsed() - before - trained;
  const epochs = epochsFor(cost, planned * (left() - Math.max(0, overhead) - reserve), swavShare);
  say(`an epoch takes ${JSON.stringify(cost)} s; chosen: ${JSON.stringify(epochs)}`);
  const run = join(request.out, 'run');
  rmSync(run, { recursive: true, force: true });
  const settings = { epochs: epochs.suave, ...swavSettings(epochs.swav) };
  const { status, result } = await train(request, run, settings, left() - reserve / 2);
  const records = metricsOf(run);
  const curves = { suave: curveOf(records), baseline: curveOf(metricsOf(join(run, 'baseline'))) };
  const swavEnd = records.findLast(({ stage }) => stage === 'swav')?.seconds ?? 0;
  const images = result?.images ?? heldOut(run);
  const top1 = { suave: curves.suave.at(-1)?.top1 ?? null, supervised: curves.baseline.at(-1)?.top1 ?? null };
  const errors = [standardError(top1.suave, images), standardError(top1.supervised, images)];
  const summary = {
    bench: 'gpu-cifar',
    status: status === 0 ? 'done' : status === 130 ? 'stopped at the limit' : `exit status ${status}`,
    labels_per_class: Number(request['labels-per-class']),
    val_images: images,
    suave_top1: rounded(result?.top1 ?? top1.suave),
    supervised_top1: rounded(result?.baseline?.top1 ?? top1.supervised),
    standard_error: { suave: rounded(errors[0]), supervised: rounded(errors[1]) },
    epochs,
    seconds_per_epoch: cost,
    seconds: { all: Math.round(elapsed()), trial: Math.round(before + trained + overhead), swav: swavEnd },
    minutes: request.minutes,
    precision: request.precision,
    device: request.device,
    small: request.small,
    curves,
    run,
    hardware: { ...describeHardware(), gpu: request.device === 'cuda' ? describeGpu() : null },
    date: new Date().toISOString(),
  };
  writeFileSync(join(request.out, 'gpu-cifar.json'), `${JSON.stringify(summary, null, 2)}\n`);
  const minutes = (points) => points.map((point) => [point.seconds / 60, point.top1]);
  const svg = curveSvg({
    title: `CIFAR-10, ${request['labels-per-class']} labels a class: accuracy on ${images} held-out images`,
    bands: [{ name: 'SwAV, no labels', from: 0, to: swavEnd / 60 }],
    curves: [
      { name: 'SwAV, then Suave', points: minutes(curves.suave) },
      { name: 'labels alone', points: minutes(curves.baseline) },
    ],
  });
  writeFileSync(join(request.out, 'gpu-cifar.svg'), svg);
  process.stdout.write(`${JSON.stringify(summary, null, request.json ? 0 : 2)}\n`);
  if (status !== 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error.message.trim()}\n`);
  process.exitCode = 2;
}
