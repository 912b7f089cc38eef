/** @file What a file of embeddings says about itself, and how a checkpoint is told from another one. */
import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { FeatureKind, FeatureName } from '../features.js';

/** Where embeddings come from; the same text in every format that can hold it. */
export interface EmbeddingsDescription {
  readonly format: 1;
  readonly kind: FeatureKind;
  /** What the features are, in words. */
  readonly features: FeatureName;
  /** SHA-256 of the checkpoint file, hexadecimal. */
  readonly checkpoint: string;
  readonly arch: string;
  /** Of DINO and Daino, where it was asked for. */
  readonly weights: 'teacher' | 'student' | null;
  /** Absolute path of the folder that the paths are relative to. */
  readonly data: string;
  /** Class names of the network, which predictions are numbers of; null where it names none. */
  readonly classes: readonly string[] | null;
  /** Names of the classes that images are known to be of, which labels are numbers of. */
  readonly labels: readonly string[];
  /** What images were to the run, which splits are numbers of. */
  readonly splits: readonly string[];
  readonly suaveVersion: string;
}

/** Key of the description in the metadata of safetensors and Parquet files. */
export const descriptionKey = 'suave.embeddings';

const chunkBytes = 8 * 2 ** 20;

/** SHA-256 of a file, hexadecimal. */
export function fileSha256(path: string): string {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(chunkBytes);
  const file = openSync(path, 'r');
  try {
    for (let size = readSync(file, chunk); size > 0; size = readSync(file, chunk)) hash.update(chunk.subarray(0, size));
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}
