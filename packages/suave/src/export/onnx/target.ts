/** @file What is exported of a run or checkpoint. */

import { loadNetwork } from '../../evaluation/classifier.js';
import { type CheckpointChoice, findCheckpoint, readCheckpointMetadata } from '../../evaluation/index.js';
import type { CheckpointMetadata } from '../../runs/index.js';
import type { OnnxTarget } from './build.js';

/** The network of a checkpoint, with all that is known about it; owns the network. */
export interface ExportTarget extends OnnxTarget, Disposable {
  /** The checkpoint. */
  readonly file: string;
  readonly metadata: CheckpointMetadata;
  /** Names of the outputs, null for clusters. */
  readonly classes: readonly string[] | null;
  dispose(): void;
}

/**
 * Loads the network that predicts (the teacher, of DINO and Daino). Without classes its outputs are clusters: all those of its
 * first layer of prototypes, or of its head.
 * @param path  run folder or checkpoint file
 * @throws CheckpointError, RunError when there is none, or when it is damaged or of another program
 */
export function exportTargetOf(path: string, options: { checkpoint?: CheckpointChoice } = {}): ExportTarget {
  const file = findCheckpoint(path, options.checkpoint);
  const metadata = readCheckpointMetadata(file);
  const { model, classes, input, probabilityTemperature } = metadata;
  const network = loadNetwork(file, model, 'cpu').eval();
  const dispose = (): void => network.dispose();
  return {
    network,
    model,
    numClasses: classes?.length ?? null,
    imageSize: input.crop,
    probabilityTemperature,
    file,
    metadata,
    classes,
    dispose,
    [Symbol.dispose]: dispose,
  };
}
