/** @file Weights from the stage before, or from a checkpoint file, into the network of the next stage (specification 1.14). */
import { existsSync } from 'node:fs';
import { type nn, readSafetensors, readSafetensorsHeader, type Tensor } from '@suave/torch';
import { CheckpointError, listNames } from '../errors.js';
import { networkPrefix, predictingPrefix, refusePyTorchFile } from '../evaluation/classifier.js';
import { architectureText } from '../evaluation/network.js';
import { loadWeights, unwrapKeys } from '../models/index.js';
import type { Config, Stage } from '../recipes/index.js';
import { type CheckpointMetadata, type CheckpointModel, decodeCheckpointMetadata } from '../runs/index.js';

const headPrefixes = ['projection_head', 'prototypes', 'cls_heads', 'cls_ensemble', 'fc.', 'pred.', 'head.', 'support.'];
const isBackboneKey = (key: string): boolean => !headPrefixes.some((prefix) => key.startsWith(prefix));
/** The outputs of DINO's head: what prototypes are to SwAV. */
const lastLayerPrefix = 'head.last_layer.';
/** How DINO's networks name their backbone; the others give it no prefix. */
const backbonePrefix = 'backbone.';

/**
 * Copies what a stage takes from the weights before it.
 * @param network  modified in place
 * @param weights  tensors of the network before, by state-dict key; kept
 * @param from     where they come from, for messages
 * @throws CheckpointError when the backbone does not fit
 */
export function handOver(
  network: nn.Module,
  weights: ReadonlyMap<string, Tensor>,
  init: Stage['init'],
  from: string,
): void {
  if (init === 'nothing') return;
  const report = loadWeights(network, chosenWeights(network, weights, init), { prototypes: false });
  const missing = report.missing.filter(isBackboneKey);
  if (missing.length > 0) {
    const misfit = report.skipped.find((entry) => entry.key === missing[0]);
    const reason = misfit === undefined ? '' : ` (${misfit.key}: ${misfit.reason})`;
    throw new CheckpointError(
      `${from}: expected the weights of this backbone, ${missing.length} entries do not fit: ${listNames(missing, 3)}${reason}. Use a checkpoint of the same architecture.`,
      { code: 'CHECKPOINT_ARCHITECTURE' },
    );
  }
}

/** The weights that a stage takes, its backbone's under the names that the network has for them. */
function chosenWeights(
  network: nn.Module,
  weights: ReadonlyMap<string, Tensor>,
  init: Stage['init'],
): Map<string, Tensor> {
  const hasPrefix = [...network.stateDict().keys()].some((key) => key.startsWith(backbonePrefix));
  const chosen = new Map<string, Tensor>();
  for (const [key, tensor] of unwrapKeys(weights)) {
    if (!isBackboneKey(key)) {
      if (init !== 'backbone' && !key.startsWith(lastLayerPrefix)) chosen.set(key, tensor);
      continue;
    }
    const plain = key.startsWith(backbonePrefix) ? key.slice(backbonePrefix.length) : key;
    chosen.set(hasPrefix ? backbonePrefix + plain : plain, tensor);
  }
  return chosen;
}

/** Description of a checkpoint file, null for a safetensors file of somebody else. */
function describeFile(path: string): CheckpointMetadata | null {
  const { metadata } = readSafetensorsHeader(path);
  return metadata.suave === undefined ? null : decodeCheckpointMetadata(path, metadata);
}

/**
 * Checks that a checkpoint can be started from, before anything is allocated or written.
 * @throws CheckpointError when it is missing, a PyTorch file, or of another architecture
 */
export function checkInit(path: string, config: Config): void {
  if (!existsSync(path)) throw new CheckpointError(`--init ${path}: no such file.`, { code: 'CHECKPOINT_MISSING' });
  refusePyTorchFile(path);
  const described = describeFile(path)?.model;
  if (described === undefined) return;
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

/**
 * The network's weights of a checkpoint file, by state-dict key; the caller owns them.
 * @param which  of a method with a teacher: the student that learned, or the network that predicts
 */
export function readInitWeights(path: string, which: 'learning' | 'predicting' = 'learning'): Map<string, Tensor> {
  const { tensors, metadata } = readSafetensors(path);
  if (metadata.suave === undefined) return tensors;
  const prefix =
    which === 'learning' ? networkPrefix : predictingPrefix(decodeCheckpointMetadata(path, metadata).model);
  const weights = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(prefix)) weights.set(name.slice(prefix.length), tensor);
    else tensor.dispose();
  }
  return weights;
}
