/** @file The network itself, run by onnxruntime-web. */
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import type { PageModel } from '../../src/export/web/page-model.js';

/** The model and the page do not belong together. */
export class MismatchError extends Error {
  override name = 'MismatchError';
}

const exportAgain = 'Export the page again and keep its files together.';

/** A loaded network. */
export class Network {
  readonly #session: InferenceSession;
  readonly #side: number;

  private constructor(session: InferenceSession, side: number) {
    this.#session = session;
    this.#side = side;
  }

  /**
   * Loads the model and tries it once, on a gray picture.
   * @param runtime  onnxruntime-web's WebAssembly
   * @throws MismatchError when the model is not the one that the page describes
   */
  static async load(runtime: Uint8Array, model: Uint8Array, page: PageModel): Promise<Network> {
    env.wasm.wasmBinary = runtime;
    // More threads would be module workers, which cannot be started from a page on the disk.
    env.wasm.numThreads = 1;
    const session = await InferenceSession.create(model, { executionProviders: ['wasm'], logSeverityLevel: 3 });
    const { inputNames, outputNames } = session;
    if (inputNames[0] !== 'pixel_values' || outputNames[0] !== 'logits') {
      throw new MismatchError(
        `The model does not fit this page: expected "pixel_values" and "logits", got "${inputNames[0]}" and "${outputNames[0]}". ${exportAgain}`,
      );
    }
    const { crop } = page.input;
    const network = new Network(session, crop);
    const scores = await network.scores(new Float32Array(3 * crop * crop)).catch(() => {
      throw new MismatchError(
        `The model does not fit this page: it takes no pictures of ${crop} × ${crop} pixels. ${exportAgain}`,
      );
    });
    if (scores.length !== page.classes.length) {
      throw new MismatchError(
        `The model does not fit this page: the page names ${page.classes.length} classes, the model has ${scores.length} outputs. ${exportAgain}`,
      );
    }
    return network;
  }

  /** Scores [K] of one prepared picture [3, crop, crop]. */
  async scores(pixels: Float32Array): Promise<Float32Array> {
    const input = new Tensor('float32', pixels, [1, 3, this.#side, this.#side]);
    const { logits } = await this.#session.run({ pixel_values: input });
    return (await logits.getData()) as Float32Array;
  }
}
