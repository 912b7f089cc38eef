/**
 * @file `npm run bench -- gpu-step --model NAME`: a whole training step, augmentation to optimizer, against an eager PyTorch step with
 * automatic mixed precision on the same device. First the losses of both on the same weights and views, then, for each precision and
 * variant of ours, pairs of samples in turns; then where the time of a step goes. `--device cpu --small` proves that it runs.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gpuModels, gpuWorkload } from './lib/gpu-models.mjs';
import { describeGpu, describeHardware, hardwareSlug } from './lib/hardware.mjs';
import { missingModules, PeerError, Program, python } from './lib/programs.mjs';
import { comparePairs, quantile } from './lib/statistics.mjs';

/** `fp32` is exact float32; `tf32` lets products round their operands, on both sides. */
const precisions = ['bf16', 'fp32', 'tf32', 'fp16'];

/** Ours; the other side always has channels-last weights. */
const variants = {
  graph: { graph: 'auto', channelsLast: true },
  eager: { graph: 'off', channelsLast: true },
  'graph-nchw': { graph: 'auto', channelsLast: false },
  'eager-nchw': { graph: 'off', channelsLast: false },
  // The work of a graph without one, on any device.
  emulated: { graph: 'emulate', channelsLast: true },
};
const usual = { bf16: ['graph', 'eager', 'graph-nchw', 'eager-nchw'], other: ['graph', 'eager'] };

const usage = `Usage: npm run bench -- gpu-step --model ${Object.keys(gpuModels).join('|')} [--device cuda|cpu] [--precision ${precisions}]
                                 [--variants ${Object.keys(variants).join(',')}] [--pairs 7] [--small]
                                 [--alone | --losses] [--python PROGRAM] [--threads N] [--json] [--out FILE|none]

${Object.entries(gpuModels)
  .map(([name, { description }]) => `  ${name.padEnd(10)}${description}`)
  .join('\n')}

--alone measures ours only, where there is no PyTorch in Python; --losses compares the first losses and measures nothing. The result goes to bench/results/ unless --small or --out.
`;

/** Relative distance, absolute below 1. */
const distance = (a, b) => Math.abs(a - b) / Math.max(1, Math.abs(b));

function listed(option, text, allowed) {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.find((name) => !allowed.includes(name));
  if (unknown !== undefined)
    throw new PeerError(`bench gpu-step: expected --${option} of ${allowed.join(', ')}, got "${unknown}".`);
  return [...new Set(names)];
}

function readArguments(args) {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: '' },
      device: { type: 'string', default: 'cuda' },
      precision: { type: 'string', default: 'bf16' },
      variants: { type: 'string' },
      pairs: { type: 'string', default: '7' },
      small: { type: 'boolean', default: false },
      alone: { type: 'boolean', default: false },
      losses: { type: 'boolean', default: false },
      python: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      json: { type: 'boolean', default: false },
      out: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const [model] = listed('model', values.model, Object.keys(gpuModels));
  const [device] = listed('device', values.device, ['cuda', 'cpu']);
  const count = (name, least) => {
    const value = Number(values[name]);
    if (!(Number.isInteger(value) && value >= least))
      throw new PeerError(`bench gpu-step: expected --${name} of at least ${least}, got ${values[name]}.`);
    return value;
  };
  const asked = listed('precision', values.precision, precisions);
  return {
    model,
    device,
    size: values.small ? 'small' : 'full',
    alone: values.alone,
    onlyLosses: values.losses,
    // A GPU machine has its PyTorch where `python3` is; elsewhere the one of the other benches.
    python: values.python ?? (device === 'cuda' ? 'python3' : python),
    precisions: asked,
    variants: values.variants === undefined ? null : listed('variants', values.variants, Object.keys(variants)),
    pairs: count('pairs', values.small ? 1 : 7),
    threads: count('threads', 1),
    json: values.json,
    out: values.out ?? null,
  };
}

/** What cannot be measured here, in words; null when it can. */
function obstacle({ device }, precision, variant) {
  if (device === 'cuda') return null;
  if (precision === 'fp16' || precision === 'tf32') return `${precision} is for GPUs`;
  return variant.graph === 'auto' ? 'graphs are of CUDA' : null;
}

const say = (text) => process.stderr.write(`gpu-step: ${text}\n`);
const round = (value, digits = 4) => (value === null ? null : Number(value.toPrecision(digits)));

/** Starts both sides of a size; theirs is null with `--alone`. */
async function start(request, size) {
  const options = gpuWorkload(request.model, { ...request, size });
  const ours = await Program.start('ours', 'gpu-step.mjs', options);
  const { threads } = request;
  try {
    const peer = { threads, ...ours.hello.forPeer };
    const theirs = request.alone ? null : await Program.start('theirs', 'gpu_step.py', peer, request.python);
    return { ours, theirs, options, stop: () => [ours, theirs].forEach((program) => void program?.stop()) };
  } catch (error) {
    ours.stop();
    throw error;
  }
}

/** Losses of the first steps on the same weights and views, in float32. @throws PeerError where they differ */
async function compareLosses(request) {
  const { ours, theirs, stop } = await start(request, 'parity');
  try {
    const losses = { ours: ours.hello.losses, theirs: theirs.hello.losses };
    // On a GPU both sum in an order of their own; later steps went through the optimizer as well.
    const [first, later] = request.device === 'cuda' ? [1e-3, 1e-2] : [1e-4, 2e-3];
    const differences = losses.ours.map((loss, i) => distance(loss, losses.theirs[i]));
    const isEqual = differences.every((difference, i) => difference <= (i === 0 ? first : later));
    return { losses, differences, tolerances: { first, later }, isEqual };
  } finally {
    stop();
  }
}

