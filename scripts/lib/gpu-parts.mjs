/** @file The parts of the check on a GPU: each a program, its limit in seconds, and what its result says in a line. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingModules, python } from '../../bench/lib/programs.mjs';
import { root } from './process.mjs';

const models = ['resnet18', 'resnet50', 'vit'];
const precisions = ['bf16', 'fp32', 'tf32', 'fp16'];

/** What vitest is told to run, at full length and small. */
const tests = {
  torch: {
    full: ['packages/torch/src'],
    small: ['packages/torch/src/devices', 'packages/torch/src/optim/clip'],
    limit: 300,
  },
  golden: { full: ['tests/golden/'], small: ['tests/golden/01-', 'tests/golden/03-'], limit: 240 },
  suave: {
    full: ['methods', 'models', 'training', 'evaluation', 'augment', 'data'].map(
      (room) => `packages/suave/src/${room}/`,
    ),
    small: ['packages/suave/src/training/meter'],
    limit: 300,
  },
};

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const rounded = (value) => (value === null || value === undefined ? '–' : Number(value.toPrecision(3)));

/** What vitest's own report says. */
function readTests(file) {
  const report = readJson(file);
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  const failures = report.testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => ({
        file: name,
        test: fullName,
        message: failureMessages[0]?.split('\n')[0],
      })),
  );
  const failed = report.numFailedTests + broken.length;
  const counts = { passed: report.numPassedTests, failed, skipped: report.numPendingTests + report.numTodoTests };
  return {
    figures: `${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`,
    problem: failed > 0 ? `${failed} tests failed` : counts.passed === 0 ? 'no test ran' : null,
    ...counts,
    failures: failures.slice(0, 200),
    broken: broken.map(({ name, message }) => ({ file: name, message: message?.split('\n')[0] })),
  };
}

function testPart(name, { device, small, out }) {
  const { full, small: few, limit } = tests[name];
  const report = join(out, `tests-${name}.vitest.json`);
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...(small ? few : full)];
  const environment = device === 'cpu' ? { SUAVE_TEST_DEVICES: 'cpu' } : {};
  return {
    name: `tests-${name}`,
    limit,
    environment,
    command: [process.execPath, ...vitest, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
    read: () => readTests(report),
  };
}

/** A line for each case of a bench: images a second of both sides, their ratio, the waits and calls of a step. */
function caseLine(one) {
  const { precision, variant, skipped, failed, images_per_second: rates } = one;
  if (skipped !== undefined) return null;
  if (failed !== undefined) return `${precision} ${variant}: failed, ${failed.split('\n')[0]}`;
  if (rates === undefined) return null;
  const ratio = one.ratio === undefined ? '' : `, time ours/theirs ${rounded(one.ratio)}`;
  const theirs = rates.theirs === null ? '' : ` against ${rounded(rates.theirs)}`;
  const host = `${rounded(one.host_synchronizations)} waits, ${rounded(one.native_calls)} calls a step`;
  return `${precision} ${variant}: ${rounded(rates.ours)} images/s${theirs}${ratio}, ${rounded(one.peak_memory_mib)} MiB, ${host}`;
}

function stepPart(model, { device, small, out }) {
  const interpreter = device === 'cuda' ? 'python3' : python;
  const modules = ['torch', 'torchvision', ...(model === 'vit' ? ['timm'] : [])];
  let missing = [];
  const file = join(out, `gpu-step-${model}.json`);
  const options = ['--model', model, '--device', device, '--precision', precisions.join(','), '--json', '--out', file];
  const few = small
    ? ['--small', '--pairs', '1', '--threads', '1', '--precision', 'fp32,fp16', '--variants', 'eager,emulated']
    : [];
  return {
    name: `step-${model}`,
    limit: small ? 900 : 240,
    command() {
      missing = missingModules(interpreter, modules);
      const alone = missing.length === 0 ? [] : ['--alone'];
      return [process.execPath, join(root, 'bench/run.mjs'), 'gpu-step', ...options, ...few, ...alone];
    },
    read() {
      const { parity, cases } = readJson(file);
      const unmatched = missing.length === 0 ? [] : [`${interpreter} has no ${missing.join(', ')}: ours alone`];
      const losses =
        parity === null
          ? unmatched
          : [
              `first losses: ${parity.isEqual ? 'equal' : 'differ'} (${parity.failed ?? parity.differences.map(rounded).join(', ')})`,
            ];
      return { figures: [...losses, ...cases.map(caseLine)].filter((line) => line !== null).join('\n') };
    },
  };
}

function cifarPart({ device, small, out, data, minutes }) {
  if (data === null) return { name: 'cifar', skip: 'no --data was given' };
  const folder = join(out, 'cifar');
  const few = small
    ? ['--small', ...(data.endsWith('.suave') ? [] : ['--images', '40']), '--labels-per-class', '8']
    : [];
  const options = ['--out', folder, '--device', device, '--minutes', String(minutes), '--json', ...few];
  return {
    name: 'cifar',
    limit: Math.ceil(60 * minutes) + 35,
    command: [process.execPath, join(root, 'bench/gpu-cifar.mjs'), data, ...options],
    read() {
      const { suave_top1, supervised_top1, val_images, epochs, seconds, status } = readJson(
        join(folder, 'gpu-cifar.json'),
      );
      const spent = `${epochs.swav} epochs of SwAV, ${epochs.suave} of Suave, ${seconds.all} s in all, ${status}`;
      return {
        figures: `top-1 ${suave_top1}, labels alone ${supervised_top1}, on ${val_images} held-out images\n${spent}`,
      };
    },
  };
}

/** What doctor found, and in a line what matters of the GPU. */
function readDoctor(device, stdout) {
  const doctor = JSON.parse(stdout);
  const { available, reason, version, cudnn, driver, devices, featuresOff } = doctor.cuda;
  const names = devices.map(({ name, capability }) => `${name} (${capability})`).join(', ');
  const off = featuresOff.length === 0 ? '' : `, addon without ${featuresOff.join(', ')}`;
  const figures = `libtorch ${doctor.libtorch?.version ?? 'missing'}`;
  if (device === 'cpu') return { doctor, figures };
  if (!available) return { doctor, figures, problem: `no CUDA: ${reason}` };
  return { doctor, figures: `${figures}, ${names}, CUDA ${version}, cuDNN ${cudnn}, driver ${driver}${off}` };
}

/**
 * All parts in their order.
 * @param request  device, small, out, data, minutes
 */
export function checkParts(request) {
  const isBundle = existsSync(join(root, 'install.sh'));
  const { device } = request;
  return [
    isBundle
      ? { name: 'install', limit: 480, isNeeded: true, command: [join(root, 'install.sh')] }
      : { name: 'install', skip: 'this is a clone, which npm run setup sets up' },
    {
      name: 'doctor',
      limit: 60,
      command: [process.execPath, join(root, 'packages/suave/bin/suave.js'), 'doctor', '--json'],
      read: ({ stdout }) => readDoctor(device, stdout),
    },
    testPart('torch', request),
    testPart('golden', request),
    ...models.map((model) => stepPart(model, request)),
    cifarPart(request),
    testPart('suave', request),
  ];
}
