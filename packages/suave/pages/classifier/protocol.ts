/** @file What the page and its worker tell each other. */
import type { PageModel } from '../../src/export/web/page-model.js';

/** A class with its probability. */
export interface ClassProbability {
  /** Index of the class. */
  readonly index: number;
  readonly probability: number;
}

/** What was seen in one picture. */
export interface Prediction {
  /** Most probable first. */
  readonly top: readonly ClassProbability[];
  /** Milliseconds of decoding and preparing the picture, and of the network. */
  readonly prepareMs: number;
  readonly networkMs: number;
}

/** To the worker. */
export type Request =
  | { readonly kind: 'start'; readonly model: PageModel; readonly top: number }
  /** The next part of an asset, base64. */
  | { readonly kind: 'part'; readonly asset: 'runtime' | 'network'; readonly text: string; readonly last: boolean }
  | { readonly kind: 'image'; readonly id: number; readonly file: Blob }
  | { readonly kind: 'frame'; readonly id: number; readonly frame: ImageBitmap };

/** From the worker. */
export type Reply =
  | { readonly kind: 'ready' }
  /** Nothing can be predicted, for a reason in one sentence. */
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'prediction'; readonly id: number; readonly prediction: Prediction }
  | { readonly kind: 'rejected'; readonly id: number; readonly message: string };
