/** @file A trained classifier, rebuilt from one checkpoint file alone: network, preparation of images, class names, temperature. */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import { noGrad, SafetensorsFile, scope, type Tensor } from '@suave/torch';
import { CheckpointError } from '../errors.js';
import { momentumEncoderPrefix } from '../methods/index.js';
import type { ClassifierNetwork } from '../models/index.js';
import {
  type CheckpointMetadata,
  type CheckpointModel,
  decodeCheckpointMetadata,
  isFolder,
  RunError,
  runPaths,
} from '../runs/index.js';
import { createNetwork, type NetworkOf } from './network.js';

/** Which checkpoint of a run is meant: the last (the paper's protocol), or the best on the hold-out. */
export type CheckpointChoice = 'last' | 'best';

/**
 * The checkpoint file that RUN or CKPT names.
 * @param path    run folder, or a .safetensors file
 * @throws RunError, CheckpointError when there is none
 */
export function findCheckpoint(path: string, choice: CheckpointChoice = 'last'): string {
  if (isFolder(path)) {
    const paths = runPaths(path);
    const file = choice === 'last' ? paths.last : paths.best;
    if (existsSync(file)) return file;
    const isRun = existsSync(paths.config);
    const what = isRun
      ? `the run has no checkpoint "${choice}" yet. Train it first.`
      : 'expected a run folder with checkpoints, found none.';
    throw new RunError('RUN_WITHOUT_CHECKPOINT', `${path}: ${what}`);
  }
  if (!existsSync(path))
    throw new CheckpointError(`${path}: no such run folder or checkpoint.`, { code: 'CHECKPOINT_MISSING' });
  refusePyTorchFile(path);
  return path;
}

/** PyTorch's own files hold weights, not a classifier with its classes and its preparation of images. */
function refusePyTorchFile(path: string): void {
  if (!['.pth', '.pt', '.tar', '.ckpt', '.bin'].includes(extname(path).toLowerCase())) return;
  throw new CheckpointError(
    `${path}: expected a run or a checkpoint of Suave, got a file of PyTorch, which names no classes. Start a training from it with suave train --init.`,
    { code: 'CHECKPOINT_PYTORCH' },
  );
}

/** Reads the description of a checkpoint without its tensors. */
export function readCheckpointMetadata(file: string): CheckpointMetadata {
  const opened = new SafetensorsFile(file);
  try {
    return decodeCheckpointMetadata(file, opened.header.metadata);
  } finally {
    opened.close();
  }
}

/** Prefix of the tensors of the network that learns, in a checkpoint. */
export const networkPrefix = 'model.';

/** Prefix of the network that predicts: the teacher of DINO and Daino (specification 9.1), else the one that learns. */
export function predictingPrefix({ kind }: CheckpointModel): string {
  return kind === 'dino' ? momentumEncoderPrefix : networkPrefix;
}

/** Reads only the tensors of the network under `prefix` of a checkpoint; the caller owns them. */
export function readNetworkTensors(file: string, prefix: string): Map<string, Tensor> {
  const opened = new SafetensorsFile(file);
  try {
    const names = opened.names.filter((name) => name.startsWith(prefix));
    return new Map(names.map((name) => [name.slice(prefix.length), opened.read(name)]));
  } finally {
    opened.close();
  }
}

/**
 * The network that a checkpoint describes, with the weights under `prefix`; the caller owns it.
 * @throws CheckpointError `CHECKPOINT_MISMATCH` when the weights do not fit the description
 */
export function loadNetwork<Description extends CheckpointModel>(
  file: string,
  description: Description,
  device: string,
  prefix = predictingPrefix(description),
): NetworkOf<Description> {
  const network = createNetwork(description, device);
  const tensors = readNetworkTensors(file, prefix);
  try {
    network.loadStateDict(tensors);
  } catch (cause) {
    network.dispose();
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new CheckpointError(
      `${file}: expected weights that fit the network it describes, got others (${reason.replace(/\.$/, '')}). Use another checkpoint.`,
      { code: 'CHECKPOINT_MISMATCH', cause },
    );
  } finally {
    for (const tensor of tensors.values()) tensor.dispose();
  }
  return network;
}

/** A classifier that is ready to score images; owns its network. */
export class Classifier {
  readonly #network: ClassifierNetwork;

  /** @param network  taken over, set to evaluation mode */
  constructor(
    network: ClassifierNetwork,
    /** Class names by output. */
    readonly classes: readonly string[],
    readonly metadata: CheckpointMetadata,
    readonly device: string,
  ) {
    this.#network = network;
    network.eval();
  }

  /**
   * Rebuilds the classifier of a run or checkpoint.
   * @param path    run folder or checkpoint file
   * @param device  `cpu` or `cuda`
   * @throws CheckpointError when the file holds no classifier (a SwAV stage) or is damaged
   */
  static load(path: string, options: { device?: string; checkpoint?: CheckpointChoice } = {}): Classifier {
    const device = options.device ?? 'cpu';
    const file = findCheckpoint(path, options.checkpoint);
    const metadata = readCheckpointMetadata(file);
    if (metadata.classes === null) {
      throw new CheckpointError(
        `${file}: expected a classifier, got the clusters of stage "${metadata.stage.name}", which have no class names. Train the run to its end, or compare features with suave evaluate --protocol knn, linear or paws-nn.`,
        { code: 'CHECKPOINT_NOT_A_CLASSIFIER' },
      );
    }
    const network = loadNetwork(file, metadata.model, device);
    return new Classifier(network, metadata.classes, metadata, device);
  }

  /** `softmax(scores / temperature)` are the probabilities. */
  get temperature(): number {
    return this.metadata.probabilityTemperature;
  }

  /** Scores [N, K] of prepared images [N, 3, s, s], float32 on the CPU; prototypes beyond the classes are left out. */
  score(images: Tensor): Tensor {
    return noGrad(() => scope(() => this.outputs(images).narrow(1, 0, this.classes.length).contiguous()));
  }

  /** The same with every output: prototypes beyond the classes come after them. */
  outputs(images: Tensor): Tensor {
    return noGrad(() => scope(() => this.#network.classify(images).to('float32').cpu().contiguous()));
  }

  dispose(): void {
    this.#network.dispose();
  }
}

/** A run's own splits folder, or null for a checkpoint file. */
export function splitsFolderOf(path: string): string | null {
  if (!isFolder(path)) return null;
  const { splits, split } = runPaths(path);
  return existsSync(split('val')) ? splits : null;
}

/** Where the run of a checkpoint lies, if the file is still in its place: RUN/checkpoints/NAME. */
export function runOfCheckpoint(path: string): string | null {
  if (isFolder(path)) return path;
  const root = join(path, '..', '..');
  return existsSync(runPaths(root).config) ? root : null;
}