/** One case: ours in a variant against theirs, in turns. */
async function measure({ ours, theirs, options }, request, precision, name) {
  const variant = { precision, ...variants[name] };
  await ours.ask('variant', variant);
  const sides = theirs === null ? ['ours'] : ['ours', 'theirs'];
  const seconds = { ours: [], theirs: [] };
  for (let pair = 0; pair < request.pairs; pair++) {
    for (const side of pair % 2 === 0 ? sides : [...sides].reverse())
      seconds[side].push((await { ours, theirs }[side].ask('sample')).seconds);
  }
  const profile = await ours.ask('profile', variant);
  const steps = options.steps ?? 1;
  const images = options.unlabeled + options.labeled;
  const rate = (times) => round((images * steps) / quantile(times, 0.5));
  return {
    precision,
    variant: name,
    ...(theirs === null ? { n: request.pairs } : comparePairs(seconds.ours, seconds.theirs, steps)),
    images_per_second: { ours: rate(seconds.ours), theirs: theirs === null ? null : rate(seconds.theirs) },
    step_ms: {
      ours: round((1000 * quantile(seconds.ours, 0.5)) / steps),
      theirs: theirs === null ? null : round((1000 * quantile(seconds.theirs, 0.5)) / steps),
    },
    ...profile,
  };
}

const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/** Versions of both sides as they said hello. */
function versionsOf({ ours, theirs }) {
  return {
    node: process.version,
    ours: { ...ours.hello.versions, ...ours.hello.build },
    python: theirs === null ? null : { ...theirs.hello.versions, ...theirs.hello.build },
  };
}

/** All cases of a precision; what fails is written down and does not stop what follows. @returns the programs' versions */
async function measurePrecision(request, precision, cases) {
  const chosen = request.variants ?? usual[precision] ?? usual.other;
  let programs = null;
  let versions = null;
  const stop = () => {
    programs?.stop();
    programs = null;
  };
  try {
    for (const name of chosen) {
      const reason = obstacle(request, precision, variants[name]);
      if (reason !== null) {
        cases.push({ precision, variant: name, skipped: reason });
        continue;
      }
      say(`${request.model}, ${precision}, ${name}`);
      try {
        if (programs === null) {
          programs = await start(request, request.size);
          versions = versionsOf(programs);
          await programs.theirs?.ask('variant', { precision, channelsLast: true });
        }
        cases.push(await measure(programs, request, precision, name));
      } catch (error) {
        cases.push({ precision, variant: name, failed: messageOf(error) });
        stop();
      }
    }
    const theirs = await programs?.theirs?.ask('profile');
    if (theirs !== undefined) cases.push({ precision, variant: 'theirs', ...theirs });
  } finally {
    stop();
  }
  return versions;
}

/** Runs the bench with the arguments after its name; exit status 1 where the losses differ. */
export async function runGpuStep(args) {
  const request = readArguments(args);
  if (request === null) {
    process.stdout.write(usage);
    return;
  }
  const modules = ['torch', 'torchvision', ...(request.model === 'vit' ? ['timm'] : [])];
  const missing = request.alone || request.onlyLosses ? [] : missingModules(request.python, modules);
  if (missing.length > 0)
    throw new PeerError(
      `bench gpu-step: ${request.python} has no ${missing.join(' and no ')} to compare with. Name another with --python, or measure ours with --alone.`,
    );
  const { model, device, size } = request;
  say(`${model}: losses of both on the same weights`);
  const parity = request.alone ? null : await compareLosses(request).catch((error) => ({ failed: messageOf(error) }));
  const cases = [];
  let versions = null;
  for (const precision of request.onlyLosses ? [] : request.precisions)
    versions = (await measurePrecision(request, precision, cases)) ?? versions;
  const measured = cases.filter(({ ratio }) => ratio !== undefined);
  // The headline is what `suave train` does by itself; of several precisions the first asked for.
  const headline = measured[0] ?? null;
  const gpu = device === 'cuda' ? describeGpu() : null;
  const hardware = { ...describeHardware(), gpu };
  const result = {
    bench: 'gpu-step',
    model,
    description: gpuModels[model].description,
    device,
    size,
    ratio: headline?.ratio ?? null,
    case: headline === null ? null : `${headline.precision} ${headline.variant}`,
    spread: headline?.spread ?? null,
    n: headline?.n ?? request.pairs,
    parity,
    cases,
    threads: request.threads,
    versions,
    hardware,
    date: new Date().toISOString(),
  };
  const file = resultFile(request, result);
  if (file !== null) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  }
  process.stdout.write(`${JSON.stringify(result, null, request.json ? 0 : 2)}\n`);
  if (parity !== null && parity.isEqual !== true) {
    const what = parity.failed ?? 'the first losses of the two sides differ; the times compare different things';
    process.stderr.write(`gpu-step: ${what}.\n`);
    process.exitCode = 1;
  }
  if (cases.some(({ failed }) => failed !== undefined)) process.exitCode = 1;
}

function resultFile({ out, size, model, onlyLosses }, { hardware, date }) {
  if (out !== null) return out === 'none' ? null : out;
  if (size !== 'full' || onlyLosses) return null;
  const name = `gpu-step-${model}_${hardwareSlug(hardware.gpu)}_${date.slice(0, 10)}.json`;
  return join(fileURLToPath(new URL('results', import.meta.url)), name);
}
