/**
 * @file What a checkpoint says about itself, stored as JSON text in the header of its safetensors file: enough to rebuild the
 * classifier, to prepare images for it and to continue the run, from this one file alone.
 */
import { RunError } from './run-error.js';

/** The backbone of a network, as its constructor takes it. */
export interface CheckpointBackbone {
  arch: string;
  width: number;
  stem: 'imagenet' | 'cifar';
  /** Side of a patch of a vision transformer, pixels; else null. */
  patchSize: number | null;
  /** Side of the images that its position encoding is stored for, pixels; else null. */
  imageSize: number | null;
}

/** Backbone, projection head and prototypes: SwAV and Suave. */
export interface PrototypesDescription extends CheckpointBackbone {
  kind: 'prototypes';
  hidden: number[];
  outputDim: number;
  /** Number of prototypes of each layer. */
  outputs: number[];
  /** Classes of the online heads, null without them. */
  onlineClasses: number | null;
  ensembleHead: boolean;
}

/** Backbone and a linear classifier. */
export interface LinearDescription extends CheckpointBackbone {
  kind: 'linear';
  /** Number of classes. */
  outputs: [number];
  /** What the classifier of a transformer reads, null for its usual feature. */
  features: { lastBlocks: number; averagePatches: boolean } | null;
}

/** Backbone and DINO's head: DINO and Daino. */
export interface DinoDescription extends CheckpointBackbone {
  kind: 'dino';
  head: { hiddenDim: number; bottleneckDim: number; layers: number; batchNorm: boolean; normLastLayer: boolean };
  /** Number of outputs. */
  outputs: [number];
}

/** Backbone and the heads of PAWS, with the labeled images that it compares with. */
export interface PawsDescription extends CheckpointBackbone {
  kind: 'paws';
  head: { hiddenDim: number; outputDim: number; prediction: boolean };
  /** Of the similarities to the labeled images. */
  temperature: number;
  /** Number of classes. */
  outputs: [number];
}

/** Architecture of the network of a checkpoint. */
export type CheckpointModel = PrototypesDescription | LinearDescription | DinoDescription | PawsDescription;

/** How images are prepared for the network. */
export interface CheckpointInput {
  resize: number;
  crop: number;
  interpolation: 'bilinear' | 'bicubic';
  mean: [number, number, number];
  std: [number, number, number];
  exifOrientation: 'apply' | 'ignore';
  /** Images are first reduced to this shorter side, as the cache does; null leaves them at full size. */
  cacheSide: number | null;
}

/** Accuracy on the hold-out. */
export interface CheckpointScore {
  top1: number;
  top5: number;
  /** Cross entropy in nats. */
  loss: number;
  /** Epochs of the stage that were done. */
  epoch: number;
}

/** Header of a checkpoint. */
export interface CheckpointMetadata {
  format: 1;
  /** Class names by output, null where the outputs are clusters (SwAV). */
  classes: string[] | null;
  model: CheckpointModel;
  input: CheckpointInput;
  /** T of the training loss. */
  temperature: number;
  /** `softmax(scores / probabilityTemperature)` are the probabilities; fitted on the hold-out when training ends, T until then. */
  probabilityTemperature: number;
  /** How this state was chosen: the newest, or the best on the hold-out (whose accuracy is then optimistic). */
  selection: 'last' | 'best on the hold-out' | 'end of a stage';
  /** Configuration of the run. */
  config: unknown;
  stage: { index: number; name: string; step: number; epoch: number };
  /** Whether the whole run is done. */
  finished: boolean;
  /** Complete lines of `metrics.jsonl` when it was written. */
  metricsLines: number;
  /** Losses that were summed since the last of these lines; the sums are tensors of the file. */
  meter: { names: string[]; steps: number };
  /** Seconds of training so far. */
  seconds: number;
  /** Score of this state, where it is known. */
  score: CheckpointScore | null;
  /** Best score so far. */
  best: CheckpointScore | null;
  suaveVersion: string;
}

const key = 'suave';
const backboneKeys = { patchSize: null, imageSize: null };
const laterKeys = {
  prototypes: { ...backboneKeys, ensembleHead: false },
  linear: { ...backboneKeys, features: null },
};

/** The header entry of a checkpoint. */
export function encodeCheckpointMetadata(metadata: CheckpointMetadata): Record<string, string> {
  return { format: 'pt', [key]: JSON.stringify(metadata) };
}

/**
 * Reads the header entry of a checkpoint.
 * @param file    name of the file, for messages
 * @param header  metadata of the safetensors file
 * @throws RunError `CHECKPOINT_FOREIGN` when the file was not written by Suave or by a newer format
 */
export function decodeCheckpointMetadata(file: string, header: Readonly<Record<string, string>>): CheckpointMetadata {
  const text = header[key];
  if (text === undefined) {
    throw new RunError(
      'CHECKPOINT_FOREIGN',
      `${file}: expected a checkpoint of Suave, got a safetensors file without its description.`,
    );
  }
  let metadata: Partial<CheckpointMetadata> | null = null;
  try {
    metadata = JSON.parse(text) as Partial<CheckpointMetadata>;
  } catch {
    // reported below
  }
  if (
    metadata === null ||
    typeof metadata !== 'object' ||
    metadata.model === undefined ||
    metadata.input === undefined
  ) {
    throw new RunError(
      'CHECKPOINT_DAMAGED',
      `${file}: the checkpoint's description is damaged. Use another checkpoint.`,
    );
  }
  if (metadata.format !== 1) {
    throw new RunError(
      'CHECKPOINT_FORMAT',
      `${file}: expected checkpoint format 1, got ${metadata.format}. Use a newer version of Suave.`,
    );
  }
  return { ...(metadata as CheckpointMetadata), model: withLaterKeys(metadata.model) };
}

/** Of a checkpoint from before there were transformers, ensemble heads and features of several blocks: it has none of them. */
function withLaterKeys(model: CheckpointModel): CheckpointModel {
  if (model.kind === 'prototypes') return { ...laterKeys.prototypes, ...model };
  return model.kind === 'linear' ? { ...laterKeys.linear, ...model } : model;
}
