/** @file Our side of `gpu-step`: steps of the trainer on any device, in the variants that are asked for. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as torch from '@suave/torch';
import { answer, peakMiB, readOptions } from '../lib/answer.mjs';
import { quantile } from '../lib/statistics.mjs';
import { syntheticData } from '../lib/synthetic-images.mjs';
import { configOf, phases, Training, wait } from './gpu-training.mjs';

const { cuda } = torch;
const workload = readOptions();
const { device } = workload;
const onCuda = device !== 'cpu';
/** Float32 as exact as it gets. */
const plain = { precision: 'fp32', graph: 'off', channelsLast: false };
const data = syntheticData(workload.image, workload.resident, workload.classes);

/** What the other side needs to do the same. */
function forPeer() {
  const { config, index } = configOf(workload, plain);
  const stage = config.stages[index];
  const { mean, std } = config.normalization;
  const view = (kind) => ({ ...kind, ...(kind.normalization ?? { mean, std }) });
  const { arch, stem, hidden, outputDim, imageSize, patchSize, dropPath } = config.model;
  const encoder = stage.method === 'suave' ? stage.momentumEncoder : stage.teacher;
  return {
    method: stage.method,
    device,
    arch,
    stem,
    hidden,
    outputDim,
    imageSize,
    patchSize,
    dropPath,
    head: stage.head ?? null,
    classes: workload.classes,
    unlabeled: stage.batch.unlabeled,
    labeled: stage.batch.labeled,
    images: { ...workload.image, count: workload.resident },
    views: { unlabeled: stage.views.unlabeled.map(view), labeled: view(stage.views.labeled) },
    mixing: { unlabeled: 'none', ...stage.mixing },
    temperature: stage.temperature ?? stage.studentTemperature,
    epsilon: stage.epsilon ?? null,
    iterations: stage.sinkhornIterations ?? null,
    queue: stage.queue?.size ?? 0,
    labelSmoothing: stage.labelSmoothing,
    teacher: encoder === null ? null : { momentum: encoder.momentum, totalSteps: 100_000 },
    teacherTemperature: stage.teacherTemperature?.warmup ?? null,
    centerMomentum: stage.centerMomentum ?? null,
    optimizer: { ...stage.optimizer, lr: stage.optimizer.lr / 10 },
    warmUpSteps: workload.warmUpSteps,
    stepsPerSample: workload.steps ?? 1,
    profiledSteps: workload.profiledSteps,
    parity: null,
  };
}

/** Weights and views for the other side, and the losses of the first steps on them, in float32. */
async function firstLosses() {
  const folder = mkdtempSync(join(tmpdir(), 'suave-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit());
  const file = join(folder, 'step.safetensors');
  const training = new Training(workload, data, plain, true);
  const { labeled, unlabeled } = await training.firstBatch();
  torch.scope(() =>
    torch.writeSafetensors(
      file,
      new Map(
        [
          ...[...training.method.model.stateDict()].map(([name, tensor]) => [`model.${name}`, tensor]),
          ['labeled.images', labeled.images],
          ['labeled.targets', labeled.targets],
          ...unlabeled.views.map((view, i) => [`view.${i}`, view]),
        ].map(([name, tensor]) => [name, tensor.detach().cpu().contiguous()]),
      ),
    ),
  );
  const losses = [];
  for (let i = 0; i < workload.checked; i++) {
    await training.run(1);
    losses.push(training.loss());
  }
  const { views, mixedPositions: positions, mixedLambdas: shares } = unlabeled;
  training.dispose();
  return { losses, parity: { file, steps: workload.checked, numViews: views.length, positions, shares } };
}

let training = null;

/** Starts anew in a variant and warms up. */
async function variant(chosen) {
  training?.dispose();
  training = new Training(workload, data, chosen);
  await training.run(workload.warmUpSteps);
  wait(device);
  if (onCuda && cuda.features().memoryStatistics) cuda.resetPeakMemoryStats();
  return { loss: training.loss() };
}

async function sample() {
  await training.run(workload.steps ?? 1);
  wait(device);
}

/** Median milliseconds of the parts of a step, and what the host does in one. */
async function profile({ graph }) {
  const parts = [];
  const isGraph = graph !== 'off';
  if (!isGraph) for (let i = 0; i < workload.profiledSteps; i++) parts.push(await training.profile());
  const medians = phases.map((name, i) => [
    name,
    quantile(
      parts.map((times) => times[i]),
      0.5,
    ),
  ]);
  const counts = onCuda && cuda.features().memoryStatistics;
  const memory = counts ? cuda.maxMemoryAllocated() / 2 ** 20 : peakMiB();
  const { calls, hostReads } = torch.countCalls(await training.prepared());
  const waits = onCuda ? countWaits(await training.prepared()) : null;
  return {
    split_ms: isGraph ? null : Object.fromEntries(medians),
    host_synchronizations: waits,
    host_reads: hostReads,
    native_calls: calls,
    ...(training.warnings.length > 0 ? { warnings: training.warnings } : {}),
    peak_memory_mib: Math.round(memory),
    // With a graph: what it keeps for itself as well.
    reserved_memory_mib: counts ? Math.round(cuda.maxMemoryReserved() / 2 ** 20) : null,
  };
}

/** How often libtorch made the host wait for the device while `step` ran; null where it cannot tell. */
function countWaits(step) {
  if (cuda.countSynchronizations === undefined) return null;
  const counted = cuda.countSynchronizations(step);
  return typeof counted === 'number' ? counted : counted.count;
}

const hello = { build: { cuda: onCuda ? cuda.versions() : null, device: onCuda ? cuda.getDeviceName() : 'cpu' } };
if (workload.isParity) {
  const { losses, parity } = await firstLosses();
  Object.assign(hello, { losses, forPeer: { ...forPeer(), parity } });
} else {
  hello.forPeer = forPeer();
}
await answer(hello, sample, undefined, { variant, profile });
