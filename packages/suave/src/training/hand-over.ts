/** @file Weights from the stage before, or from a checkpoint file, into the network of the next stage (specification 1.14, 2.8). */
import { type nn, openTensorFile, type Tensor, type TensorFile } from '@suave/torch';
import { CheckpointError, listNames } from '../errors.js';
import { networkPrefix, predictingPrefix, readNetworkTensors } from '../evaluation/classifier.js';
import { architectureText, createDescribedBackbone } from '../evaluation/network.js';
import {
  isBackboneKey,
  isCounted,
  type LoadReport,
  leastBackboneShare,
  loadWeights,
  planImport,
  readTensors,
} from '../models/index.js';
import type { Config, Stage } from '../recipes/index.js';
import { type CheckpointMetadata, type CheckpointModel, decodeCheckpointMetadata } from '../runs/index.js';

/** How weights are handed over. */
export interface HandOverOptions {
  /** Where they come from, for messages. */
  readonly from: string;
  /** Accept less than 90 % of the backbone. Default false. */
  readonly allowPartial?: boolean;
}

/**
 * Copies what a stage takes from the weights before it.
 * @param network  modified in place
 * @param weights  tensors of the network before, by state-dict key; kept
 * @returns        what arrived and what did not; null for a stage that takes nothing
 * @throws CheckpointError when less than 90 % of the backbone fits and that is not allowed
 */
export function handOver(
  network: nn.Module,
  weights: ReadonlyMap<string, Tensor>,
  init: Stage['init'],
  { from, allowPartial = false }: HandOverOptions,
): LoadReport | null {
  if (init === 'nothing') return null;
  const report = loadWeights(network, weights, { projection: init !== 'backbone', prototypes: false });
  const { loaded, total, share } = report.backbone;
  if (share >= leastBackboneShare || allowPartial) return report;
  const misfit = report.skipped.find((entry) => report.missing.includes(entry.key));
  const reason = misfit === undefined ? '' : ` (${misfit.key}: ${misfit.reason})`;
  throw new CheckpointError(
    `${from}: expected the weights of this backbone, ${total - loaded} of ${total} entries do not fit: ${listNames(report.missing, 3)}${reason}. Use a checkpoint of the same architecture, or --allow-partial.`,
    { code: 'CHECKPOINT_ARCHITECTURE' },
  );
}

function describe({ path, metadata }: TensorFile): CheckpointMetadata | null {
  return metadata.suave === undefined ? null : decodeCheckpointMetadata(path, { ...metadata });
}

/**
 * Description of a checkpoint of Suave, null for a checkpoint of another program.
 * @throws CheckpointError when the file is missing, or no checkpoint of any kind
 */
export function describeInit(path: string): CheckpointMetadata | null {
  using file = openTensorFile(path);
  return describe(file);
}

/**
 * Checks that a checkpoint can be started from, before anything is written.
 * @throws CheckpointError when it is missing, no checkpoint, not one of a known network, or of another architecture
 */
export function checkInit(path: string, config: Config): void {
  using file = openTensorFile(path);
  const described = describe(file)?.model;
  if (described === undefined) {
    planImport(file, { preferred: 'student', allowPartial: config.allowPartialInit });
    if (!config.allowPartialInit) checkBackbone(path, config);
    return;
  }
  const wanted: CheckpointModel = {
    ...described,
    arch: config.model.arch,
    width: config.model.width,
    stem: config.model.stem,
    patchSize: config.model.patchSize,
    imageSize: config.model.imageSize,
  };
  if (architectureText(described) === architectureText(wanted)) return;
  throw new CheckpointError(
    `--init ${path}: expected a checkpoint of ${architectureText(wanted)}, got one of ${architectureText(described)}. Use another checkpoint, or --arch ${described.arch} with --set model.width=${described.width} --set model.stem=${described.stem}.`,
    { code: 'CHECKPOINT_ARCHITECTURE' },
  );
}

/** Loads the weights of another program's file into the backbone of the configuration, to see whether they fit it, and it them. */
function checkBackbone(path: string, { model }: Config): void {
  const backbone = createDescribedBackbone(model);
  try {
    const weights = readInitWeights(path);
    try {
      const report = handOver(backbone, weights, 'backbone', { from: `--init ${path}` });
      const inFile = [...weights.keys()].filter(
        (key) => isBackboneKey(key.replace(/^backbone\./, '')) && isCounted(key),
      );
      const loaded = report?.backbone.loaded ?? 0;
      if (loaded >= leastBackboneShare * inFile.length) return;
      throw new CheckpointError(
        `--init ${path}: expected a backbone ${model.arch}, got a larger one: ${inFile.length - loaded} of its ${inFile.length} entries have no place in it. Use --arch to name the architecture of the file, or --allow-partial.`,
        { code: 'CHECKPOINT_ARCHITECTURE' },
      );
    } finally {
      for (const tensor of weights.values()) tensor.dispose();
    }
  } finally {
    backbone.dispose();
  }
}

/**
 * The network's weights of a checkpoint file of any kind, by state-dict key; the caller owns them.
 * @param which  of a method with a teacher: the student that learned, or the network that predicts
 */
export function readInitWeights(path: string, which: 'learning' | 'predicting' = 'learning'): Map<string, Tensor> {
  using file = openTensorFile(path);
  const described = describe(file);
  if (described !== null)
    return readNetworkTensors(path, which === 'learning' ? networkPrefix : predictingPrefix(described.model));
  const preferred = which === 'learning' ? 'student' : 'teacher';
  // whether enough of it fits shows when it is loaded
  const plan = planImport(file, { preferred, part: 'backbone+head', allowPartial: true });
  return readTensors(file, plan.weights);
}
