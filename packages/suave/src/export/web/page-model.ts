/** @file What the exported page knows about its network, as JSON inside `index.html`. Types only: the browser imports them too. */
import type { CheckpointInput } from '../../runs/checkpoint-metadata.js';

/** Binary data that lie beside the page as scripts, so that they can be read where a page was opened from disk. */
export interface PageAsset {
  /** In words, for messages. */
  readonly name: string;
  /** The scripts, in order; each hands over a part of the compressed data. `bytes` is the size of the script. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Size and CRC-32 of the data, uncompressed. */
  readonly bytes: number;
  readonly crc32: number;
}

/** A page's network with all that is needed to use it. */
export interface PageModel {
  readonly format: 1;
  readonly title: string;
  /** Names of the outputs. */
  readonly classes: readonly string[];
  /** Whether the names are those of clusters, found without labels. */
  readonly clusters: boolean;
  /** In words: `resnet18 (width 1, cifar stem)`. */
  readonly architecture: string;
  /** Type of the weights. */
  readonly weights: 'float32' | 'int8';
  /** How images are prepared. */
  readonly input: CheckpointInput;
  /** onnxruntime-web's WebAssembly. */
  readonly runtime: PageAsset;
  /** The ONNX model: `pixel_values` to `logits`, of which softmax makes the probabilities. */
  readonly network: PageAsset;
  /** Version of Suave that wrote the page. */
  readonly version: string;
}

/** Id of the element that holds the `PageModel`, and of the one that holds the text of the worker. */
export const modelElementId = 'suave-model';
export const workerElementId = 'suave-worker';

/** Name of the function that the scripts of an asset call with their part: `suavePart(path, base64)`. */
export const partFunction = 'suavePart';
